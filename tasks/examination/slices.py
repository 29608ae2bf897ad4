"""Where a model errs more than elsewhere: slices of one or two columns, none told by chance but one time in twenty.

Every slice of 30 rows or more is tested (exact binomial against the error on all rows, one-sided), and the p-values
are corrected for all of them (Holm 1979). A slice of two columns is told only if it is worse than both alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from assay.json_types import JsonObject
from tasks.examination.clean import wilson
from tasks.examination.groups import Groups, group_rows

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

SMALLEST_SLICE = 30
MOST_TOLD = 10
_ALPHA = 0.05
_MOST_VALUES = 50
_MOST_PAIRED_COLUMNS = 60
_SAME_ROWS = 0.9


@dataclass(frozen=True)
class Slice:
    """Rows that meet `conditions`. p: corrected for all slices that were tested."""

    conditions: tuple[str, ...]
    rows: int
    errors: int
    overall: float
    p: float

    def __str__(self) -> str:
        words = f"error {self.errors / self.rows:.3f} against {self.overall:.3f}, {self.rows} rows, p {self.p:.1g}"
        return f"{' and '.join(self.conditions)}: {words}"

    def to_json(self) -> JsonObject:
        return {
            "slice": list(self.conditions),
            "rows": self.rows,
            "errors": self.errors,
            "error": self.errors / self.rows,
            "ci95": list(wilson(self.errors, self.rows)),
            "p": self.p,
            "words": str(self),
        }


@dataclass(frozen=True)
class WorstSlices:
    """tested: how many slices the p-values are corrected for. skipped: columns of too many values."""

    found: tuple[Slice, ...]
    tested: int
    skipped: tuple[str, ...]

    def to_json(self) -> JsonObject:
        return {"worst": [one.to_json() for one in self.found], "tested": self.tested, "skipped": list(self.skipped)}


def find_worst_slices(columns: "pa.Table", wrong: "NDArray[np.bool_]") -> WorstSlices:
    """At most ten, the surest first. Of slices that are nearly the same rows the surest is told."""
    all_groups = [group_rows(name, columns[name]) for name in columns.column_names if _is_plain(columns[name])]
    fitting = [groups for groups in all_groups if 2 <= len(groups.names) <= _MOST_VALUES]
    named = {groups.column for groups in fitting}
    cells = [cell for axes in _axes(fitting) for cell in _cells(axes, wrong)]
    found = _tell(_sure(cells, float(wrong.mean()))) if wrong.any() else ()
    return WorstSlices(found, len(cells), tuple(name for name in columns.column_names if name not in named))


@dataclass(frozen=True)
class _Cell:
    """One slice: which group of which columns; errors and rows. floor: the highest error of one column alone."""

    axes: tuple[Groups, ...]
    groups: tuple[int, ...]
    rows: int
    errors: int
    floor: float

    def mask(self) -> "NDArray[np.bool_]":
        import numpy as np

        inside = [axis.codes == group for axis, group in zip(self.axes, self.groups, strict=True)]
        return np.asarray(np.logical_and.reduce(inside))


def _is_plain(column: "pa.ChunkedArray") -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return bool(pc.count_distinct(column).as_py() <= _MOST_VALUES)
    return bool(
        pa.types.is_boolean(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
    )


def _axes(fitting: Sequence[Groups]) -> Iterator[tuple[Groups, ...]]:
    """Every column, and every two of a table that is not too wide for it."""
    yield from ((groups,) for groups in fitting)
    if len(fitting) <= _MOST_PAIRED_COLUMNS:
        yield from combinations(fitting, 2)


def _cells(axes: tuple[Groups, ...], wrong: "NDArray[np.bool_]") -> Iterator[_Cell]:
    import numpy as np

    shape = tuple(len(axis.names) for axis in axes)
    known = np.logical_and.reduce([axis.codes >= 0 for axis in axes])
    codes = np.ravel_multi_index(tuple(axis.codes[known] for axis in axes), shape)
    rows = np.bincount(codes, minlength=int(np.prod(shape))).reshape(shape)
    errors = np.bincount(codes, weights=wrong[known], minlength=int(np.prod(shape))).reshape(shape)
    for groups in np.argwhere(rows >= SMALLEST_SLICE):
        at = tuple(int(group) for group in groups)
        alone = [
            errors.take(at[axis], axis).sum() / rows.take(at[axis], axis).sum()
            for axis in range(len(shape))
            if len(shape) > 1
        ]
        yield _Cell(axes, at, int(rows[at]), int(errors[at]), float(max(alone, default=0.0)))


def _sure(cells: Sequence[_Cell], overall: float) -> list[tuple[_Cell, Slice]]:
    """The cells whose error exceeds the overall one after Holm's correction, the surest first."""
    import numpy as np
    from scipy.stats import binom

    rows, errors = (np.array([getattr(cell, name) for cell in cells], dtype=np.int64) for name in ("rows", "errors"))
    p = binom.sf(errors - 1, rows, overall)
    order = np.argsort(p, kind="stable")
    corrected = np.minimum(np.maximum.accumulate(p[order] * (len(cells) - np.arange(len(cells)))), 1.0)
    beyond = binom.sf(errors - 1, rows, np.array([cell.floor for cell in cells]))
    told = []
    for at, holm in zip(order, corrected, strict=True):
        cell = cells[at]
        if holm < _ALPHA and (len(cell.axes) == 1 or beyond[at] < _ALPHA):
            words = tuple(axis.condition(group) for axis, group in zip(cell.axes, cell.groups, strict=True))
            told.append((cell, Slice(words, cell.rows, cell.errors, overall, float(holm))))
    return told


def _tell(sure: Sequence[tuple[_Cell, Slice]]) -> tuple[Slice, ...]:
    """The first of those that are nearly the same rows, until there are enough."""
    chosen: list[Slice] = []
    masks: list[NDArray[np.bool_]] = []
    for cell, found in sure:
        mask = cell.mask()
        if any((mask & other).sum() >= _SAME_ROWS * (mask | other).sum() for other in masks):
            continue
        chosen.append(found)
        masks.append(mask)
        if len(chosen) == MOST_TOLD:
            break
    return tuple(chosen)
