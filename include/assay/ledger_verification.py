"""Every signature, digest and proof of the log, from first entry to last; names what is broken and why."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from assay.checkpoint import Checkpoint
from assay.errors import IntegrityError
from assay.ledger import Ledger
from assay.ledger_entry import LedgerEntry, Row, believe
from assay.ledger_mirror import read_mirror
from assay.merkle import Frontier, leaf_hash
from assay.signing import KeyRing
from assay.statement import stated_subjects


@dataclass(frozen=True)
class Broken:
    """One thing that does not hold. seq: of the entry; of a checkpoint, the entry it ends with."""

    seq: int
    subject: str
    reason: str


@dataclass(frozen=True)
class LedgerVerification:
    """broken: in log order; empty when everything holds. checkpoint: the newest signed note."""

    entries: int
    checkpoint: str
    broken: tuple[Broken, ...]

    @property
    def ok(self) -> bool:
        return not self.broken


def verify_ledger(ledger: Ledger, keys: KeyRing) -> LedgerVerification:
    """Walk the whole log once; memory does not grow with it, but for one note an entry."""
    # The mirror is written after its entry is committed: read first, it never covers more than the snapshot.
    outside = _mirrored(ledger, keys)
    with ledger.snapshot():
        notes = dict(ledger.checkpoint_notes())
        newest = notes[max(notes)] if notes else ""
        walk = _Walk(keys, notes)
        for row in ledger.rows():
            entry = walk.take(row)
            if entry and ledger.subjects(row.seq) != {(s.name, s.sha256) for s in stated_subjects(entry.report)}:
                walk.blame(row.seq, _name(entry), "the subject index does not name the statement's subjects")
        _check_frontier(ledger, walk)
    if isinstance(outside, IntegrityError):
        walk.blame(walk.frontier.size, "checkpoint", str(outside))
    walk.finish(outside if isinstance(outside, Checkpoint) else None)
    return LedgerVerification(walk.frontier.size, newest, tuple(sorted(walk.broken, key=lambda b: b.seq)))


def verify_rows(rows: Iterable[Row], note: str, keys: KeyRing) -> LedgerVerification:
    """The same for entries outside a database, against the one checkpoint they came with."""
    walk = _Walk(keys, {})
    for row in rows:
        walk.take(row)
    try:
        walk.finish(Checkpoint.verified(note, keys))
    except IntegrityError as error:
        walk.blame(walk.frontier.size, "checkpoint", str(error))
    return LedgerVerification(walk.frontier.size, note, tuple(walk.broken))


class _Walk:
    """State of one pass over the log."""

    def __init__(self, keys: KeyRing, notes: Mapping[int, str]) -> None:
        self.keys, self.notes = keys, notes
        self.frontier, self.broken = Frontier(), list[Broken]()
        self._roots: dict[int, bytes] = {}

    def blame(self, seq: int, subject: str, reason: str) -> None:
        self.broken.append(Broken(seq, subject, reason))

    def take(self, row: Row) -> LedgerEntry | None:
        expected = self.frontier.size
        if row.seq != expected:
            self.blame(expected, "entry", f"expected entry {expected}, found {row.seq}: an entry was removed or moved")
        self.frontier = self.frontier.append(leaf_hash(row.envelope.encode()))
        self._roots[self.frontier.size] = self.frontier.root()
        entry = None
        try:
            entry = believe(row, self.keys)
        except IntegrityError as error:
            self.blame(row.seq, f"{row.pipeline}/{row.step}", str(error))
        self._compare(self.frontier.size, _name(entry) if entry else f"{row.pipeline}/{row.step}")
        return entry

    def finish(self, outside: Checkpoint | None) -> None:
        size = self.frontier.size
        newest = max(self.notes, default=0)
        if newest > size:
            self.blame(
                size, "tail", f"the newest checkpoint covers {newest} entries, found {size}: the tail was dropped"
            )
        if outside is None:
            return
        if outside.size > size:
            self.blame(size, "tail", f"a checkpoint outside covers {outside.size} entries, found {size}: tail dropped")
        elif outside.size and self._roots.get(outside.size) != outside.root:
            self.blame(
                outside.size - 1, "history", f"the first {outside.size} entries are not those signed for outside"
            )

    def _compare(self, size: int, subject: str) -> None:
        """The root after this entry with the checkpoint signed when it was appended."""
        if not self.notes:
            return
        try:
            signed = Checkpoint.verified(self.notes.get(size, ""), self.keys)
        except IntegrityError as error:
            self.blame(size - 1, subject, f"after {size} entries: {error}")
            return
        if (signed.size, signed.root) != (size, self.frontier.root()):
            self.blame(
                size - 1, subject, f"the checkpoint signed after {size} entries has another root: history changed"
            )


def _mirrored(ledger: Ledger, keys: KeyRing) -> Checkpoint | IntegrityError | None:
    try:
        return read_mirror(ledger.mirror, keys)
    except IntegrityError as error:
        return error


def _check_frontier(ledger: Ledger, walk: _Walk) -> None:
    """The edge that the next append would build on."""
    try:
        ledger.frontier()
    except IntegrityError as error:
        walk.blame(max(walk.frontier.size - 1, 0), "checkpoint", str(error))


def _name(entry: LedgerEntry) -> str:
    return stated_subjects(entry.report)[0].name
