"""Which inputs of a model hold a column of the dataset: told by the values themselves, whatever the loader is.

An input holds a column when it says the same: equal or scaled numbers, a code for each value, or a flag for one value.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from assay.errors import SpecError
from assay.near_miss import suggestion

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

_MOST_VALUES = 100
_SAME = 1 - 1e-6


def positions_of(names: Sequence[str], columns: "pa.Table", inputs: "NDArray[Any]") -> frozenset[int]:
    """Positions among the inputs (rows, inputs) of the named columns, whose rows are in the same order.

    Raises SpecError for a name that no column has, or whose values no input holds: what cannot be found cannot be kept.
    """
    found = set[int]()
    for name in names:
        if name not in columns.column_names:
            raise SpecError(f"fixed column {name!r}: no such column; {suggestion(name, columns.column_names)}")
        told = columns[name].to_pylist()
        held = [at for at in range(inputs.shape[1]) if _holds(inputs[:, at], told)]
        if not held:
            raise SpecError(f"fixed column {name!r}: none of {inputs.shape[1]} inputs holds its values; is it one?")
        found.update(held)
    return frozenset(found)


def _holds(values: "NDArray[Any]", told: Sequence[Any]) -> bool:
    import numpy as np

    known = np.array([value is not None for value in told], bool)
    if not known.any():
        return False
    given, taken = [value for value in told if value is not None], values[known]
    if all(isinstance(value, int | float) for value in given) and _is_scaled(np.array(given, np.float64), taken):
        return True
    kinds = sorted(set(given), key=str)
    return 1 < len(kinds) <= _MOST_VALUES and _tells(given, kinds, taken)


def _is_scaled(given: "NDArray[Any]", taken: "NDArray[Any]") -> bool:
    """Equal, or related by a straight line."""
    import numpy as np

    if np.array_equal(given.astype(np.float32), taken.astype(np.float32)):
        return True
    if np.ptp(given) == 0 or np.ptp(taken) == 0:
        return False
    return bool(abs(np.corrcoef(given, taken.astype(np.float64))[0, 1]) > _SAME)


def _tells(given: Sequence[Any], kinds: Sequence[Any], taken: "NDArray[Any]") -> bool:
    """Whether each value has its own number, or one value has a number and all others another."""
    numbers: dict[Any, set[float]] = {kind: set() for kind in kinds}
    for kind, number in zip(given, taken.tolist(), strict=True):
        numbers[kind].add(number)
    if any(len(found) != 1 for found in numbers.values()):
        return False
    codes = [next(iter(found)) for found in numbers.values()]
    return len(set(codes)) == len(codes) or (len(set(codes)) == 2 and min(map(codes.count, set(codes))) == 1)


def column_of(position: int, columns: "pa.Table", inputs: "NDArray[Any]") -> str:
    """The first column that the input holds; empty when there is none."""
    held = (name for name in columns.column_names if _holds(inputs[:, position], columns[name].to_pylist()))
    return next(held, "")
