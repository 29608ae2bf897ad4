"""From a detector's statistic to what it means: p-values, expected false rates, and a cut-off that keeps to a rate.

The null distribution, how sound rows score, comes from rows known to be sound that were not used to make the
statistic, or, without them, from the bulk of the rows themselves. Tails follow a generalised Pareto law (peaks over
threshold, Pickands 1975), so that p-values go on below one over the number of null rows. Expected false rates are
Benjamini and Hochberg's (1995).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TAIL = 0.1
FEWEST_NULL_ROWS = 50
MOST_FALSE = 0.5
_SMALLEST_P = 1e-12


@dataclass(frozen=True)
class Calibrated:
    """p: how often a sound row scores at least as high. expected_false_rate: see `Finding`.

    quarantined: p at most the rate, and most of those at least as suspicious are expected to be bad.
    cut_off: the statistic from which rows are quarantined, infinite when none is.
    """

    p: "NDArray[np.float64]"
    expected_false_rate: "NDArray[np.float64]"
    quarantined: "NDArray[np.bool_]"
    cut_off: float

    @property
    def score(self) -> "NDArray[np.float64]":
        """(rows,) in [0, 1], comparable across detectors: first what is expected to be bad, then by p-value."""
        import numpy as np

        surprise = -np.log10(self.p) / -np.log10(_SMALLEST_P)
        return np.asarray(0.9 * (1 - self.expected_false_rate) + 0.1 * surprise)


def calibrate(
    statistic: "NDArray[np.float64]", null: "NDArray[np.float64] | None", rate: float, most_false: float = MOST_FALSE
) -> Calibrated:
    """Judge `statistic` (rows,), higher = worse, against `null` (m,), m >= 50, or against its own bulk.

    rate: the share of sound rows that may be quarantined.
    """
    import numpy as np

    sound = bulk_null(statistic) if null is None else null
    p = tail_p(statistic, sound)
    false = expected_false_rate(p)
    quarantined = (p <= rate) & (false <= most_false)
    cut_off = float(statistic[quarantined].min()) if quarantined.any() else float("inf")
    return Calibrated(p, false, np.asarray(quarantined), cut_off)


def tail_p(statistic: "NDArray[np.float64]", null: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """(rows,): the share of `null` at least as high; beyond its upper tenth by the law fitted to that tenth."""
    import numpy as np
    from scipy.stats import genpareto

    ordered = np.sort(null)
    at_least = len(ordered) - np.searchsorted(ordered, statistic, side="left")
    p = (at_least + 1) / (len(ordered) + 1)
    threshold = float(np.quantile(ordered, 1 - TAIL))
    excess = ordered[ordered > threshold] - threshold
    beyond = statistic > threshold
    if len(excess) >= FEWEST_NULL_ROWS * TAIL and beyond.any():
        shape, scale = _pareto(excess)
        share = len(excess) / len(ordered)
        p = np.where(beyond, share * genpareto.sf(np.maximum(statistic - threshold, 0), shape, scale=scale), p)
    return np.asarray(np.clip(p, _SMALLEST_P, 1.0))


def _pareto(excess: "NDArray[np.float64]") -> tuple[float, float]:
    """Shape and scale by probability-weighted moments (Hosking and Wallis 1987); the shape is never below 0.

    A bounded tail would call a row just beyond the null's highest impossible.
    """
    import numpy as np

    ordered = np.sort(excess)
    mean = float(ordered.mean())
    weights = (len(ordered) - 1 - np.arange(len(ordered))) / max(len(ordered) - 1, 1)
    weighted = float((weights * ordered).mean())
    shape = min(max(2 - mean / max(mean - 2 * weighted, 1e-12), 0.0), 0.9)
    return shape, max(mean * (1 - shape), 1e-12)


def expected_false_rate(p: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """(rows,) in (0, 1]: Benjamini-Hochberg adjusted p-values."""
    import numpy as np

    order = np.argsort(p, kind="stable")
    adjusted = p[order] * len(p) / np.arange(1, len(p) + 1)
    result = np.empty(len(p))
    result[order] = np.minimum(np.minimum.accumulate(adjusted[::-1])[::-1], 1.0)
    return result


def bulk_null(statistic: "NDArray[np.float64]", size: int = 20_000) -> "NDArray[np.float64]":
    """(size,): quantiles of a log-normal law through the bulk of a positive statistic.

    Its spread is the wider of those from the median to the 75 % and to the 90 % quantile, which a few per cent
    of bad rows cannot move.
    """
    import numpy as np
    from scipy.stats import norm

    logarithm = np.log(np.maximum(statistic, 1e-9))
    middle, upper, far = np.quantile(logarithm, (0.5, 0.75, 0.9))
    spread = max((upper - middle) / float(norm.ppf(0.75)), (far - middle) / float(norm.ppf(0.9)), 1e-9)
    return np.asarray(np.exp(middle + spread * norm.ppf((np.arange(size) + 0.5) / size)))
