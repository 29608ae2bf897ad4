"""Statements for the pages: found by index, believed only after their signature and columns hold."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime

from assay.errors import IntegrityError
from assay.ledger import Ledger, LedgerEntry
from assay.ledger_entry import Row, believe
from assay.records import Step

_COLUMNS = "seq, at, step, pipeline, run_id, verdict, idempotency_key, sha256, envelope"
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
    return [believe(row, ledger.keys) for row in _rows(ledger, clause, (pipeline, run_id, limit))]


def entries_of_steps(
    ledger: Ledger, pipeline: str, steps: Iterable[Step], before: int | None, limit: int
) -> list[LedgerEntry]:
    """The newest statements of some steps, newest first. before: only those with a lower number.

    Raises IntegrityError for one that does not verify.
    """
    clause = "WHERE pipeline = %s AND step = ANY(%s) AND (%s::bigint IS NULL OR seq < %s) ORDER BY seq DESC LIMIT %s"
    values = (pipeline, [step.value for step in steps], before, before, limit)
    return [believe(row, ledger.keys) for row in _rows(ledger, clause, values)]


def entries_with_prefix(ledger: Ledger, prefix: str, limit: int) -> list[LedgerEntry]:
    """Those whose envelope's digest begins with `prefix`. Raises IntegrityError for one that does not verify."""
    clause = "WHERE sha256 >= %s AND sha256 < %s ORDER BY sha256 LIMIT %s"  # every longer digest sorts before `g`
    return [believe(row, ledger.keys) for row in _rows(ledger, clause, (prefix, prefix + "g", limit))]


class Believed:
    """Remembers which headings were found to say what was signed, so that a board is not verified anew each time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[int, Heading] = OrderedDict()

    def doubtful(self, ledger: Ledger, headings: Sequence[Heading]) -> dict[int, str]:
        """Of those that do not hold: number -> why. One query reads all that are not known yet."""
        with self._lock:
            unknown = {heading.seq: heading for heading in headings if self._held.get(heading.seq) != heading}
        found = {row.seq: row for row in _rows(ledger, "WHERE seq = ANY(%s)", (list(unknown),))} if unknown else {}
        doubts = {seq: _doubt(ledger, heading, found.get(seq)) for seq, heading in unknown.items()}
        self._remember(heading for seq, heading in unknown.items() if not doubts[seq])
        return {seq: why for seq, why in doubts.items() if why}

    def _remember(self, headings: Iterable[Heading]) -> None:
        with self._lock:
            self._held.update((heading.seq, heading) for heading in headings)
            while len(self._held) > _MOST_REMEMBERED:
                self._held.popitem(last=False)


def _doubt(ledger: Ledger, heading: Heading, row: Row | None) -> str:
    if row is None:
        return f"ledger entry {heading.seq}: expected a row, found none"
    try:
        believe(row, ledger.keys)
    except IntegrityError as error:
        return str(error)
    told = (row.seq, row.at, row.step, row.pipeline, row.run_id, row.verdict, row.sha256)
    return "" if told == astuple(heading) else f"ledger entry {heading.seq}: changed while it was read"


def _rows(ledger: Ledger, clause: str, values: Sequence[object]) -> list[Row]:
    query = f"SELECT {_COLUMNS} FROM assay_ledger.entries {clause}"  # noqa: S608 - clauses are ours, values bound
    return [Row(*found) for found in ledger.connection.execute(query.encode(), values).fetchall()]
