"""Rows in groups by one column: words and few numbers by value, many numbers in quartiles."""

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_NUMBERS_BY_VALUE = 10


@dataclass(frozen=True)
class Groups:
    """names: one a group. codes: the group of each row, -1 where the value is missing.

    by_value: a name is the value itself; otherwise it is a condition on the column, such as `age > 48`.
    """

    column: str
    names: tuple[str, ...]
    codes: "NDArray[np.int64]"
    by_value: bool

    def condition(self, group: int) -> str:
        """The group in words."""
        return f"{self.column} = {self.names[group]}" if self.by_value else self.names[group]


def group_rows(name: str, values: "pa.ChunkedArray") -> Groups:
    """The groups in the order of their values; a value that is no number counts as missing in a column of numbers."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        numbers = np.asarray(values.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)
        distinct = np.unique(numbers[~np.isnan(numbers)])
        if len(distinct) > _NUMBERS_BY_VALUE:
            return _quartiles(name, numbers)
        codes = np.where(np.isnan(numbers), -1, np.searchsorted(distinct, numbers))
        return Groups(name, tuple(f"{number:g}" for number in distinct), codes.astype(np.int64), by_value=True)
    words = _words(values)
    found = sorted(pc.unique(words.drop_null()).to_pylist())
    codes = pc.index_in(words, pa.array(found, pa.string())).fill_null(-1).to_numpy()
    return Groups(name, tuple(found), np.asarray(codes, dtype=np.int64), by_value=True)


def _words(values: "pa.ChunkedArray") -> "pa.ChunkedArray":
    import pyarrow as pa

    try:
        return values.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # such as bytes
        return pa.chunked_array([[None if one is None else str(one) for one in values.to_pylist()]], pa.string())


def _quartiles(name: str, numbers: "NDArray[np.float64]") -> Groups:
    """At most four: equal quartiles, of which a column of mostly one value has some, fall together."""
    import numpy as np

    present = numbers[~np.isnan(numbers)]
    cuts = np.unique(np.quantile(present, [0.25, 0.5, 0.75], method="inverted_cdf"))
    cuts = cuts[cuts < present.max()]
    words = [f"{cut:.6g}" for cut in cuts]
    between = [f"{low} < {name} ≤ {high}" for low, high in pairwise(words)]
    names = (f"{name} ≤ {words[0]}", *between, f"{name} > {words[-1]}") if words else (f"any {name}",)
    codes = np.where(np.isnan(numbers), -1, np.searchsorted(cuts, numbers, side="left"))
    return Groups(name, names, codes.astype(np.int64), by_value=False)
