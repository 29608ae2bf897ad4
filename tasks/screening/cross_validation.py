"""Class probabilities of every row from a model that has not seen the row; seconds, and by the kind of data."""

from typing import TYPE_CHECKING, Any

from tasks.screening.rows import ScreenRows
from tasks.screening.space import Space

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FOLDS = 3
LANDMARKS = 400


def out_of_fold(rows: ScreenRows, space: Space | None, seed: int) -> "NDArray[np.float64] | None":
    """(rows, classes) probabilities; None when the rows have no numbers. Texts have `token_evidence`."""
    import numpy as np
    from sklearn.model_selection import StratifiedKFold

    if space is None:
        return None
    size = float(np.median(np.einsum("ij,ij->i", space.points, space.points)))
    inputs: Any = space.points / max(size, 1e-12) ** 0.5
    probabilities = np.zeros((len(rows), len(rows.classes)))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for train, aside in folds.split(np.zeros(len(rows)), rows.labels):
        probabilities[aside] = _judge_points(inputs[train], rows.labels[train], inputs[aside], seed)
    return probabilities


def _judge_points(train: Any, labels: "NDArray[np.int64]", aside: Any, seed: int) -> "NDArray[np.float64]":
    """Least squares on points and kernel landmarks: estimates class probabilities, bends little to wrong labels."""
    import numpy as np
    from sklearn.kernel_approximation import Nystroem
    from sklearn.linear_model import Ridge

    kernel = Nystroem(gamma=1.0, n_components=min(LANDMARKS, len(train)), random_state=seed).fit(train)
    targets = np.eye(int(labels.max()) + 1, dtype=np.float32)[labels]
    model = Ridge(alpha=0.3).fit(np.hstack([kernel.transform(train), train]), targets)
    guessed = np.clip(model.predict(np.hstack([kernel.transform(aside), aside])).astype(np.float64), 1e-3, None)
    return np.asarray(guessed / guessed.sum(axis=1, keepdims=True))
