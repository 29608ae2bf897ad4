"""Was this row among the training rows? The likelihood-ratio attack (LiRA, Carlini et al. 2022), row by row.

Reference models are trained on random halves of the rows, so that each row was seen by half of them. What the examined
model says of a row is held against what models that saw it say, and what those say that did not. Averages hide the few
rows that leak: what counts is the true-positive rate at a low false-positive rate.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.examination.clean import Interval, wilson

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Places = NDArray[np.int64]
    # Trains on the rows at these places with this seed; gives the probabilities (rows, classes) of all rows.
    Fit = Callable[[Places, int], NDArray[Any]]

FALSE_POSITIVE_RATES = (0.001, 0.01)
FEWEST_REFERENCES = 4
FEWEST_FOR_OWN_SPREAD = 64
SURE = 1e-7


@dataclass(frozen=True)
class MembershipResult:
    """true_positive_rates: at each false-positive rate, with its 95 % interval. auc: in [0, 1]; .5 tells nothing.

    scores: (rows,), higher = more likely a training row. references: models trained within the budget.
    """

    true_positive_rates: Mapping[float, tuple[float, Interval]]
    auc: float
    scores: "Floats"
    references: int
    seconds: float


def infer_membership(
    fit: "Fit",
    answers: "NDArray[Any]",
    labels: "Places",
    is_member: "NDArray[np.bool_]",
    references: int = 16,
    budget_seconds: float = float("inf"),
    seed: int = 0,
    say: Callable[[str], None] = lambda _: None,
) -> MembershipResult:
    """answers: (rows, classes) probabilities of the examined model on training rows and on rows it never saw.

    references: an even number of models; fewer when the budget ends first, never fewer than four.
    """
    import numpy as np

    started = time.perf_counter()
    seen = halves(len(labels), references, seed)
    known = []
    for number, members in enumerate(seen):
        spent = time.perf_counter() - started
        if number >= FEWEST_REFERENCES and spent * (number + 1) / number > budget_seconds and number % 2 == 0:
            say(f"membership: the budget of {budget_seconds:g} s ends after {number} of {references} reference models")
            break
        known.append(confidence(fit(np.flatnonzero(members), seed + 1 + number), labels))
        say(f"membership: reference model {number + 1} of {references} after {time.perf_counter() - started:.1f} s")
    scores = likelihood_ratio(confidence(answers, labels), np.array(known), seen[: len(known)])
    rates = {rate: true_positive_rate(scores, is_member, rate) for rate in FALSE_POSITIVE_RATES}
    return MembershipResult(rates, area(scores, is_member), scores, len(known), time.perf_counter() - started)


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


def true_positive_rate(scores: "Floats", is_member: "NDArray[np.bool_]", rate: float) -> tuple[float, Interval]:
    """The share of training rows above the score that `rate` of the other rows exceed, and its 95 % interval."""
    import numpy as np

    others = np.sort(scores[~is_member])[::-1]
    allowed = int(rate * len(others))
    found = scores[is_member] > others[allowed]
    return float(found.mean()), wilson(int(found.sum()), len(found))


def area(scores: "Floats", is_member: "NDArray[np.bool_]") -> float:
    """Under the receiver-operating curve."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(is_member, scores))
