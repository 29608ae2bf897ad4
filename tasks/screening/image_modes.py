"""How the sound rows of each class look among a network's features, though some of the rows are poisoned.

The features of a network that has learned a trigger hold two bodies in the classes it serves (Chen et al. 2018). Which
of two is sound: the one trusted rows fall into; without them the larger, unless it alone decides whatever image is laid
over its rows.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FEWEST_TO_SPLIT = 40
TWO_BODIES = 8.0
STEADY_PART = 0.25
MAIN_PART = 0.9
OWN_SHAPE = 0.3
RIDGE = 0.1


@dataclass(frozen=True)
class Modes:
    """centres: (classes, columns). precisions: (classes, columns, columns), of a covariance between own and pooled."""

    centres: "NDArray[np.float64]"
    precisions: "NDArray[np.float64]"

    def distance(self, features: "NDArray[np.float32]", labels: "NDArray[np.int64]") -> "NDArray[np.float64]":
        """(rows,): squared Mahalanobis distance to the row's own class."""
        import numpy as np

        away = np.zeros(len(labels))
        for label in np.unique(labels):
            own = labels == label
            off = features[own].astype(np.float64) - self.centres[label]
            away[own] = np.einsum("ij,ij->i", off @ self.precisions[label], off)
        return away


def sound_bodies(
    features: "NDArray[np.float32]",
    labels: "NDArray[np.int64]",
    entropy: "NDArray[np.float64]",
    known: "tuple[NDArray[np.float32], NDArray[np.int64]] | None",
) -> "NDArray[np.bool_]":
    """(rows,): all rows of a class that is one body; of a class in two bodies, those of the sound one.

    entropy: (rows,), of the answer under superimposed images. known: features and labels of trusted rows.
    """
    import numpy as np

    sound = np.ones(len(labels), dtype=bool)
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        if len(places) < FEWEST_TO_SPLIT:
            continue
        vouched = known[0][known[1] == label] if known is not None else features[:0]
        second, voted = _second_body(features[places], vouched)
        if second is None:
            continue
        bad = second if _is_sound(~second, entropy[places], voted) else ~second
        sound[places[bad]] = False
    return sound


def _second_body(
    own: "NDArray[np.float32]", vouched: "NDArray[np.float32]"
) -> "tuple[NDArray[np.bool_] | None, float | None]":
    """The smaller of two bodies, or None for one body; and the share of the trusted rows in the larger one.

    Halving one Gaussian body gives a separation of about 3.5 (between squared centres over the sum of variances).
    """
    import numpy as np
    from sklearn.cluster import KMeans

    halves = KMeans(2, n_init=2, random_state=0).fit(own)
    part = halves.labels_ == 1
    along = own @ (halves.cluster_centers_[1] - halves.cluster_centers_[0])
    apart = float(along[part].mean() - along[~part].mean()) ** 2
    if apart < TWO_BODIES * float(along[part].var() + along[~part].var() + 1e-9):
        return None, None
    smaller = part if part.mean() <= 0.5 else ~part
    number = 1 if smaller is part else 0
    return np.asarray(smaller), float((halves.predict(vouched) != number).mean()) if len(vouched) else None


def _is_sound(larger: "NDArray[np.bool_]", entropy: "NDArray[np.float64]", voted: float | None) -> bool:
    if voted is not None:
        return voted >= 0.5
    return float(entropy[larger].mean()) > STEADY_PART * float(entropy[~larger].mean())


def fit_modes(features: "NDArray[np.float32]", labels: "NDArray[np.int64]", classes: int) -> Modes:
    """From each class's main part: its 90 % nearest to the trimmed centre. A class without rows lies at the origin."""
    import numpy as np

    width = features.shape[1]
    centres, own, spread = np.zeros((classes, width)), {}, []
    for label in np.unique(labels).tolist():
        centres[label], main = _main_part(features[labels == label].astype(np.float64))
        own[label] = (main - centres[label]).T @ (main - centres[label])
        spread.append(len(main))
    pooled = np.sum(list(own.values()), axis=0) / max(sum(spread), 1)
    floor = (RIDGE * float(np.trace(pooled)) / width + 1e-9) * np.eye(width)
    precisions = np.tile(np.linalg.inv(pooled + floor), (classes, 1, 1))
    for (label, scatter), many in zip(own.items(), spread, strict=True):
        part = OWN_SHAPE * min(1.0, many / (4 * width))  # few rows tell little of their own shape
        precisions[label] = np.linalg.inv((1 - part) * pooled + part * scatter / many + floor)
    return Modes(centres, precisions)


def _main_part(own: "NDArray[np.float64]") -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    import numpy as np

    centre, main = np.median(own, axis=0), own
    for _ in range(5):
        away = ((own - centre) ** 2).sum(axis=1)
        main = own[away <= np.quantile(away, MAIN_PART)]
        centre = main.mean(axis=0)
    return centre, main
