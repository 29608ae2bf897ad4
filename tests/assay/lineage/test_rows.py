"""A row's way: through every version that holds it, and nowhere else."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr

from assay.dataset import DatasetVersion, Shard, save_dataset
from assay.errors import IntegrityError, SpecError
from assay.lineage.question import ask
from assay.lineage.seen import RunSeen, Version, source_version, subject_version
from assay.lineage.store import LineageStore, add_runs
from assay.lineage.walk import Direction
from assay.records import Subject
from assay.settings import Settings
from assay.store import FileStore

AT = datetime(2026, 11, 21, tzinfo=UTC)
BYTES = source_version("https://example.org/toy.csv", "0" * 64)
MODEL = subject_version(Subject("model/toy", "3" * 64))


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(database_url=SecretStr(database_url), store_url=(tmp_path / "objects").as_uri())


@pytest.fixture
def lineage(settings: Settings, tmp_path: Path) -> Iterator[LineageStore]:
    """raw {a, b, c} -> admitted {a, b} (c is quarantined) -> train {a} and holdout {b}; train -> model.

    And a watched window, whose rows are requests.
    """
    objects = FileStore(tmp_path / "objects")
    raw, admitted, train, holdout = (
        save_rows(objects, tmp_path, name, rows)
        for name, rows in (("toy", "abc"), ("toy.admitted", "ab"), ("toy.train", "a"), ("toy.holdout", "b"))
    )
    window = save_rows(objects, tmp_path, "toy.window", "a", key="request_id")
    with contextlib.closing(LineageStore.open(settings)) as store, store.database.transaction() as connection:
        for number, (inputs, outputs) in enumerate(
            (
                ((BYTES,), (raw,)),
                ((raw,), (admitted,)),
                ((admitted,), (train, holdout)),
                ((train,), (MODEL,)),
                ((MODEL,), (window,)),
            )
        ):
            run = RunSeen(f"run-{number}", f"toy.{number}", "COMPLETE", AT, inputs, outputs, signed=True)
            add_runs(connection, [run])
        connection.commit()
        yield store


def save_rows(objects: FileStore, folder: Path, name: str, rows: str, key: str = "row_id") -> Version:
    path = folder / f"{name}.parquet"
    pq.write_table(pa.table({key: list(rows), "label": [0] * len(rows)}), path)
    shard = Shard(path.name, objects.put_file(path), path.stat().st_size, len(rows))
    columns = {key: "string", "label": "int64"}
    return subject_version(
        save_dataset(DatasetVersion(name, "tabular", "label", columns, (shard,), (), "as given"), objects)
    )


def names(lineage: LineageStore, settings: Settings, direction: Direction, reference: str) -> set[str]:
    return {node.name for node in ask(lineage, settings, direction, reference).nodes}


def test_trained_row_leads_to_the_model_and_not_through_the_holdout(lineage: LineageStore, settings: Settings) -> None:
    found = names(lineage, settings, Direction.DOWN, "row/toy/a")
    assert found == {"row/toy/a", "dataset/toy", "dataset/toy.admitted", "dataset/toy.train", "model/toy"}


def test_quarantined_row_leads_nowhere_beyond_raw(lineage: LineageStore, settings: Settings) -> None:
    assert names(lineage, settings, Direction.DOWN, "row/toy/c") == {"row/toy/c", "dataset/toy"}


def test_row_came_from_the_raw_bytes(lineage: LineageStore, settings: Settings) -> None:
    walked = ask(lineage, settings, Direction.UP, "row/toy/b")
    assert {node.name for node in walked.nodes} == {"row/toy/b", "dataset/toy", BYTES.name}
    assert {(edge.origin, edge.result) for edge in walked.edges} >= {(BYTES.id, walked.edges[0].origin)}


@pytest.mark.parametrize("reference", ["row/toy/z", "row/none/a", "row/toy", "row/toy/"])
def test_unknown_row_is_refused(lineage: LineageStore, settings: Settings, reference: str) -> None:
    with pytest.raises(SpecError):
        ask(lineage, settings, Direction.UP, reference)


def test_changed_shard_is_tampering(lineage: LineageStore, settings: Settings, tmp_path: Path) -> None:
    for path in (tmp_path / "objects").rglob("*"):
        if path.is_file() and path.read_bytes().startswith(b"PAR1"):
            path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(IntegrityError):
        ask(lineage, settings, Direction.DOWN, "row/toy/a")
