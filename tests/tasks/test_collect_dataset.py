import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.capture import append_labels
from assay.dataset import load_dataset
from assay.errors import IntegrityError, SpecError
from assay.feature_columns import feature_columns
from assay.records import Verdict
from assay.sdk import Collected, Collector
from assay.sources.captured import labelling_model
from assay.store import FileStore
from assay.workbench import Workbench
from tests.tasks.collection_story import Story

NEVER_WRITTEN = 3


@pytest.fixture
def story(bench: Workbench, tmp_path: Path) -> Story:
    return Story(bench, tmp_path / "source")


def table(start: int, stop: int) -> dict[str, Any]:
    return {"a": [float(i) for i in range(start, stop)], "label": [i % 2 for i in range(start, stop)]}


def test_rows_sources_and_schema_are_told(story: Story) -> None:
    story.write("one.parquet", table(0, 100))
    report = story.collect()
    version = load_dataset(report.products["raw"], story.bench.store)
    assert report.verdict is Verdict.PASSED
    assert report.facts["rows"] == version.rows == 100
    assert dict(version.columns) == {"row_id": "string", "a": "double", "label": "int64"}
    (source,) = report.facts["sources"]
    assert source["uri"].endswith("/one.parquet")
    assert len(source["sha256"]) == 64
    assert source["fetched_at"]


def test_unchanged_data_make_no_new_version(story: Story) -> None:
    story.write("one.parquet", table(0, 100))
    first, again = story.collect(), story.collect()
    assert first.facts["new_version"] is True
    assert again.facts["new_version"] is False
    assert first.products == again.products


def test_one_more_row_is_a_new_version(story: Story) -> None:
    story.write("one.parquet", table(0, 100))
    first = story.collect()
    story.write("two.parquet", table(100, 101))
    assert story.collect().products["raw"] != first.products["raw"]


def test_a_rows_id_is_its_content_wherever_it_stands(story: Story) -> None:
    story.write("one.parquet", table(0, 10))
    ids = {row["a"]: row["row_id"] for row in story.rows(story.collect().products["raw"])}
    story.write("one.parquet", table(5, 20))
    later = {row["a"]: row["row_id"] for row in story.rows(story.collect().products["raw"])}
    assert all(ids[a] == later[a] for a in range(5, 10))
    assert len({*ids.values(), *later.values()}) == 20


def test_exact_copies_keep_ids_of_their_own(story: Story) -> None:
    story.write("one.parquet", {"a": [1, 1, 1], "label": [0, 0, 1]})
    first, second, relabelled = (row["row_id"] for row in story.rows(story.collect().products["raw"]))
    assert second == f"{first}-2"
    assert relabelled not in (first, second)


def test_a_column_of_ids_is_taken_and_is_no_input(story: Story) -> None:
    story.write("one.parquet", {"id": [7, 8], **table(0, 2)})
    assert story.rows(story.collect(row_id="id").products["raw"])[0] == {"row_id": "7", "a": 0.0, "label": 0}


@pytest.mark.parametrize(
    ("collector", "message"),
    [
        ({"label": "lable"}, "data.collector.label.*did you mean 'label'"),
        ({"row_id": "ident"}, "data.collector.row_id.*no column 'ident'"),
        ({"kind": "image"}, "expected one list column of numbers"),
        ({"kind": "text"}, "expected one string column"),
        ({"reader": "csv"}, "not the CSV the spec describes|no column"),
    ],
)
def test_rows_that_are_not_as_the_spec_says_are_refused(story: Story, collector: dict[str, str], message: str) -> None:
    story.write("one.parquet", table(0, 4))
    with pytest.raises(SpecError, match=message):
        story.collect(**collector)
    assert story.bench.ledger.size() == 0


def test_files_of_different_columns_or_types_are_refused(story: Story) -> None:
    story.write("one.parquet", table(0, 4))
    story.write("two.parquet", {"b": [1.0], "label": [0]})
    with pytest.raises(SpecError, match="expected a, label, found b, label"):
        story.collect()
    story.write("two.parquet", {"a": ["word"], "label": [0]})
    with pytest.raises(SpecError, match="change a column's type"):
        story.collect()


def test_no_rows_are_an_error(story: Story) -> None:
    story.write("one.parquet", {"a": pa.array([], pa.float64()), "label": pa.array([], pa.int64())})
    with pytest.raises(SpecError, match="expected rows, found none"):
        story.collect()


def test_a_changed_checksum_is_refused_before_anything_is_stored(story: Story) -> None:
    digits = "sklearn/datasets/data/digits.csv.gz"
    source = {"source": "installed", "package": "scikit-learn", "files": digits, "sha256": {digits: "0" * 64}}
    with pytest.raises(IntegrityError, match="expected sha256 0000"):
        story.collect(sources=[source], reader="csv")
    assert not list((story.bench.store.root).rglob("*"))


