"""Target leakage by a single feature: a column that alone tells the label of rows it was not fitted on.

A true signal of that strength is rare and makes a model needless; far more often the column was written after the
outcome (a refund date, a ward, an id that follows the label).
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from assay.records import Check, Verdict

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

FEWEST_ROWS = 100
MOST_ROWS = 20_000
MOST_SKILL = 0.98
_BINS = 64


def judge_leakage(frame: "pd.DataFrame", label: str, columns: Collection[str], known: Collection[str]) -> Check:
    """Skill of the best single column: how much of the majority rule's error it removes, on held-out rows.

    columns: the model's inputs. known: columns a person declared to be honest predictors.
    """
    name = "target_leakage"
    names = [column for column in columns if column in frame and column not in known]
    if len(frame) < FEWEST_ROWS or not names or label not in frame or frame[label].nunique() < 2:
        words = f"needs {FEWEST_ROWS} rows, two classes and a column to look at: nothing to find here"
        return Check(name, Verdict.PASSED, words, None, MOST_SKILL)
    rows = frame.dropna(subset=[label])
    rows = rows.sample(MOST_ROWS, random_state=0) if len(rows) > MOST_ROWS else rows.sample(frac=1.0, random_state=0)
    labels = rows[label].astype("category").cat.codes.to_numpy()
    skills = {column: single_feature_skill(_cells(rows[column]), labels) for column in names}
    worst = max(skills, key=lambda column: skills[column])
    if skills[worst] <= MOST_SKILL:
        words = f"no single column tells the label; the best is {worst}, which removes {skills[worst]:.0%} of the error"
        return Check(name, Verdict.PASSED, words, skills[worst], MOST_SKILL)
    leaking = ", ".join(sorted(column for column in names if skills[column] > MOST_SKILL))
    words = (
        f"alone tells the label: {leaking}; leave it out if it is known only after the outcome, else name it in "
        "data.known_predictors"
    )
    return Check(name, Verdict.FAILED, words, skills[worst], MOST_SKILL)


def single_feature_skill(cells: "NDArray[Any]", labels: "NDArray[Any]") -> float:
    """1 - error / error of always naming the majority; the rule (cell -> commonest label) is learned on the other half.

    cells: (rows,) int codes; labels: (rows,) int codes; the rows are in random order.
    """
    import numpy as np

    half = len(labels) // 2
    classes = int(labels.max()) + 1
    wrong = total = 0
    for learned, judged in ((slice(0, half), slice(half, None)), (slice(half, None), slice(0, half))):
        table = np.zeros((int(cells.max()) + 1, classes), dtype=np.int64)
        np.add.at(table, (cells[learned], labels[learned]), 1)
        majority = int(np.bincount(labels[learned], minlength=classes).argmax())
        rule = np.where(table.sum(axis=1) > 0, table.argmax(axis=1), majority)
        wrong += int(np.count_nonzero(rule[cells[judged]] != labels[judged]))
        total += int(np.count_nonzero(labels[judged] != majority))
    return 1 - wrong / total if total else 0.0


def _cells(column: "pd.Series[Any]") -> "NDArray[Any]":
    """Codes of a column's values; numbers of many values fall into bins of equal counts. Missing is a value."""
    import numpy as np
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column) and column.nunique() > _BINS:
        binned = pd.qcut(column.astype("float64"), _BINS, labels=False, duplicates="drop")
        return np.asarray(binned.fillna(-1).astype("int64") + 1)
    return np.asarray(column.astype("string").astype("category").cat.codes.astype("int64") + 1)
