"""For every row its nearest rows, and how close the first, second, fourth, eighth and sixteenth of them is.

A pair shows at the first, a flood of many copies of one row at all of them, even where sound rows come in pairs.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.screening.near_index import build_index, search
from tasks.screening.near_law import closeness_p
from tasks.screening.near_looks import Looks

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RANKS = (1, 2, 4, 8, 16)
BATCH = 16_384


@dataclass(frozen=True)
class Neighbours:
    """nearest: (rows, 16) places, the most alike first, -1 where none was found. distance: (rows, 16), infinite there.

    p: (rows, ranks), how often a sound row has so close a neighbour of that rank.
    """

    nearest: "NDArray[np.int32]"
    distance: "NDArray[np.float32]"
    p: "NDArray[np.float64]"

    @property
    def rarest(self) -> "NDArray[np.float64]":
        """(rows,): the smallest p over the ranks, as many times as there are ranks (Bonferroni)."""
        import numpy as np

        return np.asarray(np.minimum(self.p.min(axis=1) * len(RANKS), 1.0))

    def near(self, places: "NDArray[np.int64]", highest_p: float) -> "NDArray[np.bool_]":
        """(places, 16): the neighbours up to the highest rank that is as rare as `highest_p`."""
        import numpy as np

        highest = ((self.p[places] * len(RANKS) <= highest_p) * np.array(RANKS)).max(axis=1, initial=1)
        return np.asarray((np.arange(RANKS[-1]) < highest[:, None]) & (self.nearest[places] >= 0))


def find_neighbours(looks: Looks) -> Neighbours:
    """By the index, then in the order of their exact distances."""
    import numpy as np

    rows, most = len(looks.vectors), RANKS[-1]
    index = build_index(looks.vectors)
    nearest = np.empty((rows, most), dtype=np.int32)
    distance = np.empty((rows, most), dtype=np.float32)
    for start in range(0, rows, BATCH):
        places = np.arange(start, min(start + BATCH, rows))
        others = search(index, looks.vectors[places], most + 1)
        apart = looks.distances(places, np.maximum(others, 0))
        apart[(others < 0) | (others == places[:, None])] = np.inf
        order = np.argsort(apart, axis=1, kind="stable")[:, :most]
        distance[places] = np.take_along_axis(apart, order, axis=1)
        nearest[places] = np.take_along_axis(others, order, axis=1)
    nearest[~np.isfinite(distance)] = -1
    p = [closeness_p(-np.log(distance[:, rank - 1].astype(np.float64))) for rank in RANKS]
    return Neighbours(nearest, distance, np.stack(p, axis=1))
