"""How close sound rows of one dataset come to each other, learned from the bulk of its own rows.

The chance that another row lies within a distance d of a row falls like d to the power of the local intrinsic
dimension (Levina and Bickel 2004; Amsaleg et al. 2015), so that closeness, -log d, has an exponential tail. Its rate
is fitted between the upper bulk and a level that sound rows hardly pass: copies beyond that level do not move it.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TAIL = 0.1
TAIL_ROWS = 100
BEYOND = 0.02
ROUNDS = 5
LEAST_SCALE = 0.05
SMALLEST_P = 1e-12


def closeness_p(closeness: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """(rows,): how often a sound row is at least as close. closeness: -log of a distance; -inf where none is known."""
    import numpy as np

    known = np.where(np.isfinite(closeness), closeness, np.min(closeness, where=np.isfinite(closeness), initial=0.0))
    share = min(max(TAIL, TAIL_ROWS / len(known)), 0.5)
    begin, scale = _tail(known, share)
    ordered = np.sort(known)
    at_least = len(known) - np.searchsorted(ordered, known, side="left")
    p = np.where(known > begin, share * np.exp(-np.maximum(known - begin, 0) / scale), at_least / len(known))
    return np.asarray(np.clip(p, SMALLEST_P, 1.0))


def _tail(closeness: "NDArray[np.float64]", share: float) -> tuple[float, float]:
    """Where the upper `share` of sound rows begins, and the scale of their law, each from the other in turn."""
    import numpy as np

    first, begin = np.quantile(closeness, (1 - min(2.5 * share, 0.75), 1 - share))
    scale = _scale(closeness, float(first), float(begin))
    for _ in range(ROUNDS):
        end = float(begin) - scale * np.log(BEYOND)
        begin = np.quantile(closeness[closeness <= end], 1 - share)
        scale = _scale(closeness, float(begin), end)
    return float(begin), scale


def _scale(closeness: "NDArray[np.float64]", begin: float, end: float) -> float:
    """Of an exponential law cut off at both ends, by maximum likelihood, and one standard error more."""
    import numpy as np
    from scipy.optimize import brentq

    within = closeness[(closeness > begin) & (closeness <= end)] - begin
    width = end - begin
    if not len(within) or width <= LEAST_SCALE:
        return LEAST_SCALE
    mean, largest = float(within.mean()), 10 * width
    if mean >= _mean(largest, width):
        return largest
    scale = brentq(lambda one: _mean(one, width) - mean, 1e-3 * width, largest) if mean > 1e-3 * width else mean
    return max(float(scale) * (1 + 1 / np.sqrt(len(within))), LEAST_SCALE)


def _mean(scale: float, width: float) -> float:
    import numpy as np

    return float(scale - width / np.expm1(min(width / scale, 700.0)))
