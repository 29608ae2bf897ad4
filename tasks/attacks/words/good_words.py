"""Words that speak for another class, learned by asking the model (Lowd & Meek 2005), not by knowing it.

Words of the other classes' texts are added to a few texts that the model gets right but is least sure of.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tasks.attacks.asking import answer, margin, texts
from tasks.attacks.words.law import may_insert

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.attacks.asking import Predict

    GoodWords = Mapping[int, tuple[str, ...]]

ASKED, ASKED_AGAIN = 4000, 500
CARRIERS = 3
_FEWEST_TEXTS = 2
_MOST_TEXTS = 5000
_WORD = re.compile(r"[^\W_]+")


def learn_good_words(
    predict: "Predict",
    corpus: "NDArray[Any]",
    labels: "NDArray[np.int64]",
    say: Callable[[str], None] = lambda _: None,
) -> tuple["GoodWords", int]:
    """By label: the words that pull a text of that label most towards another, best first; and the questions asked.

    A label without texts that the model gets right, or without other texts, has no words. Raises UnusableAnswer.
    """
    import numpy as np

    corpus, labels = corpus[:_MOST_TEXTS], labels[:_MOST_TEXTS]
    answers = answer(predict, corpus)
    occurs = [frozenset(filter(may_insert, _WORD.findall(str(text)))) for text in corpus]
    found, asked = {}, len(corpus)
    for label in (label for label in np.unique(labels) if label < answers.shape[1]):
        own = np.flatnonzero(labels == label)
        right = own[margin(answers[own], int(label)) > 0]
        words = _candidates(occurs, labels == label)
        if not len(right) or not words:
            continue
        carriers = [str(corpus[at]) for at in _unsure(right, margin(answers[right], int(label)), corpus)]
        ranked = _by_pull(predict, carriers[:1], words, int(label))[:ASKED_AGAIN]
        found[int(label)] = tuple(_by_pull(predict, carriers, ranked, int(label)))
        asked += len(words) + 1 + len(carriers) * (len(ranked) + 1)
        say(f"words: {len(found[int(label)])} of {len(words)} words speak against class {label}")
    return found, asked


def _candidates(occurs: Sequence[frozenset[str]], own: "NDArray[np.bool_]") -> list[str]:
    """Words in more texts of other labels than of this one, by how much the shares of texts differ."""
    ours, others = int(own.sum()), int((~own).sum())
    if not others:
        return []
    here = Counter(word for words, mine in zip(occurs, own, strict=True) if mine for word in words)
    there = Counter(word for words, mine in zip(occurs, own, strict=True) if not mine for word in words)
    lead = {word: count / others - here[word] / ours for word, count in there.items()}
    ranked = sorted((-value, word) for word, value in lead.items() if value > 0 and there[word] >= _FEWEST_TEXTS)
    return [word for _, word in ranked[:ASKED]]


def _unsure(places: "NDArray[np.int64]", margins: "NDArray[np.float64]", corpus: "NDArray[Any]") -> list[int]:
    """The texts of the smallest margins, among the shorter half: in those a single word tells most."""
    import numpy as np

    lengths = np.array([len(str(corpus[at]).split()) for at in places])
    short = lengths <= np.median(lengths)
    ordered = np.lexsort((margins, ~short))
    return [int(places[at]) for at in ordered[:CARRIERS]]


def _by_pull(predict: "Predict", carriers: Sequence[str], words: Sequence[str], label: int) -> list[str]:
    """The words that let the label's margin fall when added at the carriers' ends, by how far it falls in the mean."""
    import numpy as np

    falls = np.zeros(len(words))
    for carrier in carriers:
        margins = margin(answer(predict, texts([carrier, *(f"{carrier.rstrip()} {word}" for word in words)])), label)
        falls += margins[0] - margins[1:]
    return [words[at] for at in np.argsort(-falls, kind="stable") if falls[at] > 0]
