"""What the reconciler asks PostgreSQL: only of runs that are new to it, and of those that disagreed the last time."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from assay.lineage.database import Connection
from assay.records import Step

_LOCK = 0x7265636F
# Events that were on their way when the last comparison began carry an earlier time than it.
_BEGIN = f"SET LOCAL statement_timeout = '15min'; SELECT pg_advisory_xact_lock({_LOCK})"
_REACHED = "SELECT coalesce(max(entries), 0) FROM assay_lineage.reconciled"
_CANDIDATES = """
    CREATE TEMP TABLE candidates ON COMMIT DROP AS
    SELECT run_id FROM assay_lineage.events
    WHERE run_id IS NOT NULL AND received_at >= coalesce(
        (SELECT max(received_at) - interval '10 minutes' FROM assay_lineage.reconciled), '-infinity')
    UNION SELECT run_id FROM assay_lineage.disagreeing
"""
_ADD_CANDIDATES = "INSERT INTO candidates SELECT unnest(%s::text[])"
_WITHOUT_EVENT = """
    SELECT run_id FROM unnest(%s::text[]) AS run_id
    WHERE NOT EXISTS (SELECT FROM assay_lineage.events e WHERE e.run_id = run_id.run_id)
"""
# A statement of an approval says who approved, its event what was judged: of those only what was made is compared.
_CONTRADICTING = """
    SELECT DISTINCT 'contradicts_statement', t.run_id, s.job,
           'an event tells ' || t.role || ' ' || t.name || '@' || left(t.id, 16) || ', the statement does not'
    FROM candidates JOIN assay_lineage.runs s USING (run_id) JOIN assay_lineage.run_versions t USING (run_id)
    WHERE s.signed AND NOT t.signed AND (t.role = 'output' OR NOT s.job LIKE '%.approve')
      AND NOT EXISTS (SELECT FROM assay_lineage.run_versions k
                      WHERE k.run_id = t.run_id AND k.role = t.role AND k.id = t.id AND k.signed)
    UNION
    SELECT 'contradicts_statement', t.run_id, s.job, 'an event tells ' || t.state || ', the statement ' || s.state
    FROM candidates JOIN assay_lineage.runs s USING (run_id) JOIN assay_lineage.runs t USING (run_id)
    WHERE s.signed AND NOT t.signed AND t.state IN ('COMPLETE', 'FAIL', 'ABORT') AND t.state <> s.state
      AND NOT s.job LIKE '%.approve'
"""
# A source is anybody's to write; every other name in Assay's namespace is made by a step that leaves a statement.
_CLAIMING = """
    SELECT DISTINCT 'claim_without_statement', t.run_id, r.job,
           'an event tells of ' || t.name || '@' || left(t.id, 16) || ', no statement does'
    FROM candidates JOIN assay_lineage.runs r USING (run_id) JOIN assay_lineage.run_versions t USING (run_id)
    JOIN assay_lineage.versions v ON v.id = t.id AND v.name = t.name AND NOT v.signed
    WHERE NOT r.signed AND NOT t.signed AND t.role = 'output' AND v.type <> 'source'
      AND NOT EXISTS (SELECT FROM assay_lineage.runs s WHERE s.run_id = t.run_id AND s.signed)
      AND NOT EXISTS (SELECT FROM assay_lineage.versions k WHERE k.id = t.id AND k.signed)
    UNION
    SELECT 'claim_without_statement', r.run_id, r.job, 'an event tells of a step of Assay, no statement does'
    FROM candidates JOIN assay_lineage.runs r USING (run_id)
    WHERE NOT r.signed AND position('/' IN r.job) = 0 AND substring(r.job FROM '[^.]*$') = ANY(%(steps)s)
      AND NOT EXISTS (SELECT FROM assay_lineage.runs s WHERE s.run_id = r.run_id AND s.signed)
      AND EXISTS (SELECT FROM assay_lineage.events e WHERE e.run_id = r.run_id
                  AND e.event -> 'job' -> 'facets' -> 'jobType' ->> 'integration' = 'ASSAY')
"""
_UNFINISHED = """
    SELECT run_id, job, state, state_at FROM assay_lineage.runs r
    WHERE state IN ('START', 'RUNNING') AND NOT signed AND state_at < %s
      AND NOT EXISTS (SELECT FROM assay_lineage.runs s WHERE s.run_id = r.run_id AND s.signed)
    ORDER BY state_at, run_id
"""
_REMEMBER = """
    INSERT INTO assay_lineage.reconciled (entries, received_at) VALUES (%s, now())
    ON CONFLICT (entries) DO UPDATE SET received_at = now()
"""


def begin(connection: Connection) -> int:
    """How many entries were compared before; nobody else compares until the transaction ends."""
    connection.execute(_BEGIN)
    row = connection.execute(_REACHED).fetchone()
    return int(row[0]) if row else 0


def choose_candidates(connection: Connection) -> None:
    """The runs that events came of since the last time, and those that disagreed then."""
    connection.execute(_CANDIDATES)


def add_candidates(connection: Connection, runs: Sequence[str]) -> None:
    """Compare `runs`, too."""
    connection.execute(_ADD_CANDIDATES, (list(runs),))
    connection.execute("ANALYZE candidates")


def synced(connection: Connection) -> int:
    """How many entries of the ledger the graph holds."""
    row = connection.execute("SELECT coalesce(max(entries), 0) FROM assay_lineage.progress").fetchone()
    return int(row[0]) if row else 0


def runs_without_event(connection: Connection, runs: Sequence[str]) -> list[str]:
    """Those of `runs` that no received event tells of."""
    return [row[0] for row in connection.execute(_WITHOUT_EVENT, (list(runs),))]


def disagreements(connection: Connection) -> list[tuple[str, tuple[str, str, str]]]:
    """(kind, (run id, job, detail)) of every claim among the candidates that no statement bears out."""
    steps = {"steps": [step.value for step in Step]}
    found = [*connection.execute(_CONTRADICTING), *connection.execute(_CLAIMING, steps)]
    return [(kind, (run, job, detail)) for kind, run, job, detail in sorted(found)]


def unfinished(connection: Connection, before: datetime) -> list[tuple[str, str, str, datetime]]:
    """(run id, job, state, since) of the runs whose last event says they go on, and is older than `before`."""
    return [(run, job, state, at) for run, job, state, at in connection.execute(_UNFINISHED, (before,))]


def remember(connection: Connection, disagreeing: Iterable[str], entries: int) -> None:
    """Where the next comparison begins."""
    connection.execute("DELETE FROM assay_lineage.disagreeing")
    connection.execute("INSERT INTO assay_lineage.disagreeing SELECT unnest(%s::text[])", (list(disagreeing),))
    connection.execute("DELETE FROM assay_lineage.reconciled")
    connection.execute(_REMEMBER, (entries,))
