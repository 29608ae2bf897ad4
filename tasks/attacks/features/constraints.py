"""What values the columns of a table take, learned from its rows: what an attacker's row must keep to."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from assay.errors import SpecError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_VALUES = 20
_QUANTILES = 64


@dataclass(frozen=True)
class Column:
    """low, high: as observed. whole: only whole numbers occur. values: all that occur, when they are few; else none.

    grid: values at evenly spaced quantiles, of rows and of values, between which a tree's thresholds lie.
    """

    low: float
    high: float
    whole: bool
    values: tuple[float, ...]
    grid: tuple[float, ...]

    @property
    def is_code(self) -> bool:
        """Few values: it becomes another of them, however far."""
        return bool(self.values)

    @property
    def span(self) -> float:
        return self.high - self.low


@dataclass(frozen=True)
class Constraints:
    """columns: by position. groups: columns of zeros and ones of which one is one in every row, thus one attribute.

    fixed: positions out of the attacker's reach.
    """

    columns: tuple[Column, ...]
    groups: tuple[tuple[int, ...], ...]
    fixed: frozenset[int] = frozenset()

    @cached_property
    def attributes(self) -> tuple[tuple[int, ...], ...]:
        """What counts as one change: groups, and columns outside them; constant and fixed ones left out."""
        grouped = {position for group in self.groups for position in group}
        single = [(at,) for at, column in enumerate(self.columns) if at not in grouped and column.span > 0]
        return tuple(one for one in (*self.groups, *single) if not self.fixed & set(one))


def learn_constraints(rows: "NDArray[Any]", fixed: frozenset[int] = frozenset()) -> Constraints:
    """rows: (rows, columns) as an attacker may know them. Raises SpecError for rows that are no finite numbers."""
    import numpy as np

    if rows.ndim != 2 or not len(rows):
        raise SpecError(f"expected rows of numbers (rows, columns), found the shape {rows.shape}")
    if not np.isfinite(rows).all():
        raise SpecError("some inputs are no finite numbers, so a column has no range; fill them in the collector")
    columns = tuple(_column(rows[:, at]) for at in range(rows.shape[1]))
    return Constraints(columns, _groups(rows, columns), fixed)


def _column(values: "NDArray[Any]") -> Column:
    import numpy as np

    known = np.unique(values)
    few = tuple(map(float, known)) if len(known) <= MOST_VALUES else ()
    steps = np.linspace(0, 1, _QUANTILES)
    grid = np.unique([np.quantile(of, steps, method="nearest") for of in (values, known)])
    whole = bool((known == np.round(known)).all())
    return Column(float(known[0]), float(known[-1]), whole, few, tuple(map(float, grid)))


def _groups(rows: "NDArray[Any]", columns: tuple[Column, ...]) -> tuple[tuple[int, ...], ...]:
    """Neighbouring columns of zeros and ones that add up to one in every row."""
    flags = [column.values == (0.0, 1.0) for column in columns]
    groups, start = list[tuple[int, ...]](), 0
    while start < len(columns):
        end = _group_end(rows, flags, start)
        if end > start + 1:
            groups.append(tuple(range(start, end)))
        start = max(end, start + 1)
    return tuple(groups)


def _group_end(rows: "NDArray[Any]", flags: list[bool], start: int) -> int:
    """Behind the group that starts here; `start` when none does."""
    total, at = 0 * rows[:, 0], start
    while at < len(flags) and flags[at]:
        total = total + rows[:, at]
        at += 1
        if (total > 1).any():
            return start
        if (total == 1).all():
            return at
    return start
