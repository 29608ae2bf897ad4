"""A file's rows made uniform for the screen: string ids, one label a row, plain types, images of one shape.

What cannot be judged at all is refused with the row's place; what can be judged in part is counted, to be told. A batch
is made uniform by itself: what the first rows decide for all is known before.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from assay.dataset import ROW_ID, ROW_SOURCE
from assay.errors import SpecError
from assay.feature_columns import list_shape
from tasks.screening.data_files import DataFiles
from tasks.screening.file_columns import FileColumns
from tasks.screening.file_pieces import FilePiece, read_piece
from tasks.screening.pixels import as_column, pixels, shape_in_words, upright
from tasks.screening.row_parts import CellCounts, RowPart, describe_rows

if TYPE_CHECKING:
    import pyarrow as pa

_LARGEST = 3.4e38  # rows are judged in single precision, where more is infinite


@dataclass(frozen=True)
class UniformRows:
    """A `RowSource` of files. read_as: the types that CSV files are read as.

    schema: of inputs, label and source, and shape: of an image, as the first rows have them; None and () before.
    """

    data: DataFiles
    columns: FileColumns
    cuts: tuple[FilePiece, ...]
    with_source: bool
    read_as: "pa.Schema | None" = None
    schema: "pa.Schema | None" = None
    shape: tuple[int, ...] = ()

    @property
    def pieces(self) -> int:
        return len(self.cuts)

    @property
    def opaque(self) -> list[str]:
        """Inputs that are neither numbers nor words: dates, structures, lists of several lengths."""
        import pyarrow as pa

        plain = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_string)
        kinds = {one.name: one.type for one in self.schema or () if one.name in self.columns.inputs}
        return [
            name
            for name, kind in kinds.items()
            if not any(is_plain(kind) for is_plain in plain) and not _is_list_of_numbers(kind)
        ]

    def batches(self, piece: int) -> Iterator["pa.RecordBatch"]:
        """As the reader gives them, none without rows. Raises SpecError for damaged files."""
        read = read_piece(self.data, self.cuts[piece], self.columns.label, self.read_as)
        return (batch for batch in read if batch.num_rows)

    def like(self, first: "pa.RecordBatch") -> "UniformRows":
        """The same under the types and shape of the first rows. Raises SpecError when they cannot be judged."""
        uniform = self._told(first, 0, CellCounts())
        schema = uniform.schema
        if ROW_ID in schema.names:
            schema = schema.remove(schema.get_field_index(ROW_ID))
        if self.columns.kind != "image":
            return replace(self, schema=schema)
        images = uniform.column(self.columns.inputs[0])
        return replace(self, schema=schema, shape=list_shape(images.type) or (len(images[0].values),))

    def uniform(self, batch: "pa.RecordBatch", first_row: int) -> "pa.RecordBatch":
        """`row_id` where the file has one, the inputs, the label, and `row_source` where there must be one.

        Raises SpecError naming the row or column that cannot be judged.
        """
        return self._told(batch, first_row, CellCounts())

    def part(self, batch: "pa.RecordBatch", first_row: int) -> RowPart:
        """As `uniform`, described."""
        counts, source = CellCounts(), ROW_SOURCE if self.with_source else ""
        part = describe_rows(self._told(batch, first_row, counts), self.columns.kind, self.columns.label, source)
        part.counts = counts
        return part

    def _told(self, batch: "pa.RecordBatch", first_row: int, counts: CellCounts) -> "pa.RecordBatch":
        """What Arrow cannot do with a column is the data's fault: told as such, with the place."""
        import pyarrow as pa

        try:
            return self._uniform(batch, first_row, counts)
        except pa.ArrowException as error:
            raise SpecError(f"rows from {first_row}: cannot be judged: {error}; mend the data's types") from error

    def _uniform(self, batch: "pa.RecordBatch", first_row: int, counts: CellCounts) -> "pa.RecordBatch":
        import pyarrow as pa

        self._conforms(batch.schema)
        ids = _ids(batch)
        columns = {name: self._input(batch, name, first_row, counts) for name in self.columns.inputs}
        columns[self.columns.label] = self._labels(batch.column(self.columns.label), first_row)
        if self.with_source:
            source = self.columns.source
            named = batch.column(source).cast(pa.string()) if source else pa.nulls(batch.num_rows, pa.string())
            columns[ROW_SOURCE] = named.fill_null("(none)")
        uniform = pa.RecordBatch.from_pydict(columns)
        try:
            uniform = uniform.cast(self.schema or uniform.schema)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise SpecError(f"the rows change a column's type: {error}; give it one type in every file") from error
        return uniform if ids is None else uniform.add_column(0, ROW_ID, ids)

    def _conforms(self, schema: "pa.Schema") -> None:
        wanted = [*self.columns.inputs, self.columns.label, *filter(None, [self.columns.source])]
        absent = [name for name in wanted if name not in schema.names]
        if absent:
            found = ", ".join(schema.names)
            raise SpecError(f"{self.data.path}: expected a column {', '.join(absent)} in every file, found {found}")

    def _input(self, batch: "pa.RecordBatch", name: str, first_row: int, counts: CellCounts) -> "pa.Array":
        import pyarrow as pa
        import pyarrow.compute as pc

        column = batch.column(name)
        if self.columns.kind == "image":
            return self._images(column, name, first_row, counts)
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
            column = column.cast(pa.string())
        if pa.types.is_decimal(column.type) or pa.types.is_float16(column.type):
            column = column.cast(pa.float64())
        if column.null_count:
            counts.missing[name] += column.null_count
        if _is_list_of_numbers(column.type) and _is_ragged(column):
            counts.ragged.add(name)
        if pa.types.is_floating(column.type):
            sound = pc.less_equal(pc.abs(column), pa.scalar(_LARGEST, column.type))
            broken = len(column) - column.null_count - int(pc.sum(sound).as_py() or 0)
            if broken:
                counts.broken[name] += broken
        return column

    def _images(self, column: "pa.Array", name: str, first_row: int, counts: CellCounts) -> "pa.Array":
        import numpy as np

        images = upright(pixels(column, first_row))
        if images.shape[1:] != (self.shape or images.shape[1:]):
            raise SpecError(
                f"row {first_row}: expected an image of {shape_in_words(self.shape)} like the rows before, found "
                f"{shape_in_words(images.shape[1:])}; bring all images to one shape"
            )
        if not images.size:
            raise SpecError(f"row {first_row}: expected an image, found one without a pixel; mend it")
        if images.dtype.kind == "f":
            broken = len(images) - int((np.abs(images) <= _LARGEST).reshape(len(images), -1).all(axis=1).sum())
            if broken:
                counts.broken[name] += broken
        return as_column(images)

    def _labels(self, column: "pa.Array", first_row: int) -> "pa.Array":
        import pyarrow as pa

        label = self.columns.label
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_nested(column.type) or pa.types.is_binary(column.type) or pa.types.is_temporal(column.type):
            raise SpecError(
                f"labels {label!r}: expected one class a row, found {column.type}; save class names or indices"
            )
        if pa.types.is_floating(column.type):
            values = column.to_pandas().astype("float64")
            column = pa.array(values, pa.float64(), from_pandas=True)
            if not (values.notna() & (values % 1 != 0)).any():
                column = column.cast(pa.int64(), safe=False)
        if column.null_count:
            row = first_row + column.is_null().to_pylist().index(True)
            raise SpecError(
                f"labels {label!r}: {column.null_count} rows have none, first row {row}; label them or leave them out"
            )
        return column.cast(pa.string())


def _ids(batch: "pa.RecordBatch") -> "pa.Array | None":
    import pyarrow as pa

    if ROW_ID not in batch.schema.names:
        return None
    ids = batch.column(ROW_ID).cast(pa.string())
    if ids.null_count:
        raise SpecError(f"row ids: {ids.null_count} are missing in column {ROW_ID!r}; mend the data")
    return ids


def _is_list_of_numbers(data_type: "pa.DataType") -> bool:
    import pyarrow as pa

    while pa.types.is_nested(data_type) and not pa.types.is_struct(data_type):
        data_type = data_type.value_type
    kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean)
    return any(is_kind(data_type) for is_kind in kinds)


def _is_ragged(column: "pa.Array") -> bool:
    """Lists of several lengths, of which no matrix can be made."""
    import pyarrow as pa
    import pyarrow.compute as pc

    while pa.types.is_nested(column.type):
        if column.null_count or pc.count_distinct(pc.list_value_length(column)).as_py() > 1:
            return True
        column = column.flatten()
    return False
