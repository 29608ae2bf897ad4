"""How alike a model treats the groups of a sensitive column, with 95 % intervals; no number rests on a small group.

Terms as in fairlearn: the selection rate ratio is its demographic parity ratio, the true positive rate ratio its
equal opportunity ratio. Ratios are the lowest group over the highest, differences the highest less the lowest.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.json_types import Json, JsonObject
from assay.near_miss import suggestion
from assay.records import Check, Verdict
from assay.spec import SensitiveColumn
from tasks.examination.case import Examined, ModelCase
from tasks.examination.clean import Interval, wilson
from tasks.examination.groups import Groups, group_rows

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

SMALLEST_GROUP = 30
_MOST_VALUES = 20
_MOST_MISSING = 0.1
_DRAWS = 2000
_SHARES = {  # share -> the rows it is a share of
    "selection_rate": "rows",
    "true_positive_rate": "positives",
    "false_positive_rate": "negatives",
    "accuracy": "rows",
}
_MEASURES = (
    ("selection_rate_ratio", "selection_rate"),
    ("true_positive_rate_ratio", "true_positive_rate"),
    ("false_positive_rate_difference", "false_positive_rate"),
    ("accuracy_difference", "accuracy"),
)


@dataclass(frozen=True)
class Judged:
    """Holdout rows and what the model said of them; labels are below `classes`."""

    labels: "NDArray[np.int64]"
    predicted: "NDArray[np.int64]"
    classes: int
    columns: "pa.Table"
    seed: int


@dataclass(frozen=True)
class Measure:
    """One number over all groups, with its 95 % interval and the two groups it compares; or the `problem`."""

    name: str
    problem: str = ""
    value: float = 0.0
    ci95: Interval = (0.0, 1.0)
    lowest: str = ""
    highest: str = ""

    def to_json(self) -> JsonObject:
        if self.problem:
            return {"problem": self.problem}
        return {"value": self.value, "ci95": list(self.ci95), "lowest": self.lowest, "highest": self.highest}

    def __str__(self) -> str:
        if self.problem:
            return f"{self.name} not measured: {self.problem}"
        low, high = self.ci95
        interval = f"95 % interval {low:.4f} to {high:.4f}"
        return f"{self.name} {self.value:.4f}, {interval}, lowest {self.lowest}, highest {self.highest}"


@dataclass(frozen=True)
class FairnessResult:
    """facts: positive, missing, groups and measures, or a problem. check: whether the column was measured."""

    facts: JsonObject
    check: Check


def examine_columns(case: ModelCase) -> Examined:
    """Every sensitive column of the spec; facts: column -> groups and measures."""
    holdout = case.rows["holdout"]
    judged = Judged(holdout.labels, case.predicted["holdout"], case.classes, case.columns, case.seed)
    results = {one.column: examine_fairness(one, judged) for one in case.spec.assay.fairness}
    facts: Json = {column: result.facts for column, result in results.items()}
    return Examined(facts, tuple(result.check for result in results.values()))


def examine_fairness(sensitive: SensitiveColumn, judged: Judged) -> FairnessResult:
    """All measures of one column; one that rests on fewer than 30 rows of a group has a problem and no value."""
    name = f"fairness by {sensitive.column}"
    positive = 1 if sensitive.positive is None else sensitive.positive
    groups = _groups(sensitive, judged)
    if isinstance(groups, str):
        return FairnessResult({"positive": positive, "problem": groups}, Check(name, Verdict.NOT_CHECKED, groups))
    table = _count(groups, judged, positive)
    measures = [_measure(measure, share, groups, table, judged.seed) for measure, share in _MEASURES]
    facts: JsonObject = {
        "positive": positive,
        "missing": int((groups.codes < 0).sum()),
        "groups": [_group(groups.names[number], table[number]) for number in range(len(groups.names))],
        "measures": {measure.name: measure.to_json() for measure in measures},
    }
    return FairnessResult(facts, Check(name, Verdict.PASSED, "; ".join(str(measure) for measure in measures)))


def _groups(sensitive: SensitiveColumn, judged: Judged) -> Groups | str:
    """The column's groups, or why there are none."""
    problem = _undeclared(sensitive, judged)
    if problem:
        return problem
    groups = group_rows(sensitive.column, judged.columns[sensitive.column])
    return _ungrouped(groups) or groups


