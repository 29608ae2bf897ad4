"""Served requests and the labels that people give them later, as Parquet files under `capture_url`.

The served model writes NAME/requests, `append_labels` writes NAME/labels, `read_window` joins both by
(request_id, row). Every file appears whole; a later label for the same row replaces an earlier one, but what a
model says never replaces what a person said, and is no truth to measure a model by.
"""

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from assay.errors import SpecError
from assay.json_types import Json
from assay.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa


MODEL = "model"
PERSON = "person"


@dataclass(frozen=True)
class GivenLabel:
    """One label of one answered row. origin: "person", "model", or "" where nobody said; by: see `append_labels`."""

    request_id: str
    row: int
    label: int
    origin: str = ""
    by: str = ""


def requests_folder(settings: Settings, name: str) -> Path:
    """Where the served model `name` writes what it answered."""
    return _root(settings) / name / "requests"


def append_labels(settings: Settings, pipeline: str, labels: Sequence[Mapping[str, Json]]) -> int:
    """Keep labels of answered rows: `{"request_id": …, "label": int, "row": int = 0, "origin": …, "by": …}`.

    Returns how many. origin: "person" or "model", who gave the label; without it "person" where `by` names somebody,
    else unsaid. by: the person's name, or the model's version.
    Raises SpecError, with nothing written, when one of them is not of that form.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [_label(index, label) for index, label in enumerate(labels)]
    if not rows:
        return 0
    now = time.time_ns()
    table = pa.table(
        {
            "request_id": pa.array([row.request_id for row in rows], pa.string()),
            "row": pa.array([row.row for row in rows], pa.int64()),
            "label": pa.array([row.label for row in rows], pa.int64()),
            "origin": pa.array([row.origin for row in rows], pa.string()),
            "by": pa.array([row.by for row in rows], pa.string()),
            "at": pa.array([now // 1000] * len(rows), pa.int64()).cast(pa.timestamp("us", tz="UTC")),
        }
    )
    folder = _root(settings) / pipeline / "labels"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{now:020d}-{uuid.uuid4().hex[:8]}.parquet"
    partial = file.with_name(f".{file.name}.partial")
    pq.write_table(table, partial)
    partial.replace(file)
    return len(rows)


def read_window(settings: Settings, name: str, rows: int, labelled: bool = False) -> "pa.Table":
    """The newest `rows` answered rows, oldest first; with `labelled`, the newest that have a label.

    Columns: request_id, row, at, version, input (list<float> or string), label (the model's),
    probabilities, true_label (null where none arrived yet, or only a model's).
    """
    known = _newest_labels(_root(settings) / name / "labels")
    labels = {key: given for key, given in known.items() if given.origin != MODEL}
    parts, found = [], 0
    for table in _newest_first(requests_folder(settings, name)):
        part = _with_labels(table, labels, labelled)
        parts.append(part)
        found += part.num_rows
        if found >= rows:
            break
    return _newest(parts, rows)


def labelled_rows(settings: Settings, name: str) -> Iterator["pa.Table"]:
    """All answered rows that have a label, oldest file first: the columns of `read_window`, `origin` and `by`."""
    import pyarrow.parquet as pq

    labels = _newest_labels(_root(settings) / name / "labels")
    for path in sorted(requests_folder(settings, name).glob("[0-9]*.parquet")):
        table = _with_origins(_with_labels(pq.read_table(path), labels, labelled=True), labels)
        if table.num_rows:
            yield table.replace_schema_metadata(None)


def dropped_requests(settings: Settings, name: str) -> int:
    """Requests that were answered but not captured because the queue was full."""
    import pyarrow.parquet as pq

    counts = (pq.read_schema(path).metadata or {} for path in requests_folder(settings, name).glob("*.parquet"))
    return sum(int(count.get(b"assay.dropped_requests", b"0")) for count in counts)


def _root(settings: Settings) -> Path:
    parts = urlsplit(settings.capture_url)
    if parts.scheme != "file" or not parts.path:
        raise SpecError(
            f"ASSAY_CAPTURE_URL: expected file:///FOLDER, found {settings.capture_url!r}; "
            "start the embedded stack with `assay up` or set the variable"
        )
    return Path(unquote(parts.path))


def _label(index: int, label: Mapping[str, Json]) -> GivenLabel:
    request_id, row, value = label.get("request_id"), label.get("row", 0), label.get("label")
    by = label.get("by") or ""
    origin = label.get("origin") or (PERSON if by else "")
    is_whole = all(isinstance(number, int) and not isinstance(number, bool) for number in (row, value))
    is_known = isinstance(by, str) and origin in ("", PERSON, MODEL)
    if not isinstance(request_id, str) or not request_id or not is_whole or not is_known:
        raise SpecError(
            f'labels[{index}]: expected {{"request_id": text, "label": whole number, "row": whole number, '
            f'"origin": "person" or "model", "by": text}}, found {dict(label)}; nothing was written'
        )
    return GivenLabel(request_id, int(str(row)), int(str(value)), str(origin), str(by))


def _newest_first(folder: Path) -> Iterator["pa.Table"]:
    import pyarrow.parquet as pq

    for path in sorted(folder.glob("[0-9]*.parquet"), reverse=True):
        yield pq.read_table(path)


def _newest_labels(folder: Path) -> dict[tuple[str, int], GivenLabel]:
    newest: dict[tuple[str, int], GivenLabel] = {}
    for table in _newest_first(folder):
        unsaid = [""] * table.num_rows  # files of before labels said who gave them
        names = ("request_id", "row", "label", "origin", "by")
        columns = (table[name].to_pylist() if name in table.column_names else unsaid for name in names)
        for given in map(GivenLabel, *columns):
            key = given.request_id, given.row
            known = newest.setdefault(key, given)
            if known.origin == MODEL and given.origin == PERSON:
                newest[key] = given
    return newest


def _with_labels(table: "pa.Table", labels: Mapping[tuple[str, int], GivenLabel], labelled: bool) -> "pa.Table":
    import pyarrow as pa
    import pyarrow.compute as pc

    found = [labels.get(key) for key in _keys(table)]
    true_labels = pa.array([None if given is None else given.label for given in found], pa.int64())
    joined = table.append_column("true_label", true_labels)
    return joined.filter(pc.is_valid(joined["true_label"])) if labelled else joined


def _with_origins(table: "pa.Table", labels: Mapping[tuple[str, int], GivenLabel]) -> "pa.Table":
    import pyarrow as pa

    given = [labels[key] for key in _keys(table)]
    origins = pa.array([one.origin for one in given], pa.string())
    return table.append_column("origin", origins).append_column("by", pa.array([one.by for one in given], pa.string()))


def _keys(table: "pa.Table") -> list[tuple[str, int]]:
    return list(zip(table["request_id"].to_pylist(), table["row"].to_pylist(), strict=True))


def _newest(parts: "list[pa.Table]", rows: int) -> "pa.Table":
    import pyarrow as pa

    if not parts:
        return _empty()
    table = pa.concat_tables([part.replace_schema_metadata(None) for part in parts])
    table = table.sort_by([("at", "ascending"), ("request_id", "ascending"), ("row", "ascending")])
    return table.slice(max(0, table.num_rows - rows))


def _empty() -> "pa.Table":
    import pyarrow as pa

    types = {
        "request_id": pa.string(),
        "row": pa.int64(),
        "at": pa.timestamp("us", tz="UTC"),
        "version": pa.int64(),
        "input": pa.list_(pa.float32()),
        "label": pa.int64(),
        "probabilities": pa.list_(pa.float32()),
        "true_label": pa.int64(),
    }
    return pa.schema(list(types.items())).empty_table()
