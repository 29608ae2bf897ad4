"""Bad inputs through the real stations: one clear error each, and nothing written."""

import hashlib
import http.server
import io
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr

from assay.errors import AssayError, EngineUnavailable, IntegrityError, SourceUnreachable, SpecError
from assay.records import RunContext, StepReport, Verdict
from assay.sdk import Collector
from assay.station import StepRequest, run_station
from assay.store import FileStore
from assay.workbench import Workbench
from tasks.validate_dataset import validate_dataset
from tests.tasks.collection_story import Story

ROWS = 60
NO_CHECKSUM = "0" * 64


class Raising(Collector):
    """A user's collector with a mistake in it."""

    def rows_function(self, workdir: Path) -> Iterator[pa.RecordBatch]:
        for path in sorted(workdir.iterdir()):
            yield {"amount": [len(path.read_text()) / 0]}


class Lists(Raising):
    """A user's collector that yields something else than batches."""

    def rows_function(self, workdir: Path) -> Iterator[pa.RecordBatch]:
        yield {"amount": [1.0], "label": [0]}


class Offline(Raising):
    """A user's collector whose server is down."""

    def rows_function(self, workdir: Path) -> Iterator[pa.RecordBatch]:
        socket.create_connection(("127.0.0.1", 9), timeout=1)
        yield from ()


@dataclass(frozen=True)
class Bad:
    """files: what lies in the source folder. collector: the keys of data.collector besides the usual ones.

    words: regular expressions that the message must match: what, expected or found, next step.
    """

    files: Mapping[str, bytes]
    collector: Mapping[str, Any]
    words: tuple[str, ...]
    error: type[AssayError] = SpecError
    source: Mapping[str, Any] = field(default_factory=dict)


def parquet(**columns: Any) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream)
    return stream.getvalue()


