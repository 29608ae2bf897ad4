"""The ledger is the truth for Assay's own versions: what it holds is in the graph, whatever happened to events."""

from collections.abc import Sequence
from dataclasses import replace

from assay.errors import IntegrityError
from assay.ledger import Ledger, LedgerEntry
from assay.lineage.database import Connection
from assay.lineage.seen import RunSeen
from assay.lineage.statements import approval_of_entry, registration_of_entry, runs_of_entry, serving_of_entry
from assay.lineage.store import LineageStore, add_runs

_BATCH = 200
_LEDGER = "assay_ledger"
_SIZES = """
    SELECT coalesce((SELECT entries FROM assay_lineage.progress WHERE ledger = %s), 0),
           coalesce((SELECT max(seq) + 1 FROM assay_ledger.entries), 0)
"""


def sync_from_ledger(ledger: Ledger, store: LineageStore) -> int:
    """Read the entries added since the last time, each verified; returns how many. Again, it changes nothing.

    Raises IntegrityError when an entry does not verify or is not there, or the ledger is shorter than what was read.
    """
    total = 0
    while entries := list(ledger.entries(start := _start(ledger, store), _BATCH)):
        _refuse_hole(start, entries)
        _add(store, entries)
        total += len(entries)
    return total


def is_behind(store: LineageStore) -> bool:
    """Whether the ledger may hold entries that the graph lacks: a look at two numbers, for before every question.

    Raises IntegrityError when the ledger is shorter than what was read from it.
    """
    with store.database.transaction() as connection:
        if connection.execute("SELECT to_regclass('assay_ledger.entries')").fetchone() == (None,):
            return True
        row = connection.execute(_SIZES, (_LEDGER,)).fetchone()
    start, size = row or (0, 0)
    _refuse_lost(start, size)
    return bool(start < size)


def _start(ledger: Ledger, store: LineageStore) -> int:
    with store.database.transaction() as connection:
        row = connection.execute("SELECT entries FROM assay_lineage.progress WHERE ledger = %s", (_LEDGER,)).fetchone()
    start = int(row[0]) if row else 0
    _refuse_lost(start, ledger.size())
    return start


def _refuse_lost(start: int, size: int) -> None:
    if size < start:
        raise IntegrityError(
            f"ledger: expected at least the {start} entries lineage has read, found {size}; "
            "entries were removed: run `assay audit verify` and open an incident"
        )


def _refuse_hole(start: int, entries: Sequence[LedgerEntry]) -> None:
    """What was taken out before it was read would else never be missed: reading goes on behind it."""
    for expected, entry in enumerate(entries, start):
        if entry.seq != expected:
            raise IntegrityError(
                f"ledger: expected entry {expected} next, found {entry.seq}; "
                "entries were removed: run `assay audit verify` and open an incident"
            )


def _add(store: LineageStore, entries: Sequence[LedgerEntry]) -> None:
    """The entries and how far they reach, in one transaction; two readers at once add the same rows."""
    with store.database.transaction() as connection:
        for entry in entries:
            for run in runs_of_entry(entry):
                add_runs(connection, [_not_before_its_inputs(connection, run)])
            _add_facts(connection, entry)
        connection.execute(
            "INSERT INTO assay_lineage.progress AS t (ledger, entries) VALUES (%s, %s)"
            " ON CONFLICT (ledger) DO UPDATE SET entries = greatest(t.entries, excluded.entries)",
            (_LEDGER, entries[-1].seq + 1),
        )


def _not_before_its_inputs(connection: Connection, run: RunSeen) -> RunSeen:
    """Steps end by the clocks of several machines; the ledger's order says which of two came first."""
    row = connection.execute(
        "SELECT max(at) FROM assay_lineage.run_versions WHERE signed AND role = 'output' AND id = ANY(%s)"
        " AND run_id <> %s",
        ([version.id for version in run.inputs], run.run_id),
    ).fetchone()
    made_at = row[0] if row else None
    return replace(run, at=made_at) if made_at and made_at > run.at else run


def _add_facts(connection: Connection, entry: LedgerEntry) -> None:
    if registration := registration_of_entry(entry):
        _insert(connection, "registrations (seq, name, version, alias, model, at)", entry, registration)
    if approval := approval_of_entry(entry):
        _insert(connection, "approvals (seq, model, by, at)", entry, approval)
    if serving := serving_of_entry(entry):
        columns = "servings (seq, name, step, version, model, deployment, run_id, at)"
        _insert(connection, columns, entry, serving)


def _insert(connection: Connection, table: str, entry: LedgerEntry, values: Sequence[str]) -> None:
    places = ", ".join(["%s"] * (len(values) + 2))
    query = f"INSERT INTO assay_lineage.{table} VALUES ({places}) ON CONFLICT DO NOTHING"  # noqa: S608 - names are ours
    connection.execute(query.encode(), (entry.seq, *values, entry.at))
