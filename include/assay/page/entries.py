"""Statements for the pages: found by index, believed only after their signature and columns hold."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from assay.audit.key_history import KeyHistory
from assay.errors import IntegrityError
from assay.ledger import Ledger, LedgerEntry
from assay.ledger_entry import Row, believe
from assay.ledger_tables import COLUMNS
from assay.records import Step

HEADING = "seq, at, step, pipeline, run_id, verdict, sha256"
_MOST_REMEMBERED = 100_000


@dataclass(frozen=True)
class Heading:
    """What the index says of an entry; not believed yet."""

    seq: int
    at: datetime
    step: str
    pipeline: str
    run_id: str
    verdict: str
    sha256: str


def entries_of_run(ledger: Ledger, pipeline: str, run_id: str, limit: int) -> list[LedgerEntry]:
    """The run's statements, oldest first. Raises IntegrityError for one that does not verify."""
    clause = "WHERE pipeline = %s AND run_id = %s ORDER BY seq LIMIT %s"
    return _believed(ledger, _rows(ledger, clause, (pipeline, run_id, limit)))


def entries_of_steps(
    ledger: Ledger, pipeline: str, steps: Iterable[Step], before: int | None, limit: int
) -> list[LedgerEntry]:
    """The newest statements of some steps, newest first. before: only those with a lower number.

    Raises IntegrityError for one that does not verify.
    """
    clause = "WHERE pipeline = %s AND step = ANY(%s) AND (%s::bigint IS NULL OR seq < %s) ORDER BY seq DESC LIMIT %s"
    values = (pipeline, [step.value for step in steps], before, before, limit)
    return _believed(ledger, _rows(ledger, clause, values))


def entries_with_prefix(ledger: Ledger, prefix: str, limit: int) -> list[LedgerEntry]:
    """Those whose envelope's digest begins with `prefix`. Raises IntegrityError for one that does not verify."""
    clause = "WHERE sha256 >= %s AND sha256 < %s ORDER BY sha256 LIMIT %s"  # every longer digest sorts before `g`
    return _believed(ledger, _rows(ledger, clause, (prefix, prefix + "g", limit)))


class Believed:
    """Remembers which headings were found to say what was signed, so that a board is not verified anew each time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[int, tuple[Heading, str]] = OrderedDict()

    def doubtful(self, ledger: Ledger, headings: Sequence[Heading]) -> dict[int, str]:
        """Of those that do not hold: number -> why. Only signatures that were not verified yet are verified.

        Whether the columns are still as they were, and the key still believed, is asked each time.
        """
        doubts = _changed(ledger, headings)
        signers = self._known(heading for heading in headings if heading.seq not in doubts)
        unknown = [heading for heading in headings if heading.seq not in signers and heading.seq not in doubts]
        found = {row.seq: row for row in _rows(ledger, "WHERE seq = ANY(%s)", ([h.seq for h in unknown],))}
        for heading in unknown:
            try:
                signers[heading.seq] = _signer(ledger, heading, found.get(heading.seq))
            except IntegrityError as error:
                doubts[heading.seq] = str(error)
        believed = [heading for heading in headings if heading.seq in signers]
        self._remember({heading: signers[heading.seq] for heading in believed})
        history = ledger.key_history()
        objections = {heading.seq: _objection(ledger, history, heading, signers[heading.seq]) for heading in believed}
        return doubts | {seq: why for seq, why in objections.items() if why}

    def _known(self, headings: Iterable[Heading]) -> dict[int, str]:
        with self._lock:
            held = [(heading, self._held.get(heading.seq)) for heading in headings]
        return {heading.seq: known[1] for heading, known in held if known and known[0] == heading}

    def _remember(self, signers: Mapping[Heading, str]) -> None:
        with self._lock:
            self._held.update((heading.seq, (heading, keyid)) for heading, keyid in signers.items())
            while len(self._held) > _MOST_REMEMBERED:
                self._held.popitem(last=False)


def _changed(ledger: Ledger, headings: Sequence[Heading]) -> dict[int, str]:
    query = f"SELECT {HEADING} FROM assay_ledger.entries WHERE seq = ANY(%s)"  # noqa: S608 - constant columns
    rows = ledger.connection.execute(query.encode(), ([heading.seq for heading in headings],)).fetchall()
    present = {row[0]: Heading(*row) for row in rows}
    return {
        heading.seq: f"ledger entry {heading.seq}: its columns are not as they were; the index was changed"
        for heading in headings
        if present.get(heading.seq) != heading
    }


def _signer(ledger: Ledger, heading: Heading, row: Row | None) -> str:
    """The keyid behind a heading that says what was signed. Raises IntegrityError for any other."""
    if row is None:
        raise IntegrityError(f"ledger entry {heading.seq}: expected a row, found none; it was removed", kind="removed")
    entry = believe(row, ledger.keys)
    if heading != Heading(row.seq, row.at, row.step, row.pipeline, row.run_id, row.verdict, row.sha256):
        raise IntegrityError(f"ledger entry {heading.seq}: changed while it was read; load the page again")
    return entry.keyid


def _objection(ledger: Ledger, history: KeyHistory, heading: Heading, keyid: str) -> str:
    if keyid not in ledger.keys.public_keys():
        return f"ledger entry {heading.seq}: the key {keyid[:16]}… that signed it is trusted no more"
    try:
        history.check(keyid, heading.seq, heading.at)
    except IntegrityError as error:
        return str(error)
    return ""


def _believed(ledger: Ledger, rows: Iterable[Row]) -> list[LedgerEntry]:
    entries, history = [believe(row, ledger.keys) for row in rows], ledger.key_history()
    for entry in entries:
        history.check(entry.keyid, entry.seq, entry.at)
    return entries


def _rows(ledger: Ledger, clause: str, values: Sequence[object]) -> list[Row]:
    query = f"SELECT {COLUMNS} FROM assay_ledger.entries {clause}"  # noqa: S608 - clauses are ours, values bound
    return [Row(*found) for found in ledger.connection.execute(query.encode(), values).fetchall()]
