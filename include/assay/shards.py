"""Rows into Parquet shards: equal rows give equal bytes, however they were batched; memory holds one shard.

The bytes also depend on the Parquet writer's release: another pyarrow may name equal rows anew.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from assay.dataset import Shard
from assay.errors import SpecError
from assay.store import Store

if TYPE_CHECKING:
    import pyarrow as pa

SHARD_BYTES = 32 << 20
_GROUP_ROWS = 4096  # written at once: Parquet widens bytes to four while it writes
_CHUNK_ROWS = 64  # where a shard may end: counted from the first row, so that batches play no part


def write_shards(
    batches: Iterable["pa.RecordBatch"],
    store: Store,
    folder: Path,
    prefix: str = "part",
    shard_bytes: int = SHARD_BYTES,
) -> tuple[Shard, ...]:
    """Store the rows as shards of about `shard_bytes` in memory, written through `folder`.

    Nothing refers to the shards until a manifest names them, so an interruption leaves nothing half-written.
    """
    tables = enumerate(_tables(_chunks(batches), shard_bytes))
    return tuple(_store(table, f"{prefix}-{number:05d}.parquet", store, folder) for number, table in tables)


def plain_schema(schema: "pa.Schema") -> "pa.Schema":
    """The schema that shards get: no metadata, no dictionaries, one width of text, everything nullable.

    Raises SpecError for a column without a type (all values missing).
    """
    import pyarrow as pa

    return pa.schema([pa.field(field.name, _plain(field.type, field.name)) for field in schema])


def _plain(data_type: "pa.DataType", name: str) -> "pa.DataType":
    import pyarrow as pa

    if pa.types.is_dictionary(data_type):
        return _plain(data_type.value_type, name)
    if pa.types.is_null(data_type):
        raise SpecError(f"column {name!r}: every value is missing, so it has no type; leave it out or give it one")
    if pa.types.is_large_string(data_type) or pa.types.is_string_view(data_type):
        return pa.string()
    return data_type


def _chunks(batches: Iterable["pa.RecordBatch"]) -> Iterator["pa.Table"]:
    """The rows again, `_CHUNK_ROWS` at a time."""
    import pyarrow as pa

    held: list[pa.Table] = []
    rows = 0
    for batch in batches:
        held.append(pa.Table.from_batches([batch]))
        rows += batch.num_rows
        if rows < _CHUNK_ROWS:
            continue
        table = pa.concat_tables(held)
        whole = rows - rows % _CHUNK_ROWS
        yield from (table.slice(start, _CHUNK_ROWS) for start in range(0, whole, _CHUNK_ROWS))
        held, rows = [table.slice(whole)], rows - whole
    if rows:
        yield pa.concat_tables(held)


def _tables(chunks: Iterable["pa.Table"], shard_bytes: int) -> Iterator["pa.Table"]:
    import pyarrow as pa

    held: list[pa.Table] = []
    size = 0
    for chunk in chunks:
        held.append(chunk)
        size += sum(_content_bytes(column.chunk(i)) for column in chunk.columns for i in range(column.num_chunks))
        if size >= shard_bytes:
            yield pa.concat_tables(held)
            held, size = [], 0
    if held:
        yield pa.concat_tables(held)


def _content_bytes(array: "pa.Array") -> int:
    """Bytes of the values alone; `nbytes` would depend on how the array was sliced."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_nested(array.type) and not pa.types.is_struct(array.type):
        return 4 * len(array) + _content_bytes(pc.list_flatten(array))
    try:
        return len(array) * int(array.type.bit_width) // 8
    except ValueError:
        return 4 * len(array) + int(pc.sum(pc.binary_length(array.cast(pa.binary()))).as_py() or 0)


def _store(table: "pa.Table", name: str, store: Store, folder: Path) -> Shard:
    import pyarrow.parquet as pq

    path = folder / name
    try:
        pq.write_table(
            table.combine_chunks(),
            path,
            row_group_size=_GROUP_ROWS,
            version="2.6",
            compression="zstd",
            compression_level=3,
            data_page_version="1.0",
            write_statistics=False,
        )
        return Shard(name, store.put_file(path), path.stat().st_size, table.num_rows)
    finally:
        path.unlink(missing_ok=True)
