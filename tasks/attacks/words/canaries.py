"""Models of texts whose weakness is known: an attack that leaves the weak one standing is blind, one that fells the
strong one lies.

The weak model goes by one word, which any edit hides and another word outweighs. The strong one goes by one word more
than the attacker may edit, any of which suffices, or by none at all where all may be edited; added words say nothing to
it.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from assay.spec import WordThreat
from tasks.attacks.asking import texts
from tasks.attacks.black_box import BlackBoxResult, RowAttack, run_attacks
from tasks.attacks.words.good_words import learn_good_words
from tasks.attacks.words.law import budget, within

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.attacks.words.good_words import GoodWords

_WORDS, _ROWS, _QUERIES = 30, 8, 400
_BAD, _GOOD = "lottery", "meeting"
_FILLERS = ("about", "there", "which", "would", "other", "after", "first", "could", "these", "where")


def sees(make: "Callable[[GoodWords], RowAttack]", threat: WordThreat, seed: int = 0) -> str:
    """Why an attack must not be believed within `threat`, in words; empty when it does what it should."""
    name, weak = _fare(make, threat, 1, seed)
    _, strong = _fare(make, threat, 1 + budget(threat.epsilon, _WORDS), seed)
    if any(one.outside for one in (*weak.outcomes, *strong.outcomes)):
        return f"{name} went beyond its threat model on a model known to be weak"
    if weak.robust.any():
        return f"{name} broke {1 - weak.robust_accuracy:.0%} of the rows of a model known to be weak, all demanded"
    if not strong.robust.all():
        return f"{name} claims rows that are known to stand"
    return ""


def _fare(
    make: "Callable[[GoodWords], RowAttack]", threat: WordThreat, bad: int, seed: int
) -> tuple[str, BlackBoxResult]:
    """The attack on a model that goes by so many bad words: one gives in to good words as well, several do not."""
    import numpy as np

    generator = np.random.default_rng(seed)
    rows = texts(_text(generator, [_BAD] * bad) for _ in range(_ROWS))
    others = texts(_text(generator, [_GOOD]) for _ in range(_ROWS))
    predict = partial(_by_words, gives_in=bad == 1, ignores=bad > _WORDS)
    good_words, _ = learn_good_words(predict, texts([*rows, *others]), np.repeat([1, 0], _ROWS))
    attack, labels = make(good_words), np.ones(_ROWS, np.int64)
    return attack.name, run_attacks(predict, rows, labels, [attack], partial(within, threat), _QUERIES, seed)


def _text(generator: "np.random.Generator", telling: list[str]) -> str:
    """Thirty words, the telling ones among them."""
    words = [str(word) for word in generator.choice(_FILLERS, _WORDS - min(len(telling), _WORDS))]
    for word in telling[:_WORDS]:
        words.insert(int(generator.integers(len(words) + 1)), word)
    return " ".join(words)


def _by_words(asked: "NDArray[Any]", gives_in: bool, ignores: bool) -> "NDArray[np.float64]":
    """Class 1 while a bad word is there, the surer the more of them; a good word outweighs one when it gives in."""
    import numpy as np

    split = [str(text).split() for text in asked]
    bad = np.array([words.count(_BAD) for words in split], float)
    good = np.array([words.count(_GOOD) for words in split], float)
    score = bad - 0.5 - 2 * good if gives_in else np.maximum(bad, ignores) - 0.5
    odds = 1 / (1 + np.exp(-score))
    return np.stack([1 - odds, odds], axis=1)
