"""Lineage on PostgreSQL: what witnesses tell adds up, in any order and any number of times, to one graph."""

from datetime import datetime

from assay.digests import sha256_bytes
from assay.lineage.database import Connection, Database
from assay.lineage.seen import RunSeen
from assay.settings import Settings

_WRITER_LOCK = 0x67726170
_ADD_VERSION = """
    INSERT INTO assay_lineage.versions AS t (id, name, type, digest, at, signed) VALUES (%s, %s, %s, %s, %s, %s)
    ON CONFLICT (id, name, signed) DO UPDATE SET at = least(t.at, excluded.at)
"""
_ADD_RUN_VERSION = """
    INSERT INTO assay_lineage.run_versions AS t (run_id, role, id, name, at, signed) VALUES (%s, %s, %s, %s, %s, %s)
    ON CONFLICT (run_id, role, id, name, signed) DO UPDATE SET at = least(t.at, excluded.at)
"""
# Every input of a run leads to every output, whichever witness told of which; signed only when both ends are.
_JOIN_RUN = """
    INSERT INTO assay_lineage.edges AS t (from_id, to_id, run_id, at, signed)
    SELECT i.id, o.id, o.run_id, min(greatest(i.at, o.at)), i.signed AND o.signed
    FROM assay_lineage.run_versions i JOIN assay_lineage.run_versions o USING (run_id)
    WHERE run_id = %s AND i.role = 'input' AND o.role = 'output' AND i.id <> o.id
    GROUP BY i.id, o.id, o.run_id, i.signed AND o.signed
    ON CONFLICT (from_id, to_id, run_id, signed) DO UPDATE SET at = least(t.at, excluded.at)
"""
# The state is the last one told; on equal times the greater word.
_ADD_RUN = """
    INSERT INTO assay_lineage.runs AS t (run_id, job, parent_run_id, state, state_at, started_at, signed)
    VALUES (%(run_id)s, %(job)s, %(parent)s, %(state)s, %(at)s, %(at)s, %(signed)s)
    ON CONFLICT (run_id, signed) DO UPDATE SET
        job = least(t.job, excluded.job),
        parent_run_id = least(t.parent_run_id, excluded.parent_run_id),
        state = CASE WHEN (excluded.state_at, excluded.state) > (t.state_at, t.state) THEN excluded.state
                     ELSE t.state END,
        state_at = greatest(t.state_at, excluded.state_at),
        started_at = least(t.started_at, excluded.started_at)
"""


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

    def add_event(self, canonical_event: bytes, event_time: datetime, seen: RunSeen | None) -> bool:
        """Keep a received event and what it tells; False when the same event was there already."""
        with self.database.transaction() as connection:
            added = connection.execute(
                "INSERT INTO assay_lineage.events (sha256, run_id, event_time, event) VALUES (%s, %s, %s, %s)"
                " ON CONFLICT DO NOTHING",
                (sha256_bytes(canonical_event), seen.run_id if seen else None, event_time, canonical_event.decode()),
            ).rowcount
            if added and seen is not None:
                add_run(connection, seen)
        return bool(added)

    def events_stored(self) -> int:
        """How many distinct events were received."""
        with self.database.transaction() as connection:
            row = connection.execute("SELECT count(*) FROM assay_lineage.events").fetchone()
        return int(row[0]) if row else 0

    def close(self) -> None:
        """Give the connections back."""
        self.database.close()


def add_run(connection: Connection, seen: RunSeen) -> None:
    """Add what one witness tells of a run, inside the caller's transaction."""
    # One writer at a time: two witnesses of a run must not miss each other's rows when its inputs and outputs
    # are joined, and two runs over the same versions must not lock them in opposite orders.
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_WRITER_LOCK,))
    run = {"run_id": seen.run_id, "job": seen.job, "parent": seen.parent_run_id, "state": seen.state}
    connection.execute(_ADD_RUN, {**run, "at": seen.at, "signed": seen.signed})
    for role, versions in (("input", seen.inputs), ("output", seen.outputs)):
        for version in versions:
            row = (version.id, version.name, version.type, version.digest, seen.at, seen.signed)
            connection.execute(_ADD_VERSION, row)
            told = (seen.run_id, role, version.id, version.name, seen.at, seen.signed)
            connection.execute(_ADD_RUN_VERSION, told)
    connection.execute(_JOIN_RUN, (seen.run_id,))
