"""Rows read by Ray Data's workers: the same bytes, verdicts and errors as in one process, and nothing left behind."""

import contextlib
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from assay.dataset import DatasetVersion, Shard
from assay.errors import AssayError, EngineUnavailable
from assay.settings import Settings
from assay.store import FileStore
from tasks.screening.file_case import FileCase, load_case
from tasks.screening.file_rows import open_rows
from tasks.screening.ray_rows import row_engine
from tasks.screening.row_reading import Reading, RowEngine, in_process
from tasks.screening.rows import ScreenRows, gather_rows
from tasks.screening.stored_source import StoredRows, StoreReach
from tests.tasks.screen_story import digits, document, npz, parquet, screen, text

pytestmark = pytest.mark.engines

WORKERS = 3
WORDS = ("oslo", "rome", "bonn", "", "paris")


@pytest.fixture(scope="module")
def on_ray() -> Iterator[RowEngine]:
    """A local Ray of several workers, started as the screen starts it, that leaves no process and no folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "cpu_count", lambda: WORKERS)
        with row_engine(2, 1, Settings(), print) as engine:
            assert engine is not in_process
            started = psutil.Process().children(recursive=True)
            yield engine
    _, left = psutil.wait_procs(started, timeout=10)
    assert started and not left


def table(rows: int, seed: int = 0) -> dict[str, Any]:
    """Numbers with gaps, words with copies, whole numbers and truth values."""
    generator = np.random.default_rng(seed)
    numbers = np.where(generator.random(rows) < 0.02, np.nan, generator.normal(size=rows))
    return {
        "a": pa.array(numbers, from_pandas=True),
        "b": generator.integers(0, 50, rows),
        "city": [WORDS[place] for place in generator.integers(0, len(WORDS), rows)],
        "yes": generator.random(rows) < 0.3,
        "who": [f"annotator {place}" for place in generator.integers(0, 4, rows)],
        "label": generator.integers(0, 3, rows),
    }


def csvs(folder: Path) -> Path:
    from pyarrow import csv

    for part in range(4):
        csv.write_csv(pa.table(table(900, part)), folder / f"{part}.csv")
    return folder


def row_groups(folder: Path) -> Path:
    columns = {**table(9000), "row_id": [f"r{row}" for row in range(9000)]}
    pq.write_table(pa.table(columns), folder / "t.parquet", row_group_size=500)
    return folder / "t.parquet"


def pictures(folder: Path) -> Path:
    images, labels = digits(900)
    for part in range(3):
        npz(folder / f"{part}.npz", images=images[part::3], label=labels[part::3])
    return folder


def mails(folder: Path) -> Path:
    words = np.array(["win", "cash", "prize", "lunch", "home", "tonight", "see", "you", "é", "\n"])
    generator = np.random.default_rng(0)
    for part in range(3):
        texts = [" ".join(generator.choice(words, 12)) for _ in range(400)]
        parquet(folder / f"{part}.parquet", {"text": texts, "label": ["spam", "ham"] * 200})
    return folder


FORMS = {"CSV files": csvs, "row groups": row_groups, "images": pictures, "texts": mails}


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
def test_rows_are_the_same_byte_for_byte(on_ray: RowEngine, tmp_path: Path, form: str) -> None:
    path = FORMS[form](tmp_path)
    cases = [load(path, engine) for engine in (in_process, on_ray)]
    here, there = cases
    assert there.reading.source.pieces >= 3
    assert_same(here.case.rows, there.case.rows)
    assert (here.checks, here.notes) == (there.checks, there.notes)
    assert here.reading.piece_rows == there.reading.piece_rows and sum(here.reading.piece_rows) == len(here.case.rows)


def load(path: Path, engine: RowEngine) -> FileCase:
    source = "who" if path.suffix == ".parquet" else None
    return load_case(open_rows(path, source=source), None, 0.01, 0, engine)


def test_shards_of_a_version_are_read_from_the_store_and_its_cells_again(on_ray: RowEngine, tmp_path: Path) -> None:
    store, shards = FileStore(tmp_path / "store"), []
    for part in range(3):
        columns = {**table(700, part), "row_id": [f"{part}-{row}" for row in range(700)]}
        columns["row_source"] = columns.pop("who")
        path = parquet(tmp_path / f"{part}.parquet", columns)
        shards.append(Shard(path.name, store.put_file(path), path.stat().st_size, 700))
    types = {field.name: str(field.type) for field in pq.read_schema(path)}
    version = DatasetVersion("t", "tabular", "label", types, tuple(shards), (), "given")
    reach = StoreReach.of(Settings(store_url=store.root.as_uri(), s3_secret_key="hidden", database_url="secret"))
    assert not reach.settings.database_url.get_secret_value() and "hidden" not in repr(reach)
    readings = [Reading(StoredRows(version, reach), engine) for engine in (in_process, on_ray)]
    here, there = (gather_rows(reading.parts(), "tabular") for reading in readings)
    assert_same(here, there)
    assert here.row_ids[700] == "1-0" and here.source_names[0] == "annotator 0"
    cells = [reading.cells_at(("city", "b"), [3, 1500, 701]) for reading in readings]
    assert cells[0] == cells[1] and cells[0].keys() == {3, 701, 1500}
    assert cells[0][701] == {"city": str(table(700, 1)["city"][1]), "b": str(table(700, 1)["b"][1])}


def png(size: int, *, is_whole: bool = True) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (size, size)).save(stream, "PNG")
    return stream.getvalue()[: None if is_whole else 40]


def image_files(folder: Path, *last: bytes | None) -> Path:
    for part in range(2):
        images = [png(8)] * 40 + (list(last) if part else [])
        parquet(
            folder / f"{part}.parquet", {"image": pa.array(images, pa.binary()), "label": [0, 1] * (len(images) // 2)}
        )
    return folder


def second_table(folder: Path, **changed: Any) -> Path:
    parquet(folder / "0.parquet", table(500))
    parquet(folder / "1.parquet", {**table(500), **changed})
    return folder


def second_text(folder: Path, content: bytes) -> Path:
    text(folder / "0.csv", b"a,label\n" + b"1,0\n2,1\n" * 100)
    return text(folder / "1.csv", content).parent


def with_twins(folder: Path) -> Path:
    return second_table(folder, label=pa.array([0, 1, None, *([0] * 497)]), a=["many"] * 500)


BAD: dict[str, tuple[Any, str]] = {
    "unreadable image": (lambda at: image_files(at, png(8), png(8, is_whole=False)), "row 81: unreadable image"),
    "no image": (lambda at: image_files(at, None, png(8)), "row 80: expected an image, found none"),
    "two shapes": (lambda at: image_files(at, *([png(8)] * 3), png(9)), "row 83: expected an image of 8×8"),
    "missing label": (lambda at: second_table(at, label=pa.array([0, 1, None, *([0] * 497)])), "first row 502"),
    "type changes": (lambda at: second_table(at, b=["many"] * 500), "change a column's type"),
    "two faults at once": (with_twins, "first row 502"),
    "cut Parquet": (lambda at: text(second_table(at) / "1.parquet", b"PAR1xx").parent, "1.parquet: expected Parquet"),
    "word among numbers": (lambda at: second_text(at, b"a,label\n3,0\nmany,1\n"), "1.csv: not the CSV"),
    "no label at last": (lambda at: second_text(at, b"a,label\n3,0\n4,\n"), "first row 201"),
}


@pytest.mark.parametrize(("make", "words"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_in_the_same_words_at_the_same_place(
    on_ray: RowEngine, tmp_path: Path, make: Any, words: str
) -> None:
    path, said = make(tmp_path), []
    for engine in (in_process, on_ray):
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
def test_failing_worker_is_one_error_of_the_engine(on_ray: RowEngine, source: Any, words: str) -> None:
    with pytest.raises(EngineUnavailable) as caught:
        list(Reading(source(None, None), on_ray).parts())
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_screen_says_and_writes_the_same(on_ray: RowEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = load_digits().images.astype(np.uint8), load_digits().target
    labels[:30] = (labels[:30] + 1) % 10
    for part in range(3):
        npz(tmp_path / f"{part}.npz", images=images[part::3], label=labels[part::3])
    folder = tmp_path / "in"
    folder.mkdir()
    trusted = npz(tmp_path / "sound.npz", images=images[1000:1200], label=labels[1000:1200])
    for part in range(3):
        (tmp_path / f"{part}.npz").rename(folder / f"{part}.npz")
    asked = (folder, tmp_path / "out", "--detectors", "duplicates,label_issues,outliers", "--trusted", str(trusted))
    here = told(*asked)
    monkeypatch.setattr("tasks.screening.screen_file.row_engine", lambda *_: contextlib.nullcontext(on_ray))
    assert told(*asked, "--ray-above", "1") == here


def told(dataset: Path, out: Path, *words: str) -> tuple[str, bytes, bytes]:
    found = document(screen(dataset, out, *words))
    for timed in (found, *found["detectors"]):
        timed.pop("seconds"), timed.pop("peak_rss_bytes", None)
    return json.dumps(found), *((out / f"{name}.parquet").read_bytes() for name in ("scores", "suspects"))
