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
    """nearest: (rows, 16) places, the most alike first, -1 where none was found. distance: (rows,), to the first.

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
        """(places, 16): the neighbours up to the highest rank that is as rare as `highest_p`, and half as surprising
        as the row's rarest: beyond a group's size come rows that are only the next nearest."""
        import numpy as np

        p = np.minimum(self.p[places] * len(RANKS), 1.0)
        limit = np.minimum(np.sqrt(p.min(axis=1)), highest_p)
        highest = ((p <= limit[:, None]) * np.array(RANKS)).max(axis=1, initial=1)
        return np.asarray((np.arange(RANKS[-1]) < highest[:, None]) & (self.nearest[places] >= 0))


def find_neighbours(looks: Looks) -> Neighbours:
    """By the index, then in the order of their exact distances."""
    import numpy as np

    rows, most = len(looks.vectors), RANKS[-1]
    index = build_index(looks.vectors)
    nearest = np.empty((rows, most), dtype=np.int32)
    distance = np.empty((rows, len(RANKS)), dtype=np.float32)
    for start in range(0, rows, BATCH):
        places = np.arange(start, min(start + BATCH, rows))
        others = search(index, looks.vectors[places], most + 1)
        apart = looks.distances(places, np.maximum(others, 0))
        apart[(others < 0) | (others == places[:, None])] = np.inf
        order = np.argsort(apart, axis=1, kind="stable")[:, :most]
        apart = np.take_along_axis(apart, order, axis=1)
        distance[places] = apart[:, np.array(RANKS) - 1]
        nearest[places] = np.where(np.isfinite(apart), np.take_along_axis(others, order, axis=1), -1)
    p = np.empty((rows, len(RANKS)))
    for column in range(len(RANKS)):
        p[:, column] = closeness_p(-np.log(distance[:, column].astype(np.float64)))
    return Neighbours(nearest, distance[:, 0].copy(), p)
