"""Which key may be believed at which place of the log. The place decides, not the time a statement claims.

A thief can claim any time, but not choose a place: what a revoked key signed counts only before its revocation, and
the log's clock is the latest time that any entry up to there has stated.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from assay.audit.key_statement import KeyAction, KeyStatement
from assay.errors import IntegrityError
from assay.ledger_entry import LedgerEntry
from assay.records import Step


@dataclass(frozen=True)
class KeyTerm:
    """What the log says of one key. revoked_seq, enrolled_seq: number of the entry that says so."""

    enrolled_seq: int | None = None
    enrolled_at: datetime | None = None
    valid_until: datetime | None = None
    replaced_by: str = ""
    revoked_seq: int | None = None
    revoked_at: datetime | None = None
    revoked_since: datetime | None = None
    reason: str = ""


@dataclass(frozen=True)
class KeyHistory:
    """keyid -> what the log says of it, for those it speaks of. Keys it never names have no term."""

    terms: Mapping[str, KeyTerm] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Iterable[LedgerEntry]) -> Self:
        """All statements about keys among `entries`, oldest first.

        Raises IntegrityError for one that says nothing, or whose own key may not be believed there.
        """
        history = cls()
        for entry in entries:
            history.check(entry.keyid, entry.seq, entry.at)
            history = history.after(entry)
        return history

    def after(self, entry: LedgerEntry) -> Self:
        """The history with what `entry` says, if it speaks of a key. Raises IntegrityError."""
        if entry.report.step is not Step.KEY:
            return self
        statement = KeyStatement.from_report(entry.report)
        term = self.term(statement.keyid)
        if statement.action is KeyAction.REVOKE:
            return self._with(statement.keyid, _revoked(term, entry, statement))
        history = self._with(statement.keyid, replace(term, enrolled_seq=entry.seq, enrolled_at=entry.at))
        if not statement.replaces:
            return history
        replaced = history.term(statement.replaces)
        return history._with(
            statement.replaces,
            replace(replaced, valid_until=statement.replaced_until, replaced_by=statement.keyid),
        )

    def term(self, keyid: str) -> KeyTerm:
        return self.terms.get(keyid, KeyTerm())

    def check(self, keyid: str, seq: int, clock: datetime) -> None:
        """Raises IntegrityError unless what `keyid` signed at place `seq` may be believed. clock: the log's, there."""
        term = self.term(keyid)
        if term.revoked_seq is not None and seq > term.revoked_seq:
            raise IntegrityError(
                f"key {keyid[:16]}… was revoked by entry {term.revoked_seq} ({term.reason}) and signed at place {seq}; "
                "somebody holds a key that is no longer trusted",
                kind="revoked_key",
            )
        if term.enrolled_seq is not None and seq < term.enrolled_seq:
            raise IntegrityError(
                f"key {keyid[:16]}… was enrolled by entry {term.enrolled_seq} and signed at place {seq} before it",
                kind="key_misuse",
            )
        if term.valid_until is not None and clock > term.valid_until:
            raise IntegrityError(
                f"key {keyid[:16]}… was replaced by {term.replaced_by[:16]}… and valid until "
                f"{term.valid_until.isoformat()}, signed at place {seq} when the log's clock was {clock.isoformat()}; "
                "sign with the new key",
                kind="expired_key",
            )

    def _with(self, keyid: str, term: KeyTerm) -> Self:
        return replace(self, terms={**self.terms, keyid: term})


def _revoked(term: KeyTerm, entry: LedgerEntry, statement: KeyStatement) -> KeyTerm:
    # The first revocation counts: a second one cannot bring back what lies between them.
    if term.revoked_seq is not None:
        return term
    return replace(
        term, revoked_seq=entry.seq, revoked_at=entry.at, revoked_since=statement.since, reason=statement.reason
    )
