"""Which rows are near copies of one another, and which of them stays.

The earliest stays. Where labels contradict, the earliest whose label most of the nearest other rows bear, so that
neither a flood of wrong labels nor the row it was made from decides by number; when none bears it, none stays.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.screening.near_index import build_index, search
from tasks.screening.near_neighbours import Neighbours

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WITNESSES = 10
WITNESSES_FROM = 10_000


@dataclass(frozen=True)
class Groups:
    """size: (rows,), accused rows in a row's group. stays: (rows,), whether it is the one of its group that does."""

    size: "NDArray[np.int64]"
    stays: "NDArray[np.bool_]"


def group_copies(
    neighbours: Neighbours,
    certain: "NDArray[np.bool_]",
    accused: "NDArray[np.bool_]",
    labels: "NDArray[np.int64]",
    vectors: "NDArray[np.float32]",
    seed: int,
) -> Groups:
    """Accused rows and those they are near to, joined; certain ones first, so that less certain ones do not join them
    to others. Rows are in their order: the first is the earliest."""
    import numpy as np

    def of(some: "NDArray[np.bool_]") -> Groups:
        group = _joined(neighbours, some)
        first = np.full(len(group), len(group))
        np.minimum.at(first, group, np.arange(len(group)))
        stays = first[group] == np.arange(len(group))
        mixed = _contradicting(group, labels)
        if mixed.any():
            stays[mixed] = _supported(group, mixed, accused, labels, vectors, seed)[mixed]
        return Groups(np.bincount(group, weights=some, minlength=len(group)).astype(np.int64)[group], stays)

    sure, rest = of(certain), of(accused & ~certain)
    stays = np.where(certain, sure.stays, rest.stays)
    return Groups(np.where(certain, sure.size, rest.size), stays)


def _joined(neighbours: Neighbours, accused: "NDArray[np.bool_]") -> "NDArray[np.int64]":
    import numpy as np
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    places = np.flatnonzero(accused)
    near = neighbours.near(places, float(neighbours.rarest[places].max(initial=0)))
    left, column = np.nonzero(near)
    ends = places[left], neighbours.nearest[places][left, column]
    graph = coo_matrix((np.ones(len(left), dtype=bool), ends), shape=(len(accused), len(accused)))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _contradicting(group: "NDArray[np.int64]", labels: "NDArray[np.int64]") -> "NDArray[np.bool_]":
    """(rows,): whether the row's group bears several labels; groups of one never do."""
    import numpy as np

    least, most = np.full(len(group), labels.max(initial=0)), np.zeros(len(group), dtype=np.int64)
    np.minimum.at(least, group, labels)
    np.maximum.at(most, group, labels)
    return np.asarray(least[group] != most[group])


def _supported(
    group: "NDArray[np.int64]",
    mixed: "NDArray[np.bool_]",
    accused: "NDArray[np.bool_]",
    labels: "NDArray[np.int64]",
    vectors: "NDArray[np.float32]",
    seed: int,
) -> "NDArray[np.bool_]":
    """(rows,): the earliest of its group with the label that its nearest rows outside of all groups bear."""
    import numpy as np

    witnesses = np.flatnonzero(~accused & ~mixed)
    if not len(witnesses):
        return np.zeros(len(group), dtype=bool)
    few = np.random.default_rng((seed, 2)).permutation(witnesses)[:WITNESSES_FROM]
    few.sort()
    places = np.flatnonzero(mixed)
    near = labels[few][search(build_index(vectors[few]), vectors[places], min(WITNESSES, len(few)))]
    votes = np.zeros((len(group), int(labels.max()) + 1), dtype=np.int32)
    for column in near.T:
        np.add.at(votes, (group[places], column), 1)
    agreed = votes.argmax(axis=1)
    stays = np.zeros(len(group), dtype=bool)
    fitting = places[labels[places] == agreed[group[places]]]
    _, first = np.unique(group[fitting], return_index=True)
    stays[fitting[first]] = True
    return stays
