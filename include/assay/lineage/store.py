"""Lineage on PostgreSQL: what witnesses tell adds up, in any order and any number of times, to one graph."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from assay.digests import sha256_bytes
from assay.lineage.database import Connection, Database
from assay.lineage.seen import RunSeen
from assay.settings import Settings

_WRITER_LOCK = 0x67726170
# %b: arrays travel in binary; as text each letter would be looked at for quotes.
_ADD_EVENTS = """
    INSERT INTO assay_lineage.events (sha256, run_id, event_time, event)
    SELECT sha256, run_id, at, event::json
    FROM unnest(%b::text[], %b::text[], %b::timestamptz[], %b::text[]) AS told (sha256, run_id, at, event)
    ON CONFLICT DO NOTHING RETURNING sha256
"""
# Each statement first folds what is told of one key into one row: PostgreSQL updates no row twice at once.
_ADD_VERSIONS = """
    INSERT INTO assay_lineage.versions AS t (id, name, type, digest, at, signed)
    SELECT id, name, min(type), min(digest), min(at), signed
    FROM unnest(%(id)b::text[], %(name)b::text[], %(type)b::text[], %(digest)b::text[], %(at)b::timestamptz[],
                %(signed)b::boolean[]) AS told (id, name, type, digest, at, signed)
    GROUP BY id, name, signed
    ON CONFLICT (id, name, signed) DO UPDATE SET
        type = least(t.type, excluded.type), digest = least(t.digest, excluded.digest), at = least(t.at, excluded.at)
    WHERE (excluded.type, excluded.digest) < (t.type, t.digest) OR excluded.at < t.at
"""
_ADD_RUN_VERSIONS = """
    INSERT INTO assay_lineage.run_versions AS t (run_id, role, id, name, at, job, signed)
    SELECT run_id, role, id, name, min(at), min(job), signed
    FROM unnest(%(run_id)b::text[], %(role)b::text[], %(id)b::text[], %(name)b::text[], %(at)b::timestamptz[],
                %(job)b::text[], %(signed)b::boolean[]) AS told (run_id, role, id, name, at, job, signed)
    GROUP BY run_id, role, id, name, signed
    ON CONFLICT (run_id, role, id, name, signed) DO UPDATE SET
        at = least(t.at, excluded.at), job = least(t.job, excluded.job)
    WHERE excluded.at < t.at OR excluded.job < t.job
"""
# The state is the last one told; on equal times the greater word.
_ADD_RUNS = """
    INSERT INTO assay_lineage.runs AS t (run_id, job, parent_run_id, state, state_at, started_at, signed)
    SELECT run_id, min(job), min(parent), (array_agg(state ORDER BY at DESC, state DESC))[1], max(at), min(at), signed
    FROM unnest(%(run_id)b::text[], %(job)b::text[], %(parent)b::text[], %(state)b::text[], %(at)b::timestamptz[],
                %(signed)b::boolean[]) AS told (run_id, job, parent, state, at, signed)
    GROUP BY run_id, signed
    ON CONFLICT (run_id, signed) DO UPDATE SET
        job = least(t.job, excluded.job),
        parent_run_id = least(t.parent_run_id, excluded.parent_run_id),
        state = CASE WHEN (excluded.state_at, excluded.state) > (t.state_at, t.state) THEN excluded.state
                     ELSE t.state END,
        state_at = greatest(t.state_at, excluded.state_at),
        started_at = least(t.started_at, excluded.started_at)
"""


@dataclass(frozen=True)
class ReceivedEvent:
    """A conforming event. canonical: the bytes that name it; at: when it happened; seen: what it tells of a run."""

    canonical: bytes
    at: datetime
    seen: RunSeen | None


class LineageStore:
    """Feeds the graph; `assay.lineage.walk` reads it."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @classmethod
    def open(cls, settings: Settings) -> "LineageStore":
        """Connect to `ASSAY_DATABASE_URL`, creating the schema when absent.

        Raises SpecError without a URL and EngineUnavailable when the server does not answer.
        """
        return cls(Database.open(settings))

    def ping(self) -> None:
        """Raises EngineUnavailable when the database does not answer."""
        with self.database.transaction() as connection:
            connection.execute("SELECT 1 FROM assay_lineage.progress LIMIT 1")

    def add_events(self, events: Sequence[ReceivedEvent]) -> list[bool]:
        """Keep received events and what they tell, all or none; True for each that was not there before.

        An event given twice is new once: where it stands first.
        """
        distinct = {sha256_bytes(event.canonical): event for event in reversed(events)}
        with self.database.transaction() as connection:
            _be_the_only_writer(connection)
            new = _keep_events(connection, distinct)
            add_runs(connection, [event.seen for sha256, event in distinct.items() if sha256 in new and event.seen])
        return [_taken(new, sha256_bytes(event.canonical)) for event in events]

    def events_stored(self) -> int:
        """How many distinct events were received."""
        with self.database.transaction() as connection:
            row = connection.execute("SELECT count(*) FROM assay_lineage.events").fetchone()
        return int(row[0]) if row else 0

    def close(self) -> None:
        """Give the connections back."""
        self.database.close()


def add_runs(connection: Connection, runs: Sequence[RunSeen]) -> None:
    """Add what witnesses tell of runs, inside the caller's transaction."""
    if not runs:
        return
    _be_the_only_writer(connection)
    told = [(run, role, version) for run in runs
            for role, side in (("input", run.inputs), ("output", run.outputs)) for version in side]  # fmt: skip
    connection.execute(
        _ADD_RUNS,
        {
            "run_id": [run.run_id for run in runs],
            "job": [run.job for run in runs],
            "parent": [run.parent_run_id for run in runs],
            "state": [run.state for run in runs],
            "at": [run.at for run in runs],
            "signed": [run.signed for run in runs],
        },
    )
    columns = {
        "run_id": [run.run_id for run, _, _ in told],
        "role": [role for _, role, _ in told],
        "id": [version.id for _, _, version in told],
        "name": [version.name for _, _, version in told],
        "type": [version.type for _, _, version in told],
        "digest": [version.digest for _, _, version in told],
        "at": [run.at for run, _, _ in told],
        "job": [run.job for run, _, _ in told],
        "signed": [run.signed for run, _, _ in told],
    }
    connection.execute(_ADD_VERSIONS, columns)
    connection.execute(_ADD_RUN_VERSIONS, columns)


def _be_the_only_writer(connection: Connection) -> None:
    """Until the transaction ends: two batches over the same versions must not lock them in opposite orders."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_WRITER_LOCK,))


def _keep_events(connection: Connection, events: Mapping[str, ReceivedEvent]) -> set[str]:
    """The SHA-256 of those that were not there before."""
    columns = (
        list(events),
        [event.seen.run_id if event.seen else None for event in events.values()],
        [event.at for event in events.values()],
        [event.canonical.decode() for event in events.values()],
    )
    return {row[0] for row in connection.execute(_ADD_EVENTS, columns)}


def _taken(names: set[str], name: str) -> bool:
    """Whether `name` was among `names`; it is no more."""
    was_there = name in names
    names.discard(name)
    return was_there
