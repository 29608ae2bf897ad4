"""Records go when their time is over, signed; the ledger and the graph stay."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from assay.ledger_verification import verify_ledger
from assay.lineage.store import LineageStore
from assay.lineage.sync import sync_from_ledger
from assay.lineage.walk import Direction, walk
from assay.records import RunContext, Step
from assay.settings import Settings
from assay.workbench import Workbench
from tasks.expire_records import expire_records, record_classes
from tests.tasks.promotion_story import Story, make_spec

CONTEXT = RunContext(run_id="by hand", trigger="manual", actor="ann")


@pytest.fixture
def lineage(bench: Workbench) -> Iterator[LineageStore]:
    with contextlib.closing(LineageStore.open(bench.settings)) as opened:
        yield opened


def capture(bench: Workbench, days_ago: float) -> Path:
    folder = Path(bench.settings.capture_url.removeprefix("file://")) / "two" / "requests"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{time.time_ns() - int(days_ago * 86_400e9):020d}-1-7.parquet"
    path.write_bytes(b"PAR1")
    return path


def test_old_requests_go_and_young_ones_stay(bench: Workbench, lineage: LineageStore) -> None:
    old, young = capture(bench, 401), capture(bench, 399)
    requests = next(one for one in record_classes(bench, lineage) if one.name == "requests")
    assert (requests.records, requests.due) == (2, 1)
    entry = expire_records(CONTEXT, bench, lineage)
    assert entry is not None
    assert entry.report.step is Step.EXPIRE
    assert (old.exists(), young.exists()) == (False, True)
    assert expire_records(CONTEXT, bench, lineage) is None, "nothing is due any more, so nothing is signed"


@pytest.mark.parametrize("name", ["2026-backup.parquet", "2026.parquet", "9" * 30 + "-1.parquet"])
def test_files_of_others_beside_the_captured_stay(bench: Workbench, lineage: LineageStore, name: str) -> None:
    old = capture(bench, 401)
    foreign = old.with_name(name)
    foreign.write_bytes(b"mine")
    assert expire_records(CONTEXT, bench, lineage) is not None
    assert (old.exists(), foreign.exists()) == (False, True)


def test_expired_events_leave_the_graph_and_every_proof(bench: Workbench, lineage: LineageStore) -> None:
    story = Story(bench, make_spec()).tell()
    sync_from_ledger(bench.ledger, lineage)
    with lineage.database.transaction() as connection:
        long_ago = datetime.now(UTC) - timedelta(days=500)
        connection.execute(
            "INSERT INTO assay_lineage.events (sha256, event_time, received_at, event) VALUES ('x', %s, %s, '{}')",
            (long_ago, long_ago),
        )
    before = walk(lineage, Direction.UP, story.subjects["model"].sha256)
    assert expire_records(CONTEXT, bench, lineage) is not None
    assert lineage.events_stored() == 0
    assert replace(walk(lineage, Direction.UP, story.subjects["model"].sha256), seconds=0) == replace(before, seconds=0)
    assert verify_ledger(bench.ledger, bench.keys).broken == ()


def test_logs_are_kept_for_six_months_at_least() -> None:
    with pytest.raises(ValidationError):
        Settings(retention_events_days=30)
