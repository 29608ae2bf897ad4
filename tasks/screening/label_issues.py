"""Labels that a model fitted on the other rows is sure to be wrong.

Suspects are confident learning's (Northcutt et al. 2021). Quarantined are the rows with the most improbable labels, as
long as few of them are expected to be sound: both in share of them and in share of all rows.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from tasks.screening.confidence import tempered
from tasks.screening.cross_validation import FOLDS
from tasks.screening.finding import Finding, NotJudged
from tasks.screening.label_noise import judge_labels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tasks.screening.case import Case
    from tasks.screening.rows import ScreenRows

MINIMUM_ROWS = 50
MOST_FALSE = 0.25
RULE = (
    f"a cross-validated model finds the label so improbable that at most {MOST_FALSE:.0%} of such rows, and "
    "{rate:.2%} of all rows, are expected to be sound"
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
        probabilities = tempered(probabilities, rows.labels, case.seed)
        noise = judge_labels(probabilities, rows.labels)
        margin = probabilities.max(axis=1) - noise.given
        doubted = np.asarray(
            confident_learning(rows.labels, probabilities, filter_by="predicted_neq_given", n_jobs=1), dtype=bool
        )
        quarantined = np.asarray(
            (margin > 0) & (noise.expected_false_rate <= MOST_FALSE) & (noise.expected_sound <= rate * len(rows))
        )
        suspect = doubted | quarantined
        score = 0.9 * (1 - noise.expected_false_rate) + 0.1 * (margin + 1) / 2
        reasons = _reasons(rows, probabilities, np.flatnonzero(suspect))
        return Finding(score, suspect, quarantined, noise.expected_false_rate, reasons, RULE.format(rate=rate))

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
