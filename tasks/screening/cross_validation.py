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
    """(rows, classes) probabilities; None when the rows have neither numbers nor text."""
    import numpy as np
    from sklearn.model_selection import StratifiedKFold

    if rows.texts is None:
        if space is None:
            return None
        size = float(np.median(np.einsum("ij,ij->i", space.points, space.points)))
        inputs: Any = space.points / max(size, 1e-12) ** 0.5
    else:
        inputs = np.array(rows.texts, dtype=object)
    probabilities = np.zeros((len(rows), len(rows.classes)))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for train, aside in folds.split(np.zeros(len(rows)), rows.labels):
        judge = _judge_texts if rows.texts is not None else _judge_points
        probabilities[aside] = judge(inputs[train], rows.labels[train], inputs[aside], seed)
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


def _judge_texts(train: Any, labels: "NDArray[np.int64]", aside: Any, seed: int) -> "NDArray[np.float64]":
    import numpy as np
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(
        HashingVectorizer(n_features=2**16, alternate_sign=False, norm=None),
        TfidfTransformer(sublinear_tf=True),
        LogisticRegression(C=5.0, max_iter=200, random_state=seed),
    )
    return np.asarray(model.fit(train, labels).predict_proba(aside))
