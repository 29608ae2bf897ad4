"""Models known to leak, made of the rows at hand: a privacy test that sees nothing in them is blind.

One knows its rows by heart, labels dealt at random, so that only memory can be right. One is a plane through the rows,
which a few questions give away.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.privacy.curve import area
from tasks.privacy.label_only import keep_labels
from tasks.privacy.membership import infer_membership, train_references
from tasks.privacy.perturbation import is_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

ROWS = 200
REFERENCES = 8
LEAST_BY_REFERENCES = 0.9
LEAST_BY_LABELS = 0.6
_MOST_CLASSES = 10
_HASHED_WORDS = 2048
_MOST_FEATURES = 1024
_HELD_BY_HEART = 0.98


@dataclass(frozen=True)
class FeatureSpace:
    """Raw inputs as numbers of like size: counts of hashed words, or standardised columns."""

    columns: "NDArray[np.int64]"
    middle: "Floats"
    spread: "Floats"

    def __call__(self, inputs: "NDArray[Any]") -> "Floats":
        """float64 (rows, features), at most 2,048 of them; missing numbers count as the mean."""
        import numpy as np

        if is_text(inputs):
            return _hashed(inputs)
        numbers = inputs.reshape(len(inputs), -1)[:, self.columns].astype(np.float64)
        return np.asarray(np.nan_to_num((numbers - self.middle) / self.spread))


def feature_space(inputs: "NDArray[Any]", seed: int = 0) -> FeatureSpace:
    """Fitted to `inputs`; of very wide rows a random choice of columns."""
    import numpy as np

    if is_text(inputs):
        nothing = np.zeros(0)
        return FeatureSpace(nothing.astype(np.int64), nothing, nothing)
    flat = inputs.reshape(len(inputs), -1)
    columns = np.sort(np.random.default_rng(seed).permutation(flat.shape[1])[:_MOST_FEATURES])
    numbers = flat[:, columns].astype(np.float64)
    spread = np.nanstd(numbers, axis=0)
    return FeatureSpace(columns, np.nan_to_num(np.nanmean(numbers, axis=0)), np.where(spread > 0, spread, 1.0))


@dataclass(frozen=True)
class ByHeart:
    """Answers with the label of the nearest row it learned, the surer the nearer: certain of its own rows only."""

    space: FeatureSpace
    learned: "Floats"
    labels: "NDArray[np.int64]"
    classes: int

    def __call__(self, inputs: "NDArray[Any]") -> "Floats":
        """Probabilities (rows, classes)."""
        import numpy as np
        from scipy.spatial.distance import cdist

        distances = cdist(self.space(inputs), self.learned)
        nearest = distances.argmin(1)
        far = distances[np.arange(len(inputs)), nearest]
        typical = max(float(np.median(np.sort(cdist(self.learned, self.learned), axis=1)[:, 1])), 1e-9)
        sure = 1 / self.classes + (_HELD_BY_HEART - 1 / self.classes) * np.exp(-far / typical)
        answers = np.repeat(((1 - sure) / (self.classes - 1))[:, None], self.classes, axis=1)
        answers[np.arange(len(inputs)), self.labels[nearest]] = sure
        return answers


@dataclass(frozen=True)
class Sight:
    """auc: what the test reaches on a model known to leak. needed: below it the test is blind."""

    auc: float
    needed: float

    @property
    def sees(self) -> bool:
        return self.auc >= self.needed


def membership_sight(inputs: "NDArray[Any]", classes: int, seed: int) -> tuple[Sight, Sight]:
    """By reference models and by labels alone, on at most 200 of `inputs`, of which the model learned every other."""
    import numpy as np

    rows = inputs[:: max(1, len(inputs) // ROWS)][:ROWS]
    count = min(max(classes, 2), _MOST_CLASSES)
    labels = np.random.default_rng(seed).integers(0, count, len(rows))
    is_member = np.arange(len(rows)) % 2 == 0
    space = feature_space(rows, seed)
    seen = space(rows)

    def fit(places: "NDArray[np.int64]", _: int) -> "Floats":
        return ByHeart(space, seen[places], labels[places], count)(rows)

    leaking = ByHeart(space, seen[is_member], labels[is_member], count)
    references = train_references(fit, labels, REFERENCES, seed=seed)
    by_references = infer_membership(references, leaking(rows), labels, is_member, seed)
    by_labels = keep_labels(lambda asked: leaking(asked).argmax(1), rows, labels, seed=seed)
    return (
        Sight(by_references.auc, LEAST_BY_REFERENCES),
        Sight(area(by_labels.scores, is_member), LEAST_BY_LABELS),
    )


def plane_labels(inputs: "NDArray[Any]", seed: int) -> "NDArray[np.int64]":
    """(rows,): on which side of the plane across the rows' widest direction each lies; half of them on each."""
    import numpy as np

    known = feature_space(inputs, seed)(inputs)
    centred = known - known.mean(axis=0)
    _, _, directions = np.linalg.svd(centred[:ROWS], full_matrices=False)
    along = centred @ directions[0]
    return np.asarray(along > np.median(along), dtype=np.int64)


def _hashed(texts: "NDArray[Any]") -> "Floats":
    import numpy as np
    from sklearn.feature_extraction.text import HashingVectorizer

    words = HashingVectorizer(n_features=_HASHED_WORDS, alternate_sign=False)
    return np.asarray(words.transform([str(text) for text in texts.reshape(-1)]).toarray(), dtype=np.float64)
