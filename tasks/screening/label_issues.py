"""Labels that a model fitted on the other rows is sure to be wrong (confident learning, Northcutt et al. 2021).

Only the surest are quarantined, and only as long as the probabilities of their labels add up to no more
than the allowed share of rows: that sum is how many sound rows one expects to lose.
"""

from typing import TYPE_CHECKING, Any

from tasks.screening.finding import Finding, NotJudged
from tasks.screening.space import project

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.screening.rows import ScreenRows

MINIMUM_ROWS = 50
FOLDS = 3
SURE_MARGIN = 0.4
SURE_LABEL = 0.15
LANDMARKS = 400
RULE = (
    f"a cross-validated model prefers another class by more than {SURE_MARGIN} and gives the label at most "
    f"{SURE_LABEL}; surest first, while the labels' probabilities add up to at most {{rate:.2%}} of the rows"
)


def find_label_issues(rows: "ScreenRows", false_quarantine_rate: float, seed: int) -> Finding | NotJudged:
    """Suspects: rows whose out-of-fold prediction differs. Quarantined: those under the rule."""
    import numpy as np
    from cleanlab.filter import find_label_issues as confident_learning

    if unable := _unable(rows):
        return unable
    probabilities = _out_of_fold(rows, seed)
    if probabilities is None:
        return NotJudged("the rows have neither numbers nor text that a model could be fitted on")
    place = np.arange(len(rows))
    given = probabilities[place, rows.labels]
    margin = probabilities.max(axis=1) - given
    suspect = np.asarray(
        confident_learning(rows.labels, probabilities, filter_by="predicted_neq_given", n_jobs=1), dtype=bool
    )
    sure = np.flatnonzero(suspect & (margin > SURE_MARGIN) & (given <= SURE_LABEL))
    ranked = sure[np.argsort(given[sure], kind="stable")]
    quarantined = np.zeros(len(rows), dtype=bool)
    quarantined[ranked[np.cumsum(given[ranked]) <= false_quarantine_rate * len(rows)]] = True
    preferred = probabilities.argmax(axis=1)
    reasons = {
        int(one): f"labelled {rows.classes[rows.labels[one]]} ({given[one]:.0%}), the other rows say "
        f"{rows.classes[preferred[one]]} ({probabilities[one, preferred[one]]:.0%})"
        for one in np.flatnonzero(suspect)
    }
    return Finding((margin + 1) / 2, suspect, quarantined, given, reasons, RULE.format(rate=false_quarantine_rate))


def _unable(rows: "ScreenRows") -> NotJudged | None:
    import numpy as np

    if len(rows) < MINIMUM_ROWS:
        return NotJudged(f"a model of the labels needs {MINIMUM_ROWS} rows, found {len(rows)}")
    if len(rows.classes) < 2:
        return NotJudged(f"a model of the labels needs two classes, found {len(rows.classes)}")
    smallest = int(np.bincount(rows.labels).min())
    if smallest < FOLDS:
        return NotJudged(f"every class needs {FOLDS} rows, the smallest has {smallest}")
    return None


def _out_of_fold(rows: "ScreenRows", seed: int) -> "NDArray[np.float64] | None":
    """(rows, classes) probabilities; each row's from a model that has not seen it."""
    import numpy as np
    from sklearn.model_selection import StratifiedKFold

    if rows.texts is None:
        space = project(rows, seed)
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