def npz(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def source(kind: str, **keys: Any) -> dict[str, Any]:
    return {"source": kind, **keys}


SOUND = parquet(amount=[1.0, 2.0], label=[0, 1])
IMAGES = npz(images=np.zeros((ROWS, 4, 4), np.uint8), label=np.arange(ROWS) % 2)
WORDS = np.array([{"a": 1}, "b"], dtype=object)
MINE = {"x.txt": b"text"}

BAD_INPUTS = {
    "missing file": Bad(
        {}, {}, ("rows.none", "expected files", "found none in", "mend `path`"), source={"files": "rows.none"}
    ),
    "wrong label column": Bad(
        {"a.parquet": SOUND}, {"label": "lable"}, ("data.collector.label", "did you mean 'label'")
    ),
    "empty CSV": Bad({"a.csv": b""}, {"reader": "csv"}, ("a.csv", "Empty CSV", "mend the file")),
    "CSV of a header only": Bad({"a.csv": b"a,label\n"}, {"reader": "csv"}, ("expected rows, found none", "mend data")),
    "CSV with a short row": Bad(
        {"a.csv": b"a,label\n1,0\n2\n"}, {"reader": "csv"}, ("Expected 2 columns, got 1", "mend")
    ),
    "CSV with two equal columns": Bad(
        {"a.csv": b"a,a,label\n1,2,0\n"}, {"reader": "csv"}, ("several columns a", "a name of its own")
    ),
    "damaged gzip": Bad(
        {"a.csv.gz": b"\x1f\x8b\x08junk"}, {"reader": "csv"}, ("a.csv.gz", "not the CSV", "mend the file")
    ),
    "unreadable Parquet": Bad(
        {"a.parquet": SOUND[:-9]}, {}, ("a.parquet", "expected Parquet", "mend `files` or `reader`")
    ),
    "text in a numeric column": Bad(
        {"a.parquet": SOUND, "b.parquet": parquet(amount=["many"], label=[1])},
        {},
        ("change a column's type", "many", "give it one type"),
    ),
    "column without a value": Bad(
        {"a.parquet": parquet(amount=pa.nulls(2), label=[0, 1])},
        {},
        ("'amount': every value is missing", "leave it out"),
    ),
    "truncated NPZ": Bad(
        {"a.npz": IMAGES[:-40]}, {"reader": "npz"}, ("a.npz", "expected a NumPy archive", "fetch it again")
    ),
    "NPZ with pickled features": Bad(
        {"a.npz": npz(features=WORDS, label=np.arange(2))},
        {"reader": "npz"},
        ("a.npz/features", "expected rows of numbers", "allow_pickle=False"),
    ),
    "NPZ with pickled labels": Bad(
        {"a.npz": npz(images=np.zeros((2, 2, 2)), label=WORDS)},
        {"reader": "npz"},
        ("a.npz/label", "allow_pickle=False"),
    ),
    "NPZ with one-hot labels": Bad(
        {"a.npz": npz(features=np.zeros((3, 2)), label=np.eye(3))},
        {"reader": "npz"},
        ("a.npz/label", "expected one label a row", "save class indices"),
    ),
    "NPZ of complex numbers": Bad(
        {"a.npz": npz(features=np.zeros((3, 2), complex), label=np.arange(3))},
        {"reader": "npz"},
        ("expected numbers, found complex128", "convert"),
    ),
    "truncated IDX": Bad(
        {"a-images-idx3-ubyte.gz": b"\x1f\x8b\x08\0\0\0\0\0\0\3"},
        {"reader": "idx"},
        ("a-images-idx3-ubyte.gz", "expected IDX", "fetch it again"),
    ),
    "unknown installed package": Bad(
        {},
        {"sources": [source("installed", package="no-such-package-at-all")]},
        ("no such distribution", "install it or mend"),
    ),
    "SQL variable not set": Bad(
        {},
        {"sources": [source("sql", connection="NO_SUCH_DATABASE_URL", query="SELECT 1")]},
        ("NO_SUCH_DATABASE_URL is not set", "put the SQLAlchemy URL"),
    ),
    "captured without rows": Bad(
        {}, {"sources": [source("captured")]}, ("expected rows, found none in 1 sources", "label rows")
    ),
    "collector that raises": Bad(
        MINE, {"reader": f"{__name__}:Raising"}, ("Raising", "ZeroDivisionError", "mend the collector")
    ),
    "collector without batches": Bad(
        MINE, {"reader": f"{__name__}:Lists"}, ("expected pyarrow.RecordBatch, found dict", "mend")
    ),
    "collector whose server is down": Bad(
        MINE, {"reader": f"{__name__}:Offline"}, ("Offline", "refused", "up\\?"), EngineUnavailable
    ),
}


@pytest.fixture
def story(bench: Workbench, tmp_path: Path) -> Story:
    return Story(bench, tmp_path / "source", name="two")


def refused(story: Story, error: type[AssayError], words: tuple[str, ...], **collector: Any) -> AssayError:
    """What collecting raises, once its message has all `words` and neither ledger nor store has a version."""
    with pytest.raises(AssayError) as caught:
        story.collect(**collector)
    assert type(caught.value) is error
    for word in words:
        caught.match(word)
    assert "Traceback" not in str(caught.value)
    assert story.bench.ledger.size() == 0
    assert not [path for path in stored(story) if path.read_bytes().startswith(b"{")], "a manifest was stored"
    return caught.value


def stored(story: Story) -> list[Path]:
    assert isinstance(story.bench.store, FileStore)
    return [path for path in story.bench.store.root.rglob("*") if path.is_file()]


@pytest.mark.parametrize("bad", BAD_INPUTS.values(), ids=BAD_INPUTS)
def test_bad_input_is_one_clear_error_and_no_version(story: Story, bad: Bad) -> None:
    for name, content in bad.files.items():
        (story.folder / name).write_bytes(content)
    here = {"source": "path", "path": str(story.folder), **bad.source}
    error = refused(story, bad.error, bad.words, **{"sources": [here], **bad.collector})
    assert error.exit_code == (1 if bad.error is EngineUnavailable else 2)


def test_collector_whose_module_breaks_is_named(story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_collector.py").write_text("rows = [\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    (story.folder / "x.txt").write_text("text")
    words = ("broken_collector", "SyntaxError", "mend that module")
    here = source("path", path=str(story.folder))
    refused(story, SpecError, words, sources=[here], reader="broken_collector:Rows")


def test_unreachable_object_store_is_a_source_to_mend(story: Story) -> None:
    nobody = {"s3_access_key": SecretStr("nobody"), "s3_secret_key": SecretStr("nobody")}
    settings = story.bench.settings.model_copy(update={"s3_endpoint_url": "http://127.0.0.1:9", **nobody})
    story.bench = replace(story.bench, settings=settings)
    words = ("s3://rows/2026", "Could not connect", "is the object store up")
    error = refused(story, SourceUnreachable, words, sources=[source("s3", url="s3://rows/2026")])
    assert error.exit_code == 2
    assert not stored(story)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "www"
    folder.mkdir()
    (folder / "rows.parquet").write_bytes(SOUND)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_web_file_that_is_not_there_is_the_specs_fault(story: Story, web: str) -> None:
    bad = source("http", url=f"{web}/none.parquet", sha256=NO_CHECKSUM)
    refused(story, SpecError, ("none.parquet", "answers 404", "mend the URL"), sources=[bad])
    assert not stored(story)


def test_web_file_with_another_checksum_is_taken_for_tampering(story: Story, web: str) -> None:
    found = hashlib.sha256(SOUND).hexdigest()
    bad = source("http", url=f"{web}/rows.parquet", sha256=NO_CHECKSUM)
    words = (f"expected sha256 {NO_CHECKSUM}", f"found {found}", "find out why")
    assert refused(story, IntegrityError, words, sources=[bad]).exit_code == 3
    assert not stored(story)


def columns(**changed: Any) -> dict[str, Any]:
    generator = np.random.default_rng(0)
    amount = generator.uniform(0, 10, ROWS)
    return {"amount": amount, "age": generator.integers(18, 90, ROWS), "label": np.arange(ROWS) % 2, **changed}


def validated(story: Story) -> StepReport:
    raw = story.collect().products["raw"]
    request = StepRequest(story.spec(), RunContext(run_id="run", actor="tester"), {"raw": raw})
    return run_station(validate_dataset, request, story.bench)


@pytest.mark.parametrize(
    ("changed", "check", "words"),
    [
        ({"amount": [float("nan"), *([1.0] * (ROWS - 1))]}, "finite_numbers", "NaN or infinite: amount: 1 rows"),
        ({"age": pa.array([None, *([30] * (ROWS - 1))])}, "finite_numbers", "NaN or infinite: age: 1 rows"),
        ({"age": ["thirty"] * ROWS}, "input_types", "expected numbers, found age (string); encode or leave out"),
        ({"label": pa.array([None, *([0, 1] * ROWS)][:ROWS])}, "labels", "1 null; expected integers"),
        ({"label": [1] * ROWS}, "classes", "1 classes"),
    ],
)
def test_readable_but_wrong_rows_fail_their_validation_in_words(
    story: Story, changed: Mapping[str, Any], check: str, words: str
) -> None:
    story.write("rows.parquet", columns(**changed))
    report = validated(story)
    assert report.verdict is Verdict.FAILED
    (failed,) = (one for one in report.checks if one.verdict is not Verdict.PASSED)
    assert failed.name == check
    assert words in failed.detail
    assert not report.products


def test_a_loader_of_ones_own_may_read_words(story: Story) -> None:
    story.write("rows.parquet", columns(age=["thirty", "forty"] * (ROWS // 2)))
    raw = story.collect().products["raw"]
    spec = story.spec()
    own = spec.model_copy(update={"data": spec.data.model_copy(update={"loader": "models.rows:Loader"})})
    report = run_station(validate_dataset, StepRequest(own, RunContext(run_id="run"), {"raw": raw}), story.bench)
    assert report.verdict is Verdict.PASSED
