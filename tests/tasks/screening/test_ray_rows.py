"""Rows read by Ray Data's workers: the same bytes, verdicts and errors as in one process, and nothing left behind."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray
from pydantic import SecretStr

from assay.dataset import DatasetVersion, Shard
from assay.errors import AssayError, EngineUnavailable, IntegrityError
from assay.settings import Settings
from assay.spec import ResourceSpec
from assay.store import FileStore, Store, open_store
from tasks.screening.file_case import FileCase, load_case
from tasks.screening.file_rows import open_rows
from tasks.screening.ray_rows import choose_engine, on_ray
from tasks.screening.row_reading import Reading, RowEngine, in_process
from tasks.screening.rows import ScreenRows, gather_rows
from tasks.screening.stored_source import StoredRows, StoreReach
from tasks.training.ray_session import ray_session
from tests.s3_server import start_s3
from tests.tasks.screen_story import digits, document, npz, parquet, screen
from tests.tasks.screening.row_story import BAD, FORMS, row_groups, table

pytestmark = pytest.mark.engines

WORKERS = 3


@pytest.fixture(scope="module")
def connected() -> Iterator[RowEngine]:
    """A local Ray of several workers, as the screen starts it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "cpu_count", lambda: WORKERS)
        with ray_session(Settings(), ResourceSpec(), 10_000):
            yield on_ray


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.screening.file_pieces.PIECE_ROWS", 1000)


def assert_same(one: ScreenRows, other: ScreenRows) -> None:
    assert (list(one.row_ids), list(one.contents)) == (list(other.row_ids), list(other.contents))
    assert (one.classes, one.texts, one.shape, one.numbers) == (other.classes, other.texts, other.shape, other.numbers)
    assert one.source_names == other.source_names
    for name in ("labels", "features", "sources", "words"):
        found, expected = getattr(one, name), getattr(other, name)
        assert (found is None) == (expected is None)
        if found is not None:
            assert found.dtype == expected.dtype and found.tobytes() == expected.tobytes(), name


@pytest.mark.parametrize("form", FORMS)
def test_rows_are_the_same_byte_for_byte(connected: RowEngine, tmp_path: Path, form: str) -> None:
    path = FORMS[form](tmp_path)
    cases = [load(path, engine) for engine in (in_process, connected)]
    here, there = cases
    assert there.reading.source.pieces >= 3
    assert_same(here.case.rows, there.case.rows)
    assert (here.checks, here.notes) == (there.checks, there.notes)
    assert here.reading.piece_rows == there.reading.piece_rows and sum(here.reading.piece_rows) == len(here.case.rows)


def load(path: Path, engine: RowEngine) -> FileCase:
    source = "who" if path.suffix == ".parquet" else None
    return load_case(open_rows(path, source=source), None, 0.01, 0, engine)


def stored(store: Store, folder: Path) -> DatasetVersion:
    """Three shards with ids and sources of their own."""
    shards = []
    for part in range(3):
        columns = {**table(700, part), "row_id": [f"{part}-{row}" for row in range(700)]}
        columns["row_source"] = columns.pop("who")
        path = parquet(folder / f"{part}.parquet", columns)
        shards.append(Shard(path.name, store.put_file(path), path.stat().st_size, 700))
    types = {field.name: str(field.type) for field in pq.read_schema(path)}
    return DatasetVersion("t", "tabular", "label", types, tuple(shards), (), "given")


def test_shards_of_a_version_are_read_from_the_store_and_its_cells_again(connected: RowEngine, tmp_path: Path) -> None:
    store = FileStore(tmp_path / "store")
    source = StoredRows(stored(store, tmp_path), StoreReach.of(Settings(store_url=store.root.as_uri())))
    readings = [Reading(source, engine) for engine in (in_process, connected)]
    here, there = (gather_rows(reading.parts(), "tabular") for reading in readings)
    assert_same(here, there)
    assert here.row_ids[700] == "1-0" and here.source_names[0] == "annotator 0"
    cells = [reading.cells_at(("city", "b"), [3, 1500, 701]) for reading in readings]
    assert cells[0] == cells[1] and cells[0].keys() == {3, 701, 1500}
    assert cells[0][701] == {"city": str(table(700, 1)["city"][1]), "b": str(table(700, 1)["b"][1])}


def test_changed_shard_is_told_as_tampering_by_the_worker_that_reads_it(connected: RowEngine, tmp_path: Path) -> None:
    store = FileStore(tmp_path / "store")
    version = stored(store, tmp_path)
    changed = next((tmp_path / "store").rglob(version.shards[1].sha256))
    changed.write_bytes(changed.read_bytes()[:-1] + b"x")
    with pytest.raises(IntegrityError, match=version.shards[1].sha256):
        list(Reading(StoredRows(version, StoreReach.of(Settings(store_url=store.root.as_uri()))), connected).parts())


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[Settings]:
    """A real S3 with keys."""
    (tmp_path / "s3/data").mkdir(parents=True)
    with start_s3(tmp_path / "s3", "a-key-of-a-test", "hidden-words") as endpoint:
        yield Settings(
            store_url="s3://data/assay",
            s3_endpoint_url=endpoint,
            s3_access_key=SecretStr("a-key-of-a-test"),
            s3_secret_key=SecretStr("hidden-words"),
            database_url=SecretStr("postgresql://somebody:secret@somewhere"),
        )


