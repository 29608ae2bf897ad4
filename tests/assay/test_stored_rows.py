from pathlib import Path

import pyarrow as pa
import pytest

from assay.dataset import DatasetVersion, Shard
from assay.errors import IntegrityError
from assay.shards import write_shards
from assay.store import FileStore
from assay.stored_rows import first_row_id, rows_held, rows_in_each


class CountingStore(FileStore):
    """Counts what is fetched."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.fetched: list[str] = []

    def fetch(self, sha256: str, target: Path) -> Path:
        self.fetched.append(sha256)
        return super().fetch(sha256, target)


@pytest.fixture
def store(tmp_path: Path) -> CountingStore:
    return CountingStore(tmp_path / "store")


def shards_of(ids: list[str], store: FileStore, folder: Path, column: str = "row_id") -> tuple[Shard, ...]:
    return write_shards(pa.table({column: ids}).to_batches(), store, folder, shard_bytes=500)


def version(shards: tuple[Shard, ...], column: str = "row_id") -> DatasetVersion:
    return DatasetVersion("two", "tabular", "label", {column: "string"}, shards, (), "position")


def test_each_version_is_told_its_rows_and_a_shared_shard_is_fetched_once(store: CountingStore, tmp_path: Path) -> None:
    many = shards_of([f"r{at}" for at in range(1000)], store, tmp_path)
    few = shards_of(["s1", "s2"], store, tmp_path)
    assert len(many) > 4
    versions = [version(many), version((*few, *many[:1])), version(few), version(())]
    held = rows_in_each(versions, {"r0", "r999", "s2", "nobody"}, store, tmp_path)
    assert held == [{"r0", "r999"}, {"r0", "s2"}, {"s2"}, set()]
    assert sorted(store.fetched) == sorted(shard.sha256 for shard in (*many, *few))
    assert not list(tmp_path.glob("*.parquet"))


def test_a_changed_shard_is_refused_wherever_the_row_lies(store: CountingStore, tmp_path: Path) -> None:
    shards = shards_of([f"r{at}" for at in range(1000)], store, tmp_path)
    last = tmp_path / "store" / "sha256" / shards[-1].sha256[:2] / shards[-1].sha256
    last.write_bytes(last.read_bytes() + b"x")
    with pytest.raises(IntegrityError, match=shards[-1].sha256):
        rows_held(version(shards), {"r0"}, store, tmp_path)


def test_a_window_of_requests_holds_no_rows_and_is_not_read(store: CountingStore, tmp_path: Path) -> None:
    window = version(shards_of(["r1"], store, tmp_path, "request_id"), "request_id")
    assert rows_held(window, {"r1"}, store, tmp_path) == set()
    assert first_row_id(window, store, tmp_path) == ""
    assert store.fetched == []


def test_the_first_id_is_the_example(store: CountingStore, tmp_path: Path) -> None:
    assert first_row_id(version(shards_of(["r7", "r8"], store, tmp_path)), store, tmp_path) == "r7"
    assert first_row_id(version(()), store, tmp_path) == ""
