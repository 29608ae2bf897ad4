"""Reads every statement in order: its signature, its key at this place, its index, and that it stands once."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from assay.audit.findings import Broken, Kind
from assay.audit.key_history import KeyHistory
from assay.audit.place import Place
from assay.errors import IntegrityError
from assay.ledger_entry import LedgerEntry, check_columns, idempotency_key, read_entry
from assay.signing import Envelope, KeyRing
from assay.statement import stated_subjects


class StatementWalk:
    """State of one pass over the log. history: what it said of keys so far."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys
        self.broken, self.count, self.history = list[Broken](), 0, KeyHistory()
        self._clock: datetime | None = None
        self._first_by_key, self._seen = dict[str, int](), dict[int, int]()

    def take(self, place: Place) -> None:
        """One place further; a place without an envelope says nothing."""
        if place.envelope is None:
            return
        self.count += 1
        try:
            entry = read_entry(place.seq, place.envelope, self._keys)
        except IntegrityError as error:
            self._blame(place.seq, place.name, self._with_hint(place.envelope, error))
            return
        name = stated_subjects(entry.report)[0].name
        for check in (self._check_index, self._check_once, self._check_key):
            try:
                check(place, entry)
            except IntegrityError as error:
                self._blame(place.seq, name, error)

    def check_checkpoint(self, keyid: str, seq: int) -> None:
        """Hold the signer of the checkpoint after entry `seq` against what the log says of keys."""
        self._first_by_key.setdefault(keyid, seq)
        try:
            if self._clock is not None:
                self.history.check(keyid, seq, self._clock)
        except IntegrityError as error:
            self._blame(seq, "checkpoint", error)

    def _check_index(self, place: Place, entry: LedgerEntry) -> None:
        if place.row is not None:
            check_columns(place.row, entry.record)
        stated = {(subject.name, subject.sha256) for subject in stated_subjects(entry.report)}
        if place.subjects is not None and place.subjects != stated:
            raise IntegrityError("the subject index does not name the statement's subjects")

    def _check_once(self, place: Place, entry: LedgerEntry) -> None:
        # Half of the digest: the log would need 2**32 entries for two of them to meet by chance.
        key = int(idempotency_key(entry.record)[:16], 16)
        first = self._seen.setdefault(key, place.seq)
        if first != place.seq:
            raise IntegrityError(
                f"ledger entry {place.seq}: what entry {first} states stands here again", kind=Kind.REPLAYED
            )

    def _check_key(self, place: Place, entry: LedgerEntry) -> None:
        self._clock = max(self._clock or entry.at, entry.at)
        self._first_by_key.setdefault(entry.keyid, place.seq)
        self.history.check(entry.keyid, place.seq, self._clock)
        self._follow_keys(place, entry)

    def _follow_keys(self, place: Place, entry: LedgerEntry) -> None:
        """A statement about keys counts unless its own key does not."""
        before, self.history = self.history, self.history.after(entry)
        for keyid in self.history.terms.keys() - before.terms.keys():
            if keyid in self._first_by_key and self.history.term(keyid).enrolled_seq == place.seq:
                first = self._first_by_key[keyid]
                raise IntegrityError(
                    f"key {keyid[:16]}… is enrolled here, but signed entry {first} already", kind=Kind.KEY_MISUSE
                )

    def _with_hint(self, envelope: str, error: IntegrityError) -> IntegrityError:
        """Of a stranger whom the log enrolled: the reader lacks that key's file."""
        if error.kind != Kind.UNKNOWN_KEY:
            return error
        enrolled = self.history.term(Envelope.from_bytes(envelope.encode()).keyid).enrolled_seq
        if enrolled is None:
            return error
        return IntegrityError(f"{error}; entry {enrolled} enrols it: ask its owner for its .pub file", error.kind)

    def _blame(self, seq: int, subject: str, error: IntegrityError) -> None:
        self.broken.append(Broken(Kind(error.kind), seq, subject, str(error)))


def find_suspects(places: Iterable[Place], keys: KeyRing, history: KeyHistory) -> Iterator[Broken]:
    """Entries that a key signed before its revocation, from the first place on whose clock is past `since`."""
    if not any(term.revoked_since for term in history.terms.values()):
        return
    clock: datetime | None = None
    for place in places:
        try:
            entry = read_entry(place.seq, place.envelope or "", keys)
        except IntegrityError:
            continue
        clock = max(clock or entry.at, entry.at)
        term = history.term(entry.keyid)
        if term.revoked_seq is None or term.revoked_since is None:
            continue
        if place.seq < term.revoked_seq and clock >= term.revoked_since:
            yield Broken(
                Kind.SUSPECT_KEY,
                place.seq,
                stated_subjects(entry.report)[0].name,
                f"signed by key {entry.keyid[:16]}…, which entry {term.revoked_seq} revoked "
                f"since {term.revoked_since.isoformat()} ({term.reason}); check it by other means",
            )
