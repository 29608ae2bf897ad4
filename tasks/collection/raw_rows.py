"""Parsed rows made uniform: one schema, a label, a string `row_id` in front."""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from assay.dataset import ROW_ASIDE, ROW_ENTITY, ROW_ID, ROW_SOURCE
from assay.errors import SpecError
from assay.feature_columns import feature_columns
from assay.near_miss import suggestion
from assay.row_content import Likeness, row_digests
from assay.shards import plain_schema
from assay.spec import CollectorSpec

if TYPE_CHECKING:
    import pyarrow as pa

BY_CONTENT = "first 128 bits of the SHA-256 of the row's values; -2, -3, … for later copies of an equal row"


class RawRows:
    """The rows of `batches` in order; `schema` is known after the first one."""

    def __init__(self, collector: CollectorSpec, batches: Iterator["pa.RecordBatch"]) -> None:
        self.collector, self.batches = collector, batches
        self.schema: pa.Schema | None = None
        self.row_id_rule = ""
        self._parsed: pa.Schema | None = None
        self._copies: dict[bytes, int] = {}

    def __iter__(self) -> Iterator["pa.RecordBatch"]:
        """Batches under `schema`.

        Raises SpecError when the label or id column is absent, no column fits the kind, or a batch has other columns.
        """
        import pyarrow as pa

        for batch in self.batches:
            table = _bytes_as_lists(pa.Table.from_batches([batch]))
            if self._parsed is None:
                self._parsed = plain_schema(table.schema)
                self._check(self._parsed)
            rows = self._with_reserved(self._with_ids(_conform(table, self._parsed)))
            self.schema = rows.schema
            yield from rows.to_batches()

    def _check(self, schema: "pa.Schema") -> None:
        import pyarrow as pa

        repeated = sorted({name for name in schema.names if schema.names.count(name) > 1})
        if repeated:
            raise SpecError(f"the rows have several columns {', '.join(repeated)}; give each a name of its own")
        wanted = [
            ("label", self.collector.label),
            ("row_id", self.collector.row_id),
            ("source", self.collector.source),
            ("entity", self.collector.entity),
            *(("aside", name) for name in self.collector.aside),
        ]
        for key, name in wanted:
            if name and name not in schema.names:
                hint = suggestion(name, schema.names)
                raise SpecError(f"data.collector.{key}: the rows have no column {name!r}; {hint}")
        self.row_id_rule = f"column {self._id_column(schema)}" if self._id_column(schema) else BY_CONTENT
        apart = {self.collector.row_id, self.collector.source, self.collector.entity, *self.collector.aside}
        inputs = pa.schema([field for field in schema if field.name not in apart])
        feature_columns(inputs, self.collector.kind, self.collector.label)

    def _id_column(self, schema: "pa.Schema") -> str:
        return self.collector.row_id or (ROW_ID if ROW_ID in schema.names else "")

    def _with_ids(self, table: "pa.Table") -> "pa.Table":
        import pyarrow as pa

        column = self._id_column(table.schema)
        if column:
            ids = table[column].cast(pa.string())
            if ids.null_count:
                raise SpecError(f"row ids: {ids.null_count} are missing in column {column!r}; mend the data")
            return table.drop_columns([column]).add_column(0, ROW_ID, ids)
        digests = row_digests(table, table.column_names, Likeness.EXACT)
        return table.add_column(0, ROW_ID, pa.array([self._content_id(digest) for digest in digests], pa.string()))

    def _with_reserved(self, table: "pa.Table") -> "pa.Table":
        """The columns of sources and entities under their reserved names, as strings; those kept aside as they are."""
        import pyarrow as pa

        for name, reserved in ((self.collector.source, ROW_SOURCE), (self.collector.entity, ROW_ENTITY)):
            if name:
                place = table.column_names.index(name)
                table = table.set_column(place, reserved, table[name].cast(pa.string()))
        aside = {name: f"{ROW_ASIDE}{name}" for name in self.collector.aside}
        return table.rename_columns([aside.get(name, name) for name in table.column_names])

    def _content_id(self, digest: bytes) -> str:
        copies = self._copies[digest] = self._copies.get(digest, 0) + 1
        return digest.hex() if copies == 1 else f"{digest.hex()}-{copies}"


def without_rows(batches: Iterator["pa.RecordBatch"], erased: Collection[str]) -> Iterator["pa.RecordBatch"]:
    """The batches without the rows of these ids: what was erased is not collected again."""
    import pyarrow as pa
    import pyarrow.compute as pc

    gone = pa.array(sorted(erased), pa.string())
    for batch in batches:
        kept = batch.filter(pc.invert(pc.is_in(batch.column(ROW_ID), gone))) if erased else batch
        if kept.num_rows:
            yield kept


def _bytes_as_lists(table: "pa.Table") -> "pa.Table":
    """Fixed-size binary columns, one form of images, as lists of unsigned bytes: one form for all later steps."""
    import pyarrow as pa

    for position, field in enumerate(table.schema):
        if pa.types.is_fixed_size_binary(field.type):
            data = pa.py_buffer(b"".join(table[field.name].to_pylist()))
            values = pa.UInt8Array.from_buffers(pa.uint8(), table.num_rows * field.type.byte_width, [None, data])
            column = pa.FixedSizeListArray.from_arrays(values, field.type.byte_width)
            table = table.set_column(position, field.name, column)
    return table


def _conform(table: "pa.Table", schema: "pa.Schema") -> "pa.Table":
    import pyarrow as pa

    if set(table.column_names) != set(schema.names):
        raise SpecError(
            f"the rows change their columns: expected {', '.join(schema.names)}, found {', '.join(table.column_names)}"
        )
    try:
        return table.select(schema.names).cast(schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise SpecError(f"the rows change a column's type: {error}; give it one type in every file") from error
