"""A file's rows made uniform for the screen: string ids, one label a row, plain types, images of one shape.

What cannot be judged at all is refused with the row's place; what can be judged in part is counted, to be told.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from assay.dataset import ROW_ID, ROW_SOURCE
from assay.errors import SpecError
from tasks.screening.data_files import DataFiles, find_files
from tasks.screening.file_columns import FileColumns, assign_columns, label_of
from tasks.screening.pixels import as_column, pixels, shape_in_words, upright

if TYPE_CHECKING:
    import pyarrow as pa

_LARGEST = 3.4e38  # rows are judged in single precision, where more is infinite


@dataclass
class FileRows:
    """missing, broken: cells that are empty, and that are NaN, infinite or beyond single precision, by column.

    ragged: columns of lists of several lengths. All are known once the batches are read through.
    prefix: of the ids of rows that have none but their position.
    """

    data: DataFiles
    columns: FileColumns
    prefix: str = ""
    missing: dict[str, int] = field(default_factory=dict)
    broken: dict[str, int] = field(default_factory=dict)
    ragged: set[str] = field(default_factory=set)
    shape: tuple[int, ...] = ()
    rows: int = 0
    _schema: "pa.Schema | None" = None

    @property
    def opaque(self) -> list[str]:
        """Inputs that are neither numbers nor words: dates, structures, lists of several lengths."""
        import pyarrow as pa

        plain = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_string)
        kinds = {one.name: one.type for one in self._schema or () if one.name in self.columns.inputs}
        return [
            name
            for name, kind in kinds.items()
            if not any(is_plain(kind) for is_plain in plain) and not _is_list_of_numbers(kind)
        ]

    def batches(self, with_source: bool | None = None) -> Iterator["pa.RecordBatch"]:
        """`row_id`, the inputs, the label, and `row_source` where the file has one; from the start at every call.

        with_source: whether there must be a `row_source`, whatever the file has.

        Raises SpecError naming the row or column that cannot be judged.
        """
        self.missing, self.broken, self.ragged, self.rows = {}, {}, set(), 0
        for batch in self.data.batches(self.columns.label):
            if batch.num_rows:
                yield self._told(batch, bool(self.columns.source) if with_source is None else with_source)
                self.rows += batch.num_rows

    def _told(self, batch: "pa.RecordBatch", with_source: bool) -> "pa.RecordBatch":
        """What Arrow cannot do with a column is the data's fault: told as such, with the place."""
        import pyarrow as pa

        try:
            return self._uniform(batch, with_source)
        except pa.ArrowException as error:
            raise SpecError(f"rows from {self.rows}: cannot be judged: {error}; mend the data's types") from error

    def _uniform(self, batch: "pa.RecordBatch", with_source: bool) -> "pa.RecordBatch":
        import pyarrow as pa

        self._conforms(batch.schema)
        columns = {ROW_ID: self._ids(batch), **{name: self._input(batch, name) for name in self.columns.inputs}}
        columns[self.columns.label] = self._labels(batch.column(self.columns.label))
        if with_source:
            source = self.columns.source
            named = batch.column(source).cast(pa.string()) if source else pa.nulls(batch.num_rows, pa.string())
            columns[ROW_SOURCE] = named.fill_null("(none)")
        uniform = pa.RecordBatch.from_pydict(columns)
        self._schema = self._schema or uniform.schema
        try:
            return uniform.cast(self._schema)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise SpecError(f"the rows change a column's type: {error}; give it one type in every file") from error

    def _conforms(self, schema: "pa.Schema") -> None:
        wanted = [*self.columns.inputs, self.columns.label, *filter(None, [self.columns.source])]
        absent = [name for name in wanted if name not in schema.names]
        if absent:
            found = ", ".join(schema.names)
            raise SpecError(f"{self.data.path}: expected a column {', '.join(absent)} in every file, found {found}")

    def _ids(self, batch: "pa.RecordBatch") -> "pa.Array":
        import pyarrow as pa

        if ROW_ID not in batch.schema.names:
            return pa.array(
                [f"{self.prefix}{row}" for row in range(self.rows, self.rows + batch.num_rows)], pa.string()
            )
        ids = batch.column(ROW_ID).cast(pa.string())
        if ids.null_count:
            raise SpecError(f"row ids: {ids.null_count} are missing in column {ROW_ID!r}; mend the data")
        return ids

    def _input(self, batch: "pa.RecordBatch", name: str) -> "pa.Array":
        import pyarrow as pa
        import pyarrow.compute as pc

        column = batch.column(name)
        if self.columns.kind == "image":
            return self._images(column, name)
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
            column = column.cast(pa.string())
        if pa.types.is_decimal(column.type) or pa.types.is_float16(column.type):
            column = column.cast(pa.float64())
        if column.null_count:
            self.missing[name] = self.missing.get(name, 0) + column.null_count
        if _is_list_of_numbers(column.type) and _is_ragged(column):
            self.ragged.add(name)
        if pa.types.is_floating(column.type):
            sound = pc.less_equal(pc.abs(column), pa.scalar(_LARGEST, column.type))
            broken = len(column) - column.null_count - int(pc.sum(sound).as_py() or 0)
            if broken:
                self.broken[name] = self.broken.get(name, 0) + broken
        return column

    def _images(self, column: "pa.Array", name: str) -> "pa.Array":
        import numpy as np

        images = upright(pixels(column, self.rows))
        self.shape = self.shape or images.shape[1:]
        if images.shape[1:] != self.shape:
            raise SpecError(
                f"row {self.rows}: expected an image of {shape_in_words(self.shape)} like the rows before, found "
                f"{shape_in_words(images.shape[1:])}; bring all images to one shape"
            )
        if not images.size:
            raise SpecError(f"row {self.rows}: expected an image, found one without a pixel; mend it")
        if images.dtype.kind == "f":
            broken = len(images) - int((np.abs(images) <= _LARGEST).reshape(len(images), -1).all(axis=1).sum())
            if broken:
                self.broken[name] = self.broken.get(name, 0) + broken
        return as_column(images)

    def _labels(self, column: "pa.Array") -> "pa.Array":
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
            row = self.rows + column.is_null().to_pylist().index(True)
            raise SpecError(
                f"labels {label!r}: {column.null_count} rows have none, first row {row}; label them or leave them out"
            )
        return column.cast(pa.string())


def open_rows(path: Path, labels: str | None = None, kind: str | None = None, source: str | None = None) -> FileRows:
    """The dataset at `path`; what is not said is found out from its first rows. Raises SpecError when it cannot be.

    source: "" when the file need not say.
    """
    data = find_files(path)
    label = label_of(data, labels)
    first = next((batch for batch in data.batches(label) if batch.num_rows), None)
    if first is None:
        raise SpecError(f"{path}: expected rows, found none; mend the file")
    return FileRows(data, assign_columns(first, label, kind, source))


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