def _undeclared(sensitive: SensitiveColumn, judged: Judged) -> str:
    """What the spec names and the rows lack, or ""."""
    column, names = sensitive.column, judged.columns.column_names
    if column not in names:
        return f"the rows have no column {column!r} of single values; {suggestion(column, names)}"
    if sensitive.positive is None and judged.classes != 2:
        return f"{judged.classes} classes: say which one is good to get, `positive: 1`"
    if sensitive.positive is not None and sensitive.positive >= judged.classes:
        return f"there is no class {sensitive.positive}, classes are 0 to {judged.classes - 1}"
    return ""


def _ungrouped(groups: Groups) -> str:
    """Why the values make no groups, or ""."""
    column, count = groups.column, len(groups.names)
    if count > _MOST_VALUES:
        return f"{column!r} has {count} values, at most {_MOST_VALUES} make groups; collect it coarser"
    if count < 2:
        return f"expected two groups of {column!r}, found {', '.join(groups.names) or 'none'}"
    missing = float((groups.codes < 0).mean())
    if missing > _MOST_MISSING:
        return f"{column!r} is missing in {missing:.0%} of the rows, allowed {_MOST_MISSING:.0%}; mend the data"
    return ""


def _count(groups: Groups, judged: Judged, positive: int) -> "NDArray[np.int64]":
    """Rows by group, whether truly positive, whether called so, whether right: shape (groups, 2, 2, 2)."""
    import numpy as np

    truly, called = judged.labels == positive, judged.predicted == positive
    right = judged.labels == judged.predicted
    known = groups.codes >= 0
    cells = (groups.codes * 8 + truly * 4 + called * 2 + right)[known]
    return np.bincount(cells, minlength=8 * len(groups.names)).reshape(-1, 2, 2, 2)


def _hits_and_rows(share: str, table: "NDArray[np.int64]") -> tuple["NDArray[np.int64]", "NDArray[np.int64]"]:
    """Of each group, over any axes before it: how many rows count for `share`, and out of how many."""
    if share == "selection_rate":
        return table[..., 1, :].sum((-2, -1)), table.sum((-3, -2, -1))
    if share == "accuracy":
        return table[..., 1].sum((-2, -1)), table.sum((-3, -2, -1))
    side = 1 if share == "true_positive_rate" else 0
    return table[..., side, 1, :].sum(-1), table[..., side, :, :].sum((-2, -1))


def _measure(measure: str, share: str, groups: Groups, table: "NDArray[np.int64]", seed: int) -> Measure:
    """The point, and the percentile bootstrap over rows: a multinomial draw of the cells is a draw of the rows."""
    import numpy as np

    hits, rows = _hits_and_rows(share, table)
    small = [f"{groups.names[at]} has {rows[at]}" for at in np.flatnonzero(rows < SMALLEST_GROUP)]
    if small:
        return Measure(measure, f"needs {SMALLEST_GROUP} {_SHARES[share]} in every group: {', '.join(small)}")
    if measure.endswith("_ratio") and not hits.any():
        return Measure(measure, f"the {share} is 0 in every group, which has no ratio")
    shares = hits / rows
    drawn = np.random.default_rng(seed).multinomial(table.sum(), table.ravel() / table.sum(), size=_DRAWS)
    drawn_hits, drawn_rows = _hits_and_rows(share, drawn.reshape(_DRAWS, *table.shape))
    spread = _compared(measure, drawn_hits / np.maximum(drawn_rows, 1))
    low, high = (float(end) for end in np.quantile(spread, [0.025, 0.975]))
    lowest, highest = (f"{groups.names[at]} {shares[at]:.4f}" for at in (shares.argmin(), shares.argmax()))
    return Measure(measure, "", float(_compared(measure, shares)), (low, high), lowest, highest)


def _compared(measure: str, shares: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Lowest over highest, or highest less lowest, over the last axis; a ratio of nothing counts as 0."""
    import numpy as np

    low, high = shares.min(-1), shares.max(-1)
    if measure.endswith("_ratio"):
        return np.asarray(low / np.where(high > 0, high, 1.0))
    return np.asarray(high - low)


def _group(name: str, table: "NDArray[np.int64]") -> JsonObject:
    """One group's counts, and its shares with Wilson intervals; None where no row counts."""
    counts = {share: tuple(int(number) for number in _hits_and_rows(share, table)) for share in _SHARES}
    shares: dict[str, Json] = {
        share: {"value": hits / rows, "ci95": list(wilson(hits, rows))} if rows else None
        for share, (hits, rows) in counts.items()
    }
    rows, positives, negatives = int(table.sum()), int(table[1].sum()), int(table[0].sum())
    return {"group": name, "rows": rows, "positives": positives, "negatives": negatives, **shares}
