"""How close sound rows of one dataset come to each other, learned from the bulk of its own rows.

The chance that another row lies within a distance d of a row falls like d to the power of the local intrinsic
dimension (Levina and Bickel 2004; Amsaleg et al. 2015), so that closeness, -log d, has an exponential tail. Its rate
is fitted between the upper bulk and a level that sound rows hardly pass: copies beyond that level do not move it. It is
fitted to a wide and a narrow tail, and the rarer of the two p-values counts, since bulks differ in shape.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TAILS = (0.1, 0.05)
TAIL_ROWS = 100
BEYOND = 0.02
ROUNDS = 5
LEAST_SCALE = 0.05
SMALLEST_P = 1e-12


def closeness_p(closeness: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """(rows,): how often a sound row is at least as close. closeness: -log of a distance; -inf where none is known."""
    import numpy as np

    known = np.where(np.isfinite(closeness), closeness, np.min(closeness, where=np.isfinite(closeness), initial=0.0))
    ordered = np.sort(known)
    at_least = len(known) - np.searchsorted(ordered, known, side="left")
    p = at_least / len(known)
    for share, begin, scale in _tails(known):
        p = np.where(known > begin, np.minimum(p, share * np.exp(-np.maximum(known - begin, 0) / scale)), p)
    return np.asarray(np.clip(p, SMALLEST_P, 1.0))


def _tails(closeness: "NDArray[np.float64]") -> Iterator[tuple[float, float, float]]:
    """For each of `TAILS` its share of sound rows, where it begins, and the scale of its law, found in turn.

    The wider tail comes first, since copies may be most of the narrower one; it says from where on they are left out.
    """
    import numpy as np

    least = min(TAIL_ROWS / len(closeness), 0.5)
    share = max(TAILS[0], least)
    first, begin = np.quantile(closeness, (1 - min(2.5 * share, 0.75), 1 - share)).tolist()
    scale = _scale(closeness, first, begin)
    for tail in TAILS:
        share = max(tail, least)
        for _ in range(ROUNDS):
            end = begin - scale * float(np.log(BEYOND))
            begin = float(np.quantile(closeness[closeness <= end], 1 - share))
            scale = _scale(closeness, begin, end)
        yield share, begin, scale


def _scale(closeness: "NDArray[np.float64]", begin: float, end: float) -> float:
    """Of an exponential law cut off at both ends, by maximum likelihood, and one standard error more."""
    import numpy as np
    from scipy.optimize import brentq

    within = closeness[(closeness > begin) & (closeness <= end)] - begin
    width = end - begin
    if not len(within) or width <= LEAST_SCALE:
        return LEAST_SCALE
    mean, largest = float(within.mean()), float(10 * width)
    if mean >= _mean(largest, width):
        return float(largest)
    scale = brentq(lambda one: _mean(one, width) - mean, 1e-3 * width, largest) if mean > 1e-3 * width else mean
    return max(float(scale * (1 + 1 / np.sqrt(len(within)))), LEAST_SCALE)


def _mean(scale: float, width: float) -> float:
    import numpy as np

    return float(scale - width / np.expm1(min(width / scale, 700.0)))
