"""Class probabilities of a table's rows by gradient-boosted trees, which take words as they are.

Histogram-based trees (Ke et al. 2017) of scikit-learn, on at most 150,000 rows: more would change little.
"""

from typing import TYPE_CHECKING

from tasks.screening.rows import ScreenRows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_TREES = 300
MOST_ROUNDS = 60
FEWEST_ROUNDS = 10
FITTED_ON = 150_000
BATCH = 100_000


def classify_table(
    rows: ScreenRows, train: "NDArray[np.int64]", aside: "NDArray[np.int64]", seed: int
) -> "NDArray[np.float64]":
    """(rows aside, classes), from the rows at the places `train`. rows.features or rows.words must be there."""
    import numpy as np
    from sklearn.ensemble import HistGradientBoostingClassifier

    few = few_of(train, FITTED_ON, seed)
    inputs = _inputs(rows, few)
    words = 0 if rows.words is None else rows.words.shape[1]
    classes = len(rows.classes)
    rounds = min(max(MOST_TREES // (1 if classes <= 2 else classes), FEWEST_ROUNDS), MOST_ROUNDS)
    model = HistGradientBoostingClassifier(
        max_iter=rounds,
        early_stopping=False,
        categorical_features=range(inputs.shape[1] - words, inputs.shape[1]) if words else None,
        random_state=seed,
    ).fit(inputs, rows.labels[few])
    found = np.zeros((len(aside), classes))
    for start in range(0, len(aside), BATCH):
        part = aside[start : start + BATCH]
        found[start : start + len(part), model.classes_] = model.predict_proba(_inputs(rows, part))
    return found


def few_of(places: "NDArray[np.int64]", most: int, seed: int) -> "NDArray[np.int64]":
    """At most `most` of the places, in their order."""
    import numpy as np

    if len(places) <= most:
        return places
    return np.sort(np.random.default_rng((seed, most)).choice(places, most, replace=False))


def _inputs(rows: ScreenRows, places: "NDArray[np.int64]") -> "NDArray[np.float32]":
    """(places, columns): the numbers, then the words' codes."""
    import numpy as np

    parts = []
    if rows.features is not None:
        parts.append(rows.features[places, : rows.numbers])
    if rows.words is not None:
        parts.append(rows.words[places].astype(np.float32))
    return np.concatenate(parts, axis=1)
