"""Labels that a model fitted on the other rows is sure to be wrong (confident learning, Northcutt et al. 2021).

Only the surest are quarantined, and only as long as the probabilities of their labels add up to no more
than the allowed share of rows: that sum is how many sound rows one expects to lose.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from tasks.screening.cross_validation import FOLDS
from tasks.screening.finding import Finding, NotJudged

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.screening.case import Case
    from tasks.screening.rows import ScreenRows

MINIMUM_ROWS = 50
SURE_MARGIN = 0.4
SURE_LABEL = 0.15
RULE = (
    f"a cross-validated model prefers another class by more than {SURE_MARGIN} and gives the label at most "
    f"{SURE_LABEL}; surest first, while the labels' probabilities add up to at most {{rate:.2%}} of the rows"
)


class LabelIssues:
    """Suspects: rows whose out-of-fold prediction differs. Quarantined: those under the rule."""

    name = "label_issues"

    def judge(self, case: "Case") -> Finding | NotJudged:
        import numpy as np
        from cleanlab.filter import find_label_issues as confident_learning

        rows, rate = case.rows, case.false_quarantine_rate
        if unable := unable_to_model(rows):
            return unable
        probabilities = case.out_of_fold
        if probabilities is None:
            return NotJudged("the rows have neither numbers nor text that a model could be fitted on")
        given = probabilities[np.arange(len(rows)), rows.labels]
        margin = probabilities.max(axis=1) - given
        suspect = np.asarray(
            confident_learning(rows.labels, probabilities, filter_by="predicted_neq_given", n_jobs=1), dtype=bool
        )
        sure = np.flatnonzero(suspect & (margin > SURE_MARGIN) & (given <= SURE_LABEL))
        ranked = sure[np.argsort(given[sure], kind="stable")]
        quarantined = np.zeros(len(rows), dtype=bool)
        quarantined[ranked[np.cumsum(given[ranked]) <= rate * len(rows)]] = True
        reasons = _reasons(rows, probabilities, np.flatnonzero(suspect))
        return Finding((margin + 1) / 2, suspect, quarantined, given, reasons, RULE.format(rate=rate))

    def plant(
        self, rows: "ScreenRows", places: "NDArray[np.int64]", generator: "np.random.Generator"
    ) -> "ScreenRows | NotJudged":
        """Another class as label."""
        if len(rows.classes) < 2:
            return NotJudged("with one class there is no wrong label")
        labels = rows.labels.copy()
        labels[places] = (labels[places] + generator.integers(1, len(rows.classes), len(places))) % len(rows.classes)
        return replace(rows, labels=labels)


def _reasons(rows: "ScreenRows", probabilities: "NDArray[np.float64]", suspects: "NDArray[np.int64]") -> dict[int, str]:
    preferred = probabilities.argmax(axis=1)
    return {
        int(one): f"labelled {rows.classes[rows.labels[one]]} ({probabilities[one, rows.labels[one]]:.0%}), the other "
        f"rows say {rows.classes[preferred[one]]} ({probabilities[one, preferred[one]]:.0%})"
        for one in suspects
    }


def unable_to_model(rows: "ScreenRows") -> NotJudged | None:
    """Why no model of the labels can be fitted on the rows; None when one can."""
    import numpy as np

    if len(rows) < MINIMUM_ROWS:
        return NotJudged(f"a model of the labels needs {MINIMUM_ROWS} rows, found {len(rows)}")
    if len(rows.classes) < 2:
        return NotJudged(f"a model of the labels needs two classes, found {len(rows.classes)}")
    smallest = int(np.bincount(rows.labels).min())
    if smallest < FOLDS:
        return NotJudged(f"every class needs {FOLDS} rows, the smallest has {smallest}")
    return None