def test_workers_reach_the_s3_of_the_run_with_its_keys_and_no_others(
    connected: RowEngine, tmp_path: Path, s3: Settings
) -> None:
    version, reach = stored(open_store(s3), tmp_path), StoreReach.of(s3)
    assert not reach.settings.database_url.get_secret_value() and "hidden" not in repr(reach)
    here, there = (gather_rows(Reading(StoredRows(version, reach), one).parts(), "tabular")
                   for one in (in_process, connected))  # fmt: skip
    assert_same(here, there)


@pytest.mark.parametrize(("make", "words"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_in_the_same_words_at_the_same_place(
    connected: RowEngine, tmp_path: Path, make: Any, words: str
) -> None:
    path, said = make(tmp_path), []
    for engine in (in_process, connected):
        with pytest.raises(AssayError) as caught:
            load(path, engine)
        said.append((type(caught.value), str(caught.value)))
    assert said[0] == said[1] and words in said[0][1]


class Failing(StoredRows):
    """Ends or breaks the process that reads it."""

    pieces = 2
    ends = False

    def batches(self, piece: int) -> Iterator[pa.RecordBatch]:
        if self.ends:
            os._exit(1)
        raise ZeroDivisionError("a fault of our own")


class Ending(Failing):
    ends = True


@pytest.mark.parametrize(("source", "words"), [(Failing, "a fault of our own"), (Ending, "died")])
def test_failing_worker_is_one_error_of_the_engine(
    connected: RowEngine, monkeypatch: pytest.MonkeyPatch, source: Any, words: str
) -> None:
    monkeypatch.setattr("tasks.screening.ray_rows._TRIES_AGAIN", 0)
    with pytest.raises(EngineUnavailable) as caught:
        list(Reading(source(None, None), connected).parts())
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_screen_says_and_writes_the_same(connected: RowEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = digits(900)
    labels[:30] = (labels[:30] + 1) % 10
    for part in range(3):
        npz(tmp_path / f"{part}.npz", images=images[part::3], label=labels[part::3])
    folder = tmp_path / "in"
    folder.mkdir()
    trusted = npz(tmp_path / "sound.npz", images=images[600:900], label=labels[600:900])
    for part in range(3):
        (tmp_path / f"{part}.npz").rename(folder / f"{part}.npz")
    asked = (folder, tmp_path / "out", "--detectors", "duplicates,outliers", "--trusted", str(trusted))
    here = told(*asked)
    monkeypatch.setattr("tasks.screening.screen_file.choose_engine", lambda *_: connected)
    assert told(*asked, "--ray-above", "1") == here


def told(dataset: Path, out: Path, *words: str) -> tuple[str, bytes, bytes]:
    found = document(screen(dataset, out, *words))
    for timed in (found, *found["detectors"]):
        timed.pop("seconds"), timed.pop("peak_rss_bytes", None)
    return json.dumps(found), *((out / f"{name}.parquet").read_bytes() for name in ("scores", "suspects"))


def test_local_ray_ends_with_the_reading_and_leaves_nothing(tmp_path: Path) -> None:
    """The last test: the module's own Ray is ended first."""
    ray.shutdown()
    path, spoken = row_groups(tmp_path), []
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    engine = choose_engine(9000, 8999, Settings(), spoken.append)
    assert engine is not in_process and "a Ray on this machine" in spoken[0]
    reading = Reading(open_rows(path).source(), engine)
    parts = reading.parts()
    first = next(parts)
    started = [one for one in psutil.Process().children(recursive=True) if one.pid not in before]
    assert len(first.row_ids or ()) and started
    for _ in parts:
        pass
    _, left = psutil.wait_procs(started, timeout=10)
    assert not left and sum(reading.piece_rows) == 9000


@pytest.mark.parametrize(("rows", "above"), [(10, 10), (10**9, 0)])
def test_few_rows_are_read_in_process_and_all_are_where_ray_is_switched_off(rows: int, above: int) -> None:
    assert choose_engine(rows, above, Settings(), print) is in_process


def test_address_where_nobody_listens_is_one_error_at_once(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", table(100))
    result = screen(path, tmp_path / "out", "--ray-above", "1", "--ray", "127.0.0.1:1")
    assert isinstance(result.exception, EngineUnavailable) and "Ray at 127.0.0.1:1" in str(result.exception)
    assert not (tmp_path / "out").exists()
