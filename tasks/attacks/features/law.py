"""Whether a row may come from another within a threat model: judged by the two rows alone, however they were made."""

from typing import TYPE_CHECKING, Any

from assay.spec import FeatureThreat
from tasks.attacks.black_box import Moved
from tasks.attacks.features.constraints import Column, Constraints

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROUNDING = 1e-6


def within(
    threat: FeatureThreat, constraints: Constraints, before: "NDArray[Any]", after: "NDArray[Any]"
) -> Moved | None:
    """How many attributes changed, and the largest move of a number in parts of its range; None when not allowed."""
    import numpy as np

    changed = [int(at) for at in np.flatnonzero(before != after)]
    if any(at in constraints.fixed for at in changed):
        return None
    if any(float(after[list(group)].sum()) != 1 for group in constraints.groups if set(group) & set(changed)):
        return None
    moves = [_move(constraints.columns[at], float(before[at]), float(after[at])) for at in changed]
    furthest = max((move for move in moves if move is not None), default=0.0)
    attributes = changed_attributes(constraints, changed)
    if None in moves or attributes > threat.most or furthest > threat.epsilon * (1 + _ROUNDING):
        return None
    return Moved(attributes, furthest)


def changed_attributes(constraints: Constraints, changed: list[int]) -> int:
    """Columns changed; those of one group are one attribute."""
    group_of = {at: group for group in constraints.groups for at in group}
    return len({group_of.get(at, (at,)) for at in changed})


def _move(column: Column, before: float, after: float) -> float | None:
    """By what part of the column's range; 0 for a code. None for a value that cannot be."""
    if column.is_code:
        return 0.0 if after in column.values else None
    if not column.low <= after <= column.high or (column.whole and after != round(after)):
        return None
    return abs(after - before) / column.span
