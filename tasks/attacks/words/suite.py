"""How a text model stands when texts are reworded: three attacks by answers alone, every row held against the law."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from assay.records import Check
from assay.spec import WordThreat
from tasks.attacks.asking import texts
from tasks.attacks.black_box import BlackBoxResult, RowAttack, run_attacks
from tasks.attacks.trust import UNBOUNDED_QUERIES, attack_check, unbounded_check
from tasks.attacks.words.canaries import sees
from tasks.attacks.words.good_words import learn_good_words
from tasks.attacks.words.law import within
from tasks.attacks.words.searches import InsertGoodWords, RewriteWords, SearchTogether

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.attacks.asking import Predict
    from tasks.attacks.words.good_words import GoodWords


@dataclass(frozen=True)
class WordsResult:
    """found: row by row. checks: whether that can be believed. learning_queries: asked to learn good words."""

    found: BlackBoxResult
    checks: tuple[Check, ...]
    learning_queries: int


def attack_words(
    predict: "Predict",
    asked: "NDArray[Any]",
    labels: "NDArray[np.int64]",
    threat: WordThreat,
    seed: int = 0,
    say: Callable[[str], None] = lambda _: None,
    corpus: "tuple[NDArray[Any], NDArray[np.int64]] | None" = None,
) -> WordsResult:
    """Attack the texts `asked` (rows,). predict: an object array of strings to probabilities (rows, classes).

    corpus: texts and labels an attacker may read, by default those attacked. Deterministic in the seed. Raises
    UnusableAnswer for answers that are no probabilities.
    """
    inputs = texts(str(text) for text in asked)
    good_words, questions = learn_good_words(predict, *(corpus or (inputs, labels)), say)
    made = makers(threat)
    attacks = [make(good_words) for make in made]
    found = run_attacks(predict, inputs, labels, attacks, partial(within, threat), threat.queries, seed, say)
    outside = {one.name: one.outside for one in found.outcomes}
    checks = (
        attack_check(one.name, sees(make, threat, seed), outside[one.name])
        for one, make in zip(attacks, made, strict=True)
    )
    free = threat.model_copy(update={"epsilon": 1.0, "moves": ["typo", "homoglyph", "delete", "insert"]})
    freely = partial(
        run_attacks,
        attacks=[make(good_words) for make in makers(free)],
        law=partial(within, free),
        queries=max(threat.queries, UNBOUNDED_QUERIES),
        seed=seed,
    )
    unbounded = unbounded_check(found, lambda chosen: freely(predict, inputs[chosen], labels[chosen]))
    return WordsResult(found, (*checks, unbounded), questions)


def makers(threat: WordThreat) -> "tuple[Callable[[GoodWords], RowAttack], ...]":
    """The attacks whose moves the threat model has, the cheapest first, by the good words they may use."""
    made: list[Callable[[GoodWords], RowAttack]] = []
    if "insert" in threat.moves:
        made.append(partial(InsertGoodWords, threat))
    if set(threat.moves) - {"insert"}:
        made.append(lambda _: RewriteWords(threat))
    return *made, partial(SearchTogether, threat)
