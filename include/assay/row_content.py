"""What a row says, as a digest: for row ids, for finding copies, and for the side of the split it belongs to."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any

from assay.errors import SpecError

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

_DIGITS = re.compile(r"\d+")
_DIGEST_BYTES = 16


class Likeness(str, Enum):
    """How alike two rows must be to share a digest."""

    EXACT = "exact"  # the same values in the same types
    SAME_INPUT = "same_input"  # the same to a model: numbers as float32, texts as they are
    NEAR = "near"  # numbers as float32; texts but for case, white space and the value of numbers


def row_digests(batch: "pa.RecordBatch | pa.Table", columns: Sequence[str], likeness: Likeness) -> list[bytes]:
    """16 bytes a row (of SHA-256) over `columns` in their order; names and, but for EXACT, types play no part."""
    parts = [_encoded(batch.column(batch.schema.get_field_index(name)), likeness) for name in columns]
    if not parts:
        raise SpecError("a row's content: expected at least one column besides row id and label, found none")
    return [hashlib.sha256(b"".join(fields)).digest()[:_DIGEST_BYTES] for fields in zip(*parts, strict=True)]


def normalised_text(text: str) -> str:
    """Case, white space and the digits of numbers taken away: `Win  $500 NOW` and `win $9 now` are one."""
    return " ".join(_DIGITS.sub("0", text.casefold()).split())


def _encoded(column: "pa.Array | pa.ChunkedArray", likeness: Likeness) -> Iterator[bytes]:
    """One byte string a row, of a length that it begins with."""
    import pyarrow as pa

    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks)
    if pa.types.is_nested(array.type):
        return _lists(array, likeness)
    if _is_number(array.type):
        return _scalars(array, likeness)
    return _texts(array, likeness)


def _texts(array: "pa.Array", likeness: Likeness) -> Iterator[bytes]:
    for value in array.to_pylist():
        text = value if isinstance(value, str) else str(value)
        encoded = normalised_text(text).encode() if likeness is Likeness.NEAR else text.encode()
        yield _with_length(b"" if value is None else b"=" + encoded)


def _scalars(array: "pa.Array", likeness: Likeness) -> Iterator[bytes]:
    import numpy as np

    present = array.is_valid().to_numpy(zero_copy_only=False)
    values = _numbers(array, likeness)
    width = values.dtype.itemsize
    data = np.ascontiguousarray(values).tobytes()
    for row, is_present in enumerate(present):
        yield _with_length(b"=" + data[row * width : (row + 1) * width] if is_present else b"")


def _lists(array: "pa.Array", likeness: Likeness) -> Iterator[bytes]:
    """Nested lists are one flat list of numbers to a model."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if array.null_count or not _is_number(_innermost(array.type)):
        for value in array.to_pylist():
            yield _with_length(b"" if value is None else b"=" + str(value).encode())
        return
    lengths = np.ones(len(array), dtype=np.int64)
    while pa.types.is_nested(array.type):
        inner = pc.list_value_length(array).to_numpy(zero_copy_only=False).astype(np.int64)
        starts = np.concatenate([[0], np.cumsum(lengths)])
        totals = np.concatenate([[0], np.cumsum(inner)])
        lengths = totals[starts[1:]] - totals[starts[:-1]]
        array = pc.list_flatten(array)
    values = _numbers(array, likeness)
    ends = np.cumsum(lengths) * values.dtype.itemsize
    data = np.ascontiguousarray(values).tobytes()
    for start, end in zip(np.concatenate([[0], ends[:-1]]), ends, strict=True):
        yield _with_length(b"=" + data[start:end])


def _numbers(array: "pa.Array", likeness: Likeness) -> "NDArray[Any]":
    import numpy as np
    import pyarrow as pa

    if pa.types.is_boolean(array.type) or pa.types.is_decimal(array.type):
        array = array.cast(pa.uint8() if pa.types.is_boolean(array.type) else pa.float64())
    values: NDArray[Any] = array.fill_null(0).to_numpy(zero_copy_only=False)
    if likeness is not Likeness.EXACT:
        values = values.astype(np.float32)
    # Adding zero turns -0.0 into 0.0, which compares equal but has other bytes.
    positive: NDArray[Any] = values + values.dtype.type(0)
    return positive


def _innermost(data_type: "pa.DataType") -> "pa.DataType":
    import pyarrow as pa

    while pa.types.is_nested(data_type) and not pa.types.is_struct(data_type):
        data_type = data_type.value_type
    return data_type


def _is_number(data_type: "pa.DataType") -> bool:
    import pyarrow as pa

    kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_decimal)
    return any(is_kind(data_type) for is_kind in kinds)


def _with_length(data: bytes) -> bytes:
    return len(data).to_bytes(8, "little") + data
