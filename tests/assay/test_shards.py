from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from assay.dataset import DatasetVersion, read_table
from assay.errors import SpecError
from assay.shards import plain_schema, write_shards
from assay.store import FileStore


def rows(count: int) -> pa.Table:
    pixels = pa.array(np.arange(count * 16, dtype=np.uint8))
    image = pa.FixedSizeListArray.from_arrays(pixels, 16)
    return pa.table(
        {"row_id": [f"r{i}" for i in range(count)], "image": image, "text": ["x" * (i % 50) for i in range(count)]}
    )


@pytest.mark.parametrize("batch_rows", [1, 7, 64, 1000])
def test_equal_rows_give_equal_shards_however_they_are_batched(tmp_path: Path, batch_rows: int) -> None:
    store, table = FileStore(tmp_path / "store"), rows(700)
    whole = write_shards(table.to_batches(), store, tmp_path, shard_bytes=10_000)
    parts = write_shards(table.to_batches(max_chunksize=batch_rows), store, tmp_path, shard_bytes=10_000)
    assert whole == parts
    assert len(whole) > 1
    assert sum(shard.rows for shard in whole) == 700


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    store, table = FileStore(tmp_path / "store"), rows(300)
    shards = write_shards(table.to_batches(), store, tmp_path, shard_bytes=5_000)
    version = DatasetVersion("x", "image", "label", {}, shards, (), "")
    assert read_table(version, store, tmp_path).combine_chunks() == table.combine_chunks()
    assert not list(tmp_path.glob("*.parquet"))


def test_no_rows_make_no_shard(tmp_path: Path) -> None:
    assert write_shards([], FileStore(tmp_path / "store"), tmp_path) == ()


def test_plain_schema_has_no_dictionaries_and_no_metadata() -> None:
    schema = pa.schema([pa.field("a", pa.dictionary(pa.int8(), pa.large_string()), nullable=False)], {"pandas": "x"})
    assert plain_schema(schema) == pa.schema([("a", pa.string())])
    assert plain_schema(schema).metadata is None


def test_a_column_of_nothing_is_refused() -> None:
    with pytest.raises(SpecError, match="'a': every value is missing"):
        plain_schema(pa.schema([("a", pa.null())]))
