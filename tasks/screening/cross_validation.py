"""Class probabilities of every row from a model that has not seen the row; seconds, and by the kind of data.

Many images: a small convolutional network. Few images: that or least squares on the rows' points and kernel landmarks;
tables: trees or the same, whichever foretells the labels of held-out rows better.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tasks.screening.rows import ScreenRows
from tasks.screening.space import Space

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Places = NDArray[np.int64]
    Probabilities = NDArray[np.float64]
    Judge = Callable[[ScreenRows, Places, Places], Probabilities]

FOLDS = 3
LANDMARKS = 400
MANY_IMAGES = 5_000
FITTED_ON = 40_000
COMPARED_ON = 6_000
NEARLY_AS_GOOD = 1.1
BATCH = 65_536


def out_of_fold(rows: ScreenRows, space: Space | None, seed: int) -> "Probabilities | None":
    """(rows, classes) probabilities; None when the rows have no numbers. Texts have `token_evidence`."""
    import numpy as np

    if space is None:
        return None
    judges = _judges(rows, space, seed)
    best = judges[0] if len(judges) == 1 else _best(judges, rows, seed)
    probabilities = np.zeros((len(rows), len(rows.classes)))
    for train, aside in _folds(rows.labels, seed):
        probabilities[aside] = best(rows, train, aside)
    return probabilities


def _folds(labels: "NDArray[np.int64]", seed: int) -> "list[tuple[Places, Places]]":
    import warnings

    import numpy as np
    from sklearn.model_selection import StratifiedKFold

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class of fewer rows than folds, in a sample
        return list(StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(np.zeros(len(labels)), labels))


def _best(judges: "list[Judge]", rows: ScreenRows, seed: int) -> "Judge":
    """Which foretells labels best, once its confidence is set right, on one fold of a sample; when near, the first."""
    import numpy as np

    from tasks.screening.confidence import log_loss, mixed
    from tasks.screening.table_classifier import few_of

    sample = few_of(np.arange(len(rows)), COMPARED_ON, seed)
    train, aside = (sample[part] for part in _folds(rows.labels[sample], seed)[0])
    known = rows.labels[aside]
    losses = [log_loss(mixed(judge(rows, train, aside), known, seed), known) for judge in judges]
    best = int(np.argmin(losses))
    return judges[0] if losses[0] <= NEARLY_AS_GOOD * losses[best] else judges[best]


def _judges(rows: ScreenRows, space: Space, seed: int) -> "list[Judge]":
    import numpy as np

    from tasks.screening.image_classifier import classify_images
    from tasks.screening.table_classifier import classify_table

    size = float(np.median(np.einsum("ij,ij->i", space.points[:BATCH], space.points[:BATCH])))
    scale = max(size, 1e-12) ** 0.5

    def by_points(rows: ScreenRows, train: "Places", aside: "Places") -> "Probabilities":
        return _judge_points(space.points, scale, rows, train, aside, seed)

    def by_pixels(rows: ScreenRows, train: "Places", aside: "Places") -> "Probabilities":
        pixels = np.asarray(rows.features)
        shape = (-1, *rows.shape[:2], (*rows.shape, 1)[2])
        known, asked = pixels[train].reshape(shape), pixels[aside].reshape(shape)
        return classify_images(known, rows.labels[train], asked, len(rows.classes), seed)

    def by_columns(rows: ScreenRows, train: "Places", aside: "Places") -> "Probabilities":
        return classify_table(rows, train, aside, seed)

    if len(rows.shape) in (2, 3):
        return [by_pixels] if len(rows) >= MANY_IMAGES else [by_points, by_pixels]
    return [by_columns, by_points] if rows.kind == "tabular" else [by_points]


def _judge_points(
    points: Any, scale: float, rows: ScreenRows, train: "Places", aside: "Places", seed: int
) -> "Probabilities":
    """Least squares on points and kernel landmarks: estimates class probabilities, bends little to wrong labels."""
    import numpy as np
    from sklearn.kernel_approximation import Nystroem
    from sklearn.linear_model import Ridge

    from tasks.screening.table_classifier import few_of

    few = few_of(train, FITTED_ON, seed)
    known = points[few] / scale
    kernel = Nystroem(gamma=1.0, n_components=min(LANDMARKS, len(few)), random_state=seed).fit(known)
    targets = np.eye(len(rows.classes), dtype=np.float32)[rows.labels[few]]
    model = Ridge(alpha=0.3).fit(np.hstack([kernel.transform(known), known]), targets)
    found = np.empty((len(aside), len(rows.classes)))
    for start in range(0, len(aside), BATCH):
        asked = points[aside[start : start + BATCH]] / scale
        guessed = model.predict(np.hstack([kernel.transform(asked), asked]))
        found[start : start + len(asked)] = np.clip(guessed, 1e-3, None)
    return np.asarray(found / found.sum(axis=1, keepdims=True))
