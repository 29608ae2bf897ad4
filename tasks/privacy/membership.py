"""Was this row among the training rows? The likelihood-ratio attack (LiRA, Carlini et al. 2022), row by row.

Reference models are trained on random halves of the rows, so that each row was seen by half of them. What the examined
model says of a row is held against what models that saw it say, and what those say that did not. Averages hide the few
rows that leak: what counts is the true-positive rate at a low false-positive rate.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.sdk import StopTraining
from tasks.examination.clean import Interval
from tasks.privacy.curve import area, area_interval, true_positive_rate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Places = NDArray[np.int64]
    # Trains on the rows at these places with this seed; gives the probabilities (rows, classes) of all rows.
    # Raises StopTraining when the time is up before it is done.
    Fit = Callable[[Places, int], NDArray[Any]]

FALSE_POSITIVE_RATES = (0.001, 0.01)
FEWEST_REFERENCES = 4
FEWEST_FOR_OWN_SPREAD = 64
SURE = 1e-7


@dataclass(frozen=True)
class References:
    """known: (models, rows) confidences in the labels. seen: (models, rows), which model was trained on which row."""

    known: "Floats"
    seen: "NDArray[np.bool_]"
    asked: int
    seconds: float

    @property
    def are_enough(self) -> bool:
        return len(self.known) >= FEWEST_REFERENCES


@dataclass(frozen=True)
class MembershipResult:
    """true_positive_rates: at each false-positive rate, with its 95 % interval. auc: in [0, 1]; .5 tells nothing.

    scores: (rows,), higher = more likely a training row.
    """

    true_positive_rates: Mapping[float, tuple[float, Interval]]
    auc: float
    auc_ci95: Interval
    scores: "Floats"


def train_references(
    fit: "Fit",
    labels: "Places",
    asked: int = 16,
    budget_seconds: float = float("inf"),
    seed: int = 0,
    say: Callable[[str], None] = lambda _: None,
    clock: Callable[[], float] = time.perf_counter,
) -> References:
    """As many of the `asked` models as end within the budget, judged by the longest so far; maybe none.

    Only the first model's length is unknown, so the budget is overrun by at most that one.
    """
    import numpy as np

    started = clock()
    seen = halves(len(labels), asked, seed)[:asked]
    known: list[Floats] = []
    longest = spent = 0.0
    while len(known) < asked and spent + longest <= budget_seconds and budget_seconds > 0:
        try:
            answers = fit(np.flatnonzero(seen[len(known)]), seed + 1 + len(known))
        except StopTraining:
            break
        known.append(confidence(answers, labels))
        before, spent = spent, clock() - started
        longest = max(longest, spent - before)
        say(f"membership: reference model {len(known)} of {asked}, {spent:.0f} s")
    if len(known) < asked:
        say(f"membership: the budget of {budget_seconds:g} s ends after {len(known)} of {asked} reference models")
    made = np.array(known).reshape(len(known), len(labels))
    return References(made, seen[: len(known)], asked, clock() - started)


def infer_membership(
    references: References, answers: "NDArray[Any]", labels: "Places", is_member: "NDArray[np.bool_]", seed: int = 0
) -> MembershipResult:
    """answers: (rows, classes) probabilities of the examined model on training rows and on rows it never saw.

    references: at least four, of the same rows in the same order.
    """
    scores = likelihood_ratio(confidence(answers, labels), references.known, references.seen)
    return judge_scores(scores, is_member, seed)


def judge_scores(scores: "Floats", is_member: "NDArray[np.bool_]", seed: int = 0) -> MembershipResult:
    """How well `scores`, of whatever attack, tell training rows from others."""
    rates = {rate: true_positive_rate(scores, is_member, rate, seed) for rate in FALSE_POSITIVE_RATES}
    return MembershipResult(rates, area(scores, is_member), area_interval(scores, is_member), scores)


def halves(rows: int, references: int, seed: int) -> "NDArray[np.bool_]":
    """(references, rows): which model sees which row. In every two that follow each other a row is in exactly one."""
    import numpy as np

    generator = np.random.default_rng(seed)
    seen = np.zeros((2 * ((references + 1) // 2), rows), dtype=bool)
    for pair in range(0, len(seen), 2):
        seen[pair, generator.permutation(rows)[: rows // 2]] = True
        seen[pair + 1] = ~seen[pair]
    return seen


def confidence(probabilities: "NDArray[Any]", labels: "Places") -> "Floats":
    """(rows,): log of p over 1 - p of the label, near a normal law over models (their section V)."""
    import numpy as np

    given = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    others = probabilities.astype(np.float64).sum(axis=1) - given
    return np.asarray(np.log(np.maximum(given, SURE)) - np.log(np.maximum(others, SURE)))


def likelihood_ratio(asked: "Floats", known: "Floats", seen: "NDArray[np.bool_]") -> "Floats":
    """(rows,): log-likelihood of `asked` under the models that saw the row, minus that under those that did not.

    known: (references, rows) confidences. Below 64 models a side all rows share one spread (section VI).
    """
    import numpy as np
    from scipy.stats import norm

    sides = []
    for members in (seen, ~seen):
        held = np.where(members, known, np.nan)
        middle = np.nanmean(held, axis=0)
        own = np.nanstd(held, axis=0)
        shared = np.full(len(asked), float(np.sqrt(np.nanmean((held - middle) ** 2))))
        spread = own if members.sum(axis=0).min() >= FEWEST_FOR_OWN_SPREAD else shared
        sides.append(norm.logpdf(asked, middle, np.maximum(spread, 1e-3)))
    return np.asarray(sides[0] - sides[1])
