"""Remove records whose time is over, class by class, and sign how many; the ledger itself is kept for ever.

The ledger holds digests, ids and numbers, no rows: what expires leaves every proof and every answer about lineage.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

from assay.json_types import Json, JsonObject
from assay.ledger import LedgerEntry
from assay.lineage.store import LineageStore
from assay.records import Check, RunContext, Step, StepReport, Verdict
from assay.settings import Settings
from assay.station import append_report
from assay.workbench import Workbench

# No pipeline can have this name: theirs have no dots.
PIPELINE = "assay.retention"
FOR_EVER = -1
_CAPTURED = re.compile(r"\d{20}-[^/]+\.parquet")  # as capture names them; what others put there is theirs


@dataclass(frozen=True)
class RecordClass:
    """name: of the class. days: for which its records are kept, FOR_EVER for the ledger. due: whose time is over."""

    name: str
    what: str
    days: int
    records: int
    due: int
    oldest: datetime | None

    def to_json(self) -> JsonObject:
        return {
            "class": self.name,
            "what": self.what,
            "days": None if self.days == FOR_EVER else self.days,
            "records": self.records,
            "due": self.due,
            "oldest": self.oldest.isoformat() if self.oldest else None,
        }


def record_classes(bench: Workbench, lineage: LineageStore) -> tuple[RecordClass, ...]:
    """What is kept for how long, and how much of it is due now."""
    settings, now = bench.settings, bench.clock()
    first = next(iter(bench.ledger.entries(limit=1)), None)
    files = [(path, _written(path)) for path in _captured(settings)]
    old = now - timedelta(days=settings.retention_requests_days)
    return (
        RecordClass("statements", "the signed ledger", FOR_EVER, bench.ledger.size(), 0, first.at if first else None),
        _events(lineage, settings.retention_events_days, now),
        RecordClass(
            name="requests",
            what="served requests and labels, files as captured",
            days=settings.retention_requests_days,
            records=len(files),
            due=sum(at < old for _, at in files),
            oldest=min((at for _, at in files), default=None),
        ),
    )


def expire_records(context: RunContext, bench: Workbench, lineage: LineageStore) -> LedgerEntry | None:
    """Sign what is due, then remove it; None when nothing is."""
    started, classes = bench.clock(), record_classes(bench, lineage)
    if not any(one.due for one in classes):
        return None
    told: Json = [one.to_json() for one in classes]
    checks = tuple(
        Check(one.name, Verdict.PASSED, f"{one.due} of {one.records} are older than {one.days} days", float(one.due))
        for one in classes
        if one.days != FOR_EVER
    )
    report = StepReport(Step.EXPIRE, PIPELINE, Verdict.PASSED, checks=checks, facts={"classes": told})
    entry = append_report(report, context, bench, started, {})
    _remove_events(lineage, started - timedelta(days=bench.settings.retention_events_days))
    old = started - timedelta(days=bench.settings.retention_requests_days)
    for path in _captured(bench.settings):
        if _written(path) < old:
            path.unlink(missing_ok=True)
    return entry


def _events(lineage: LineageStore, days: int, now: datetime) -> RecordClass:
    with lineage.database.transaction() as connection:
        row = connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE received_at < %s), min(received_at) FROM assay_lineage.events",
            (now - timedelta(days=days),),
        ).fetchone()
    records, due, oldest = row or (0, 0, None)
    return RecordClass("events", "OpenLineage events as received; the graph stays", days, records, due, oldest)


def _remove_events(lineage: LineageStore, before: datetime) -> None:
    with lineage.database.transaction() as connection:
        connection.execute("DELETE FROM assay_lineage.events WHERE received_at < %s", (before,))


def _captured(settings: Settings) -> Iterable[Path]:
    parts = urlsplit(settings.capture_url)
    root = Path(unquote(parts.path))
    if parts.scheme != "file" or not root.is_dir():
        return ()
    return sorted(path for path in root.glob("*/*/[0-9]*.parquet") if _CAPTURED.fullmatch(path.name))


def _written(path: Path) -> datetime:
    """Captured files begin with the nanoseconds of their first row."""
    return datetime.fromtimestamp(int(path.name.partition("-")[0]) / 1e9, UTC)
