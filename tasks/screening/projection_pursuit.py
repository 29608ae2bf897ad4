"""Directions in which the rows of one class part into two bodies (projection pursuit, Friedman and Tukey 1974).

Sought where the class varies more than the other classes do (generalised eigenvectors), there also along independent
components (Hyvärinen and Oja 1997), which find bodies of a hundredth of the class.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

FEWEST_ROWS = 40
DIRECTIONS = 40
ROWS_A_DIRECTION = 10
FLOOR = 0.01
SMALLEST_BODY = 0.005
FEWEST_IN_A_BODY = 8
COMPARED_WITH = 1_000


@dataclass(frozen=True)
class Parting:
    """One class along one direction. peculiar, usual: places of the rows of the two bodies.

    The usual body is the one that most rows of other classes lie nearer to.
    separation: the squared distance of their means over the sum of their variances; halving a normal law gives 3.5.
    """

    label: int
    separation: float
    peculiar: "NDArray[np.int64]"
    usual: "NDArray[np.int64]"


def partings(points: "NDArray[np.float32]", labels: "NDArray[np.int64]", seed: int) -> list[Parting]:
    """Up to 80 of every class that has 40 rows or more. points: (rows, columns)."""
    import numpy as np

    places = {int(label): np.flatnonzero(labels == label) for label in np.unique(labels)}
    scatters = {label: _scatter(_centred(points[own])) for label, own in places.items()}
    total = np.sum(list(scatters.values()), axis=0)
    few = np.random.default_rng(seed).permutation(len(labels))[:COMPARED_WITH]
    found = []
    for label, own in places.items():
        others = few[labels[few] != label]
        if len(own) < FEWEST_ROWS or not len(others):
            continue
        rest = (total - scatters[label]) / (len(labels) - len(own))
        axes = _peculiar_axes(scatters[label] / len(own), rest, len(own))
        axes = np.hstack([axes, axes @ _independent(_centred(points[own]) @ axes, seed)])
        along, elsewhere = points[own] @ axes, points[others] @ axes
        found += [_parted(label, own, *columns) for columns in zip(along.T, elsewhere.T, strict=True)]
    return found


def _parted(label: int, own: "NDArray[np.int64]", along: "Matrix", elsewhere: "Matrix") -> Parting:
    """along, elsewhere: the own rows and rows of other classes in one direction."""
    import numpy as np

    separation, upper = part_in_two(along)
    middle = (np.median(along[upper]) + np.median(along[~upper])) / 2 if separation else along[0]
    usual = upper if (elsewhere > middle).mean() > 0.5 else ~upper
    return Parting(label, separation, own[~usual], own[usual])


def part_in_two(values: "Matrix") -> "tuple[float, NDArray[np.bool_]]":
    """Separation and the upper body of the two that leave the least variance within; neither is nearly empty.

    Where equal values leave no such bodies the separation is 0.
    """
    import numpy as np

    ordered, count = np.sort(values), len(values)
    least = max(FEWEST_IN_A_BODY, round(SMALLEST_BODY * count))
    size = np.arange(1, count)
    sums, squares = np.cumsum(ordered), np.cumsum(ordered**2)
    low, high = sums[:-1] / size, (sums[-1] - sums[:-1]) / (count - size)
    within = squares[-1] - size * low**2 - (count - size) * high**2
    within[: least - 1] = within[count - least :] = np.inf
    within[ordered[1:] <= ordered[:-1]] = np.inf
    cut = int(np.argmin(within))
    lower, upper = ordered[: cut + 1], ordered[cut + 1 :]
    apart = float((high[cut] - low[cut]) ** 2) if np.isfinite(within[cut]) else 0.0
    return apart / float(lower.var() + upper.var() + 1e-12), np.asarray(values > ordered[cut])


def _centred(own: "NDArray[np.float32]") -> "Matrix":
    import numpy as np

    return np.asarray(own - own.mean(axis=0, dtype=np.float64), dtype=np.float64)


def _scatter(centred: "Matrix") -> "Matrix":
    return centred.T @ centred


def _peculiar_axes(own: "Matrix", others: "Matrix", rows: int) -> "Matrix":
    """(columns, directions): where the own covariance exceeds that of the others most; of unit own variance."""
    import numpy as np
    from scipy.linalg import eigh

    width = len(own)
    floor = FLOOR * float(np.trace(others)) / width + 1e-9
    few = max(1, min(DIRECTIONS, width, rows // ROWS_A_DIRECTION))
    ratio, axes = eigh(own, others + floor * np.eye(width), subset_by_index=[width - few, width - 1])
    return np.asarray(axes / np.sqrt(np.maximum(ratio, 1e-9)))


def _independent(along: "Matrix", seed: int) -> "Matrix":
    """(directions, directions): rotates towards a high fourth moment, which a small body far away raises most."""
    import warnings

    import numpy as np
    from sklearn.decomposition import FastICA

    search = FastICA(whiten=False, fun="cube", max_iter=20, tol=1e-3, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # directions that have not settled serve as well
        return np.asarray(search.fit(along).components_).T