def test_an_interrupted_collection_leaves_no_version_and_the_next_one_is_whole(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assay.shards.write_shards.__defaults__", ("part", 4_000))
    story.write("one.parquet", table(0, 2_000))
    put_file, calls = FileStore.put_file, []

    def interrupted(store: FileStore, path: Path) -> str:
        calls.append(path)
        if len(calls) == NEVER_WRITTEN:
            raise KeyboardInterrupt
        return put_file(store, path)

    with monkeypatch.context() as broken:
        broken.setattr(FileStore, "put_file", interrupted)
        with pytest.raises(KeyboardInterrupt):
            story.collect()
    stored = [path for path in story.bench.store.root.rglob("*") if path.is_file()]
    assert len(stored) == NEVER_WRITTEN - 1
    assert not any(path.read_bytes().startswith(b"{") for path in stored)
    assert story.bench.ledger.size() == 0
    report = story.collect()
    assert [row["a"] for row in story.rows(report.products["raw"])] == [float(i) for i in range(2_000)]
    assert report.facts["shards"] > NEVER_WRITTEN


def test_memory_is_bounded_by_shards_of_a_size(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.shards.write_shards.__defaults__", ("part", 64_000))
    pixels = np.random.default_rng(0).integers(0, 255, (1000, 400), dtype=np.uint8)
    story.write("one.parquet", {"image": pa.array(list(pixels), pa.list_(pa.uint8(), 400)), "label": [0, 1] * 500})
    version = load_dataset(story.collect(kind="image").products["raw"], story.bench.store)
    assert all(64_000 <= shard.rows * 400 <= 2 * 64_000 for shard in version.shards[:-1])


def test_binary_images_become_lists(story: Story) -> None:
    column = pa.array([bytes([1, 2, 3, 4]), bytes([5, 6, 7, 8])], pa.binary(4))
    story.write("one.parquet", {"image": column, "label": [0, 1]})
    assert story.rows(story.collect(kind="image").products["raw"])[1]["image"] == [5, 6, 7, 8]


class Lines(Collector):
    def __init__(self, suffix: str = "") -> None:
        self.suffix = suffix

    def rows_function(self, workdir: Path) -> Iterator[pa.RecordBatch]:
        for path in sorted(workdir.glob("*.txt")):
            text = [line + self.suffix for line in path.read_text().splitlines()]
            yield pa.RecordBatch.from_pydict({"text": text, "label": [len(line) % 2 for line in text]})


class Mistaken(Lines):
    def describe_function(self, workdir: Path) -> Collected:
        return Collected(kind="image")


def test_a_collector_of_ones_own_finds_the_fetched_files(story: Story) -> None:
    (story.folder / "a.txt").write_text("x\nyy\n")
    source = {"source": "path", "path": str(story.folder), "files": "*.txt"}
    report = story.collect(sources=[source], reader=f"{__name__}:Lines", kind="text", options={"suffix": "!"})
    assert [row["text"] for row in story.rows(report.products["raw"])] == ["x!", "yy!"]


def test_a_collector_that_disagrees_with_the_spec_or_takes_no_such_option_is_refused(story: Story) -> None:
    story.write("one.parquet", table(0, 1))
    with pytest.raises(SpecError, match="Mistaken says 'image'; mend one"):
        story.collect(reader=f"{__name__}:Mistaken", kind="text")
    with pytest.raises(SpecError, match="'sufix'; data"):
        story.collect(reader=f"{__name__}:Lines", kind="text", options={"sufix": "!"})


def capture(story: Story, name: str, inputs: pa.Array) -> None:
    folder = Path(story.bench.settings.capture_url.removeprefix("file://")) / story.name / "requests"
    folder.mkdir(parents=True, exist_ok=True)
    rows = len(inputs)
    columns = {
        "request_id": [name] * rows, "row": list(range(rows)), "at": pa.array([0] * rows, pa.timestamp("us", tz="UTC")),
        "version": [1] * rows, "input": inputs, "label": [0] * rows,
        "probabilities": pa.array([[1.0, 0.0]] * rows, pa.list_(pa.float32())),
    }  # fmt: skip
    pq.write_table(pa.table(columns), folder / f"{len(list(folder.iterdir())):020d}-1-1.parquet")


def with_captured(story: Story) -> dict[str, Any]:
    source = {"source": "path", "path": str(story.folder), "files": "*.parquet"}
    return {"sources": [source, {"source": "captured"}]}


def test_labelled_answers_join_the_rows_under_their_schema(story: Story) -> None:
    seen = pa.array([None], pa.timestamp("s", tz="UTC"))
    story.write("one.parquet", {"row_id": ["m1"], "seen": seen, "text": ["old mail"], "label": [1]})
    before = story.collect(kind="text", **with_captured(story))
    capture(story, "q", pa.array(["new mail", "nobody labelled this"]))
    append_labels(story.bench.settings, story.name, [{"request_id": "q", "label": 0}])
    append_labels(story.bench.settings, story.name, [{"request_id": "q", "label": 1}])
    report = story.collect(kind="text", **with_captured(story))
    assert before.facts["captured"] == 0
    assert report.facts["captured"] == 1
    assert story.rows(report.products["raw"])[1] == {
        "row_id": "captured-q-0",
        "seen": None,
        "text": "new mail",
        "label": 1,
    }
    assert story.collect(kind="text", **with_captured(story)).facts["new_version"] is False


def test_labels_of_our_own_model_are_told_by_the_row_id(story: Story) -> None:
    capture(story, "q", pa.array(["one mail", "another"]))
    given = {"request_id": "q", "label": 0, "origin": "model", "by": "rows/7"}
    append_labels(story.bench.settings, story.name, [given, {"request_id": "q", "row": 1, "label": 1, "by": "ann"}])
    report = story.collect(kind="text", sources=[{"source": "captured"}])
    ids = [str(row["row_id"]) for row in story.rows(report.products["raw"])]
    assert [labelling_model(row_id) for row_id in ids] == ["rows/7", None]
    assert ids[1] == "captured-q-1"


def test_served_images_and_tables_fit_their_columns_or_are_refused(story: Story) -> None:
    nested = pa.array([[[1, 2], [3, 4]]], pa.list_(pa.list_(pa.uint8(), 2), 2))
    story.write("one.parquet", {"image": nested, "label": pa.array([3], pa.uint8())})
    capture(story, "q", pa.array([[5.0, 6.0, 7.0, 8.0]], pa.list_(pa.float32())))
    append_labels(story.bench.settings, story.name, [{"request_id": "q", "label": 9}])
    rows = story.rows(story.collect(kind="image", **with_captured(story)).products["raw"])
    assert rows[1]["image"] == [[5, 6], [7, 8]]
    assert rows[1]["label"] == 9
    story.write("one.parquet", {"b": [1.0], "a": [2], "c": [True], "label": [0]})
    with pytest.raises(SpecError, match="captured:rows: served inputs do not fit the columns b, a, c: 4 values"):
        story.collect(**with_captured(story))


def test_captured_rows_alone_make_a_version(story: Story) -> None:
    capture(story, "q", pa.array([[1.0, 2.0], [3.0, 4.0]], pa.list_(pa.float32())))
    append_labels(story.bench.settings, story.name, [{"request_id": "q", "row": row, "label": row} for row in (0, 1)])
    sources = [{"source": "captured"}]
    assert story.rows(story.collect(sources=sources).products["raw"])[1] == {
        "row_id": "captured-q-1", "input_0": 3.0, "input_1": 4.0, "label": 1
    }  # fmt: skip


def test_a_source_of_many_files_is_one_fact_whose_list_is_stored(story: Story) -> None:
    for number in range(20):
        story.write(f"{number:02d}.parquet", table(number, number + 1))
    (source,) = story.collect().facts["sources"]
    assert source["files"] == 20
    assert story.bench.store.read(source["sha256"]).decode().splitlines()[3].endswith("  03.parquet")


def test_the_manifest_names_no_time(story: Story) -> None:
    story.write("one.parquet", table(0, 2))
    manifest = json.loads(story.bench.store.read(story.collect().products["raw"].sha256))
    assert set(manifest["sources"][0]) == {"uri", "sha256", "etag"}
    assert manifest["sources"][0]["etag"] == ""


def test_who_made_a_row_is_kept_under_one_name_and_is_no_input(story: Story) -> None:
    story.write("rows.parquet", {"a": [1.0, 2.0], "annotator": ["ann", "bob"], "label": [0, 1]})
    raw = story.collect(source="annotator").products["raw"]
    assert [row["row_source"] for row in story.rows(raw)] == ["ann", "bob"]
    columns = load_dataset(raw, story.bench.store).columns
    schema = pa.schema([(name, pa.float64()) for name in columns])
    assert feature_columns(schema, "tabular", "label") == ["a"]


def test_a_column_kept_aside_keeps_its_type_and_is_no_input(story: Story) -> None:
    story.write("rows.parquet", {"a": [1.0, 2.0], "age": [30, 60], "label": [0, 1]})
    raw = story.collect(aside=["age"]).products["raw"]
    version = load_dataset(raw, story.bench.store)
    assert version.columns["row_aside_age"] == "int64" and "age" not in version.columns
    schema = pa.schema([(name, pa.float64()) for name in version.columns])
    assert feature_columns(schema, "tabular", "label") == ["a"]
    with pytest.raises(SpecError, match=r"data.collector.aside.*no column 'aeg'; did you mean 'age'"):
        story.collect(aside=["aeg"])


def test_trusted_rows_are_a_version_of_their_own(story: Story, tmp_path: Path) -> None:
    story.write("rows.parquet", table(0, 3))
    (tmp_path / "trusted").mkdir()
    pq.write_table(pa.table({"a": [9.0], "label": [1]}), tmp_path / "trusted" / "rows.parquet")
    plain = story.collect()
    report = story.collect(trusted=[{"source": "path", "path": str(tmp_path / "trusted"), "files": "*.parquet"}])
    assert report.products["trusted"].name == "dataset/rows.trusted"
    assert [row["a"] for row in story.rows(report.products["trusted"])] == [9.0]
    assert report.facts["trusted"]["rows"] == 1
    assert report.products["raw"] == plain.products["raw"]
