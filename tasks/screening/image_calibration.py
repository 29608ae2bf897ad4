"""From the suspicion of images to which of them stay out.

The smallest p-value of several laws of sound rows counts, times their number (Bonferroni): a few dirty trusted rows
blind nobody. A trigger gathers its rows in the classes it serves, so that false rates there are those within the class
(stratified false discovery rates, Efron 2008). But classes differ by nature: an odd kind of sevens is many, too. A
class, or the farther half of its accused, counts as gathered only on evidence of its own (`image_gathering`); all other
rows must lie twice as far out.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from tasks.screening.calibration import Calibrated, expected_false_rate, tail_p

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_FALSE = 0.25
SAFETY_FACTOR = 1.3
STRICT_FACTOR = 2.0
FEWEST_ACCUSED = 5


def judge_by_class(
    statistic: "NDArray[np.float64]",
    labels: "NDArray[np.int64]",
    sound: "NDArray[np.float64]",
    trusted: "NDArray[np.float64] | None",
    rate: float,
    is_gathered: "Callable[[NDArray[np.int64], float], bool]",
) -> Calibrated:
    """statistic: (rows,), higher = worse. sound, trusted: (m,) each, how rows score that are sound by their looks, or
    by somebody's word. is_gathered: whether the accused rows of one class, by their places, are a trigger's; it is
    told how many are accused in a class of that size, by the median class.

    At most `rate` of all rows are expected to be sound and quarantined.
    """
    import numpy as np

    p = tail_p(statistic, wide_null(sound, SAFETY_FACTOR))
    if trusted is not None:
        p = np.minimum(np.minimum(p, tail_p(statistic, trusted)) * 2, 1.0)
    strict = np.maximum(p, tail_p(statistic, wide_null(sound, STRICT_FACTOR)))
    false, gathered = np.ones(len(p)), np.zeros(len(p), dtype=bool)
    classes = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    within = [expected_false_rate(p[own]) for own in classes]
    usual = float(np.median([(rates <= MOST_FALSE).mean() for rates in within]))
    for own, rates in zip(classes, within, strict=True):
        accused = np.flatnonzero(rates <= MOST_FALSE)
        far = accused[np.argsort(-statistic[own[accused]], kind="stable")][: len(accused) // 2]
        for part in (accused, far):  # among too many accused a trigger is seen in the farther half
            share = len(part) / max(len(accused), 1)
            if len(part) >= FEWEST_ACCUSED and is_gathered(own[part], usual * len(own) * share):
                false[own[part]], gathered[own[part]] = rates[part], True
                break
    if not gathered.all():
        false[~gathered] = expected_false_rate(strict[~gathered])
    eligible = (false <= MOST_FALSE) & (gathered | (strict <= rate))
    ranked = np.sort(false[eligible])
    affordable = ranked * np.arange(1, len(ranked) + 1) <= rate * len(p)
    highest = ranked[affordable].max(initial=-1.0)
    return Calibrated(p, false, np.asarray(eligible & (false <= highest)), float("nan"))


def wide_null(sound: "NDArray[np.float64]", factor: float, size: int = 20_000) -> "NDArray[np.float64]":
    """(size,): quantiles of a normal law through the bulk of the agreed rows, `factor` times as wide.

    What a network agrees with leaves out the hardest sound rows, so that its own tail is too short.
    """
    import numpy as np
    from scipy.stats import norm

    middle, width = bulk(sound)
    return np.asarray(middle + factor * width * norm.ppf((np.arange(size) + 0.5) / size))


def bulk(statistic: "NDArray[np.float64]") -> tuple[float, float]:
    """Median, and the wider of the standard deviations that the 75 % and the 90 % quantile stand for."""
    import numpy as np
    from scipy.stats import norm

    middle, upper, far = (float(one) for one in np.quantile(statistic, (0.5, 0.75, 0.9)))
    return middle, max((upper - middle) / float(norm.ppf(0.75)), (far - middle) / float(norm.ppf(0.9)), 1e-9)
