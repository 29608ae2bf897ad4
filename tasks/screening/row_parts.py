"""What one batch of rows adds to the whole, told without any other batch: so any process may make it.

What crosses batches is left open in a part and closed when parts are put together in the rows' order: words and names
are codes into the part's own dictionary, and rows without ids have their position only then.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from assay.dataset import ROW_ID
from assay.errors import SpecError
from assay.feature_columns import feature_columns, list_shape
from tasks.screening.row_contents import content_digests

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


@dataclass
class CellCounts:
    """missing, broken: cells that are empty, and that are NaN, infinite or beyond single precision, by column.

    ragged: columns of lists of several lengths.
    """

    missing: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    ragged: set[str] = field(default_factory=set)

    def add(self, other: "CellCounts") -> None:
        """Count these as well."""
        self.missing.update(other.missing)
        self.broken.update(other.broken)
        self.ragged |= other.ragged


@dataclass
class RowPart:
    """`rows` rows. row_ids: None where a row's id is its position. contents: (rows, 16), see `ScreenRows`.

    labels, sources, words: dictionary arrays, by column where there are several. numbers: (rows, width) by column.
    unusable: columns that are neither in this batch. shape: of one image where its type tells.
    """

    rows: int
    row_ids: "pa.Array | None"
    contents: "NDArray[np.uint8]"
    labels: "pa.Array"
    sources: "pa.Array | None"
    numbers: "dict[str, NDArray[Any]]"
    words: "dict[str, pa.Array]"
    unusable: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()
    counts: CellCounts = field(default_factory=CellCounts)

    def named(self, prefix: str, start: int) -> "pa.Array":
        """The rows' ids; their positions, counted from `start` and after `prefix`, where they have none."""
        import pyarrow as pa

        if self.row_ids is not None:
            return self.row_ids
        return pa.array([f"{prefix}{row}" for row in range(start, start + self.rows)], pa.string())


def describe_rows(batch: "pa.RecordBatch", kind: str, label: str, source: str) -> RowPart:
    """The part of a batch of plain types. source: the column that says where a row came from, "" for none."""
    import pyarrow as pa

    inputs = [name for name in _inputs(batch.schema, kind, label) if name != source]
    part = RowPart(
        rows=batch.num_rows,
        row_ids=None,
        contents=content_digests(batch, inputs),
        labels=named_codes(batch.column(label)),
        sources=named_codes(batch.column(source)) if source else None,
        numbers={},
        words={},
    )
    if ROW_ID in batch.schema.names:
        ids = batch.column(ROW_ID)
        part.row_ids = ids if ids.type == pa.string() else pa.array([str(one) for one in ids.to_pylist()])
    for name in sorted(inputs):
        part.shape = list_shape(batch.schema.field(name).type) or part.shape
    if kind == "text":
        part.texts = _texts(batch, inputs)
    else:
        _describe_columns(part, batch, inputs)
    return part


def named_codes(column: "pa.Array") -> "pa.Array":
    """Any values as strings, as a dictionary array."""
    import pyarrow as pa

    try:
        encoded = column.dictionary_encode(null_encoding="encode")
    except pa.ArrowNotImplementedError:
        return pa.array([str(value) for value in column.to_pylist()], pa.string()).dictionary_encode()
    names = pa.array([str(value) for value in encoded.dictionary.to_pylist()], pa.string())
    return names.take(encoded.indices).dictionary_encode()


def _inputs(schema: "pa.Schema", kind: str, label: str) -> list[str]:
    """A model's input columns: a mail's date makes it no other mail. Every column where none fits the kind."""
    try:
        return feature_columns(schema, kind, label)
    except SpecError:
        return [name for name in schema.names if name not in (ROW_ID, label)]


def _texts(batch: "pa.RecordBatch", inputs: Sequence[str]) -> tuple[str, ...]:
    written = [batch.column(name) for name in sorted(inputs) if _is_text(batch.schema.field(name).type)]
    columns = [column.fill_null("").to_pylist() for column in written]
    return tuple(" ".join(parts) for parts in zip(*columns, strict=True))


def _describe_columns(part: RowPart, batch: "pa.RecordBatch", inputs: Sequence[str]) -> None:
    import pyarrow as pa

    for name in sorted(inputs):
        column = batch.column(name)
        numbers = _numbers(column)
        if numbers is not None:
            part.numbers[name] = numbers
        elif _is_text(column.type):
            part.words[name] = column.cast(pa.string()).fill_null("").dictionary_encode()
        else:
            part.unusable = (*part.unusable, name)


def _is_text(data_type: "pa.DataType") -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(data_type) or pa.types.is_large_string(data_type))


def _numbers(column: "pa.Array") -> "NDArray[Any] | None":
    """(rows, width) in the column's own number type, missing numbers as NaN; None when it is not regular."""
    import numpy as np
    import pyarrow as pa

    kind = column.type
    if pa.types.is_fixed_size_binary(kind) and not column.null_count:
        joined = b"".join(column.to_pylist())
        return np.frombuffer(joined, dtype=np.uint8).reshape(len(column), kind.byte_width)
    flat = column
    while pa.types.is_list(flat.type) or pa.types.is_large_list(flat.type) or pa.types.is_fixed_size_list(flat.type):
        lengths = flat.value_lengths().to_numpy(zero_copy_only=False) if len(flat) else np.zeros(0)
        if flat.null_count or len(np.unique(lengths)) > 1:
            return None
        flat = flat.flatten()
    if not (pa.types.is_integer(flat.type) or pa.types.is_floating(flat.type) or pa.types.is_boolean(flat.type)):
        return None
    if flat.null_count:
        flat = flat.cast(pa.float64())
    numbers = np.asarray(flat.to_numpy(zero_copy_only=False)).reshape(len(column), -1)
    return numbers.astype(np.float32) if numbers.dtype.itemsize > 4 else numbers
