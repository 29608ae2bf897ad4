"""Patterns that part of a class bears: they part it in two far more sharply than nature does.

How sharply nature parts classes is told by all partings of all classes along all directions together.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.screening.calibration import tail_p
from tasks.screening.image_calibration import SAFETY_FACTOR, wide_null
from tasks.screening.image_network import as_images, image_points
from tasks.screening.projection_pursuit import Parting, partings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.screening.rows import ScreenRows

MOST_BY_CHANCE = 0.02
CERTAIN = 0.005


@dataclass(frozen=True)
class Mark:
    """places, others: the rows of the class `label` that bear the pattern, and those that do not.

    p: how often chance would part any class as sharply, in one whole dataset; certain: hardly ever.
    """

    label: int
    places: "NDArray[np.int64]"
    others: "NDArray[np.int64]"
    p: float

    @property
    def certain(self) -> bool:
        return self.p <= CERTAIN


def find_marks(rows: "ScreenRows", seed: int) -> list[Mark]:
    """The sharpest first, each body of rows once; rows must be images of one shape."""
    import numpy as np

    found = partings(image_points(as_images(rows)), rows.labels, seed)
    if not found:
        return []
    separation = np.log([max(one.separation, 1e-9) for one in found])
    p = np.minimum(tail_p(separation, wide_null(separation, SAFETY_FACTOR)) * len(found), 1.0)
    marks: list[Mark] = []
    for index in np.argsort(-separation).tolist():
        if p[index] > MOST_BY_CHANCE:
            break
        if not any(_is_held(found[index], mark) for mark in marks):
            marks.append(Mark(found[index].label, found[index].peculiar, found[index].usual, float(p[index])))
    return marks


def _is_held(parting: Parting, mark: Mark) -> bool:
    import numpy as np

    if parting.label != mark.label:
        return False
    both = len(np.intersect1d(parting.peculiar, mark.places))
    return both > 0.5 * min(len(parting.peculiar), len(mark.places))
