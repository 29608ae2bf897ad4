"""How well scores tell members from others: true-positive rates at low false-positive rates, area, curve."""

from typing import TYPE_CHECKING

from tasks.examination.clean import Interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Members = NDArray[np.bool_]

_DRAWS = 400
_POINTS = 20
_Z95 = 1.959963984540054


def true_positive_rate(scores: "Floats", is_member: "Members", rate: float, seed: int = 0) -> tuple[float, Interval]:
    """The share of members above the score that `rate` of the others exceed, and its 95 % interval.

    The interval is the wider one at each end of two: Clopper-Pearson (1934) of the share with the score given, and the
    percentile bootstrap over members and others, in which the score moves too.
    """
    import numpy as np

    inside, outside = scores[is_member], scores[~is_member]
    found = int((inside > _threshold(outside, rate)).sum())
    generator = np.random.default_rng(seed)
    drawn = [
        (generator.choice(inside, len(inside)) > _threshold(generator.choice(outside, len(outside)), rate)).mean()
        for _ in range(_DRAWS)
    ]
    exact, spread = clopper_pearson(found, len(inside)), np.quantile(drawn, [0.025, 0.975])
    return found / len(inside), (min(exact[0], float(spread[0])), max(exact[1], float(spread[1])))


def clopper_pearson(hits: int, rows: int) -> Interval:
    """95 % interval of a share that covers at least as often as it says, also of very few hits."""
    from scipy.stats import beta

    low = float(beta.ppf(0.025, hits, rows - hits + 1)) if hits else 0.0
    high = float(beta.ppf(0.975, hits + 1, rows - hits)) if hits < rows else 1.0
    return low, high


def area(scores: "Floats", is_member: "Members") -> float:
    """Under the receiver-operating curve."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(is_member, scores))


def area_interval(scores: "Floats", is_member: "Members") -> Interval:
    """95 % interval of the area (DeLong, DeLong & Clarke-Pearson 1988)."""
    import numpy as np
    from scipy.stats import rankdata

    inside, outside = scores[is_member], scores[~is_member]
    together = rankdata(np.concatenate([inside, outside]))
    above = (together[: len(inside)] - rankdata(inside)) / len(outside)
    below = 1 - (together[len(inside) :] - rankdata(outside)) / len(inside)
    middle = float(above.mean())
    half = _Z95 * float(np.sqrt(above.var(ddof=1) / len(inside) + below.var(ddof=1) / len(outside)))
    return max(0.0, middle - half), min(1.0, middle + half)


def curve_points(scores: "Floats", is_member: "Members") -> list[tuple[float, float]]:
    """False- and true-positive rates, about twenty, evenly spread in the logarithm of the first."""
    import numpy as np

    others = int((~is_member).sum())
    allowed = np.unique(np.geomspace(1, others, _POINTS).round().astype(int))
    inside, outside = scores[is_member], scores[~is_member]
    return [(rate, float((inside > _threshold(outside, rate)).mean())) for rate in (allowed / others).tolist()]


def _threshold(outside: "Floats", rate: float) -> float:
    """At most `rate` of `outside` lie above it."""
    import numpy as np

    allowed = int(rate * len(outside) + 1e-9)
    if allowed >= len(outside):
        return -np.inf
    place = len(outside) - 1 - allowed
    return float(np.partition(outside, place)[place])
