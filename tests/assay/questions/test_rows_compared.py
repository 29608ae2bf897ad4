"""Rows that two versions share are counted by id; what the store lost is told, what was changed is tampering."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.dataset import DatasetVersion, Shard, load_dataset, save_dataset
from assay.errors import IntegrityError
from assay.questions.rows_compared import compare_rows
from assay.records import Subject
from assay.store import FileStore


def saved(store: FileStore, folder: Path, *shards: str, key: str = "row_id") -> Subject:
    """A version of shards whose rows are called by letters."""
    made = []
    for letters in shards:
        path = folder / f"{letters}.parquet"
        pq.write_table(pa.table({key: list(letters)}), path)
        made.append(Shard(path.name, store.put_file(path), path.stat().st_size, len(letters)))
    return save_dataset(DatasetVersion("toy", "tabular", "", {key: "string"}, tuple(made), (), "as given"), store)


def test_rows_are_counted_by_id(store: FileStore, tmp_path: Path) -> None:
    found = compare_rows(saved(store, tmp_path, "abc"), saved(store, tmp_path, "bcde"), store)
    assert (found.a, found.b, found.both, found.only_a, found.only_b, found.why) == (3, 4, 2, 1, 2, "")


def test_shards_that_both_hold_need_not_be_there(store: FileStore, tmp_path: Path) -> None:
    old, new = saved(store, tmp_path, "abc", "d"), saved(store, tmp_path, "abc", "de")  # d comes again in another shard
    shared = load_dataset(old, store).shards[0].sha256
    (tmp_path / "store" / "sha256" / shared[:2] / shared).unlink()
    found = compare_rows(old, new, store)
    assert (found.both, found.only_a, found.only_b) == (4, 0, 1)


def test_version_that_only_grew_needs_no_reading(store: FileStore, tmp_path: Path) -> None:
    old, new = saved(store, tmp_path, "abc"), saved(store, tmp_path, "abc", "de")
    for shard in load_dataset(new, store).shards:
        (tmp_path / "store" / "sha256" / shard.sha256[:2] / shard.sha256).unlink()
    found = compare_rows(old, new, store)
    assert (found.both, found.only_a, found.only_b) == (3, 0, 2)


def test_lost_manifest_is_told(store: FileStore, tmp_path: Path) -> None:
    found = compare_rows(saved(store, tmp_path, "abc"), Subject("dataset/toy", "0" * 64), store)
    assert (found.a, found.b, found.both) == (3, None, None)
    assert "manifest of B" in found.why


def test_rows_without_ids_are_not_told_apart(store: FileStore, tmp_path: Path) -> None:
    found = compare_rows(saved(store, tmp_path, "abc"), saved(store, tmp_path, "ab", key="request_id"), store)
    assert (found.both, found.why) == (None, "rows without ids cannot be told apart")


def test_changed_shard_is_tampering(store: FileStore, tmp_path: Path) -> None:
    old, new = saved(store, tmp_path, "abc"), saved(store, tmp_path, "bcd")
    shard = load_dataset(new, store).shards[0].sha256
    path = tmp_path / "store" / "sha256" / shard[:2] / shard
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(IntegrityError):
        compare_rows(old, new, store)
