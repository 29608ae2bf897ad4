"""The keys of a deployment and what the ledger says of them."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from assay.audit.key_history import KeyTerm
from assay.errors import SpecError
from assay.json_types import JsonObject
from assay.key_files import KeyRole, PublicKey
from assay.ledger import Ledger


class KeyState(str, Enum):
    """in_use: signs here. replaced: may sign until its term ends. expired, revoked: trusted for its past only.

    trusted: its public file is here, its private one elsewhere.
    """

    IN_USE = "in_use"
    TRUSTED = "trusted"
    REPLACED = "replaced"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True)
class ListedKey:
    key: PublicKey
    term: KeyTerm
    state: KeyState

    def to_json(self) -> JsonObject:
        term = self.term
        return {
            "role": self.key.role.value,
            "keyid": self.key.keyid,
            "state": self.state.value,
            "valid_from": _iso(term.enrolled_at),
            "valid_until": _iso(term.valid_until),
            "replaced_by": term.replaced_by,
            "revoked_at": _iso(term.revoked_at),
            "revoked_since": _iso(term.revoked_since),
            "reason": term.reason,
        }


def list_keys(ledger: Ledger, now: datetime) -> list[ListedKey]:
    """Every key whose public file is here, by role, the one in use first. Raises IntegrityError."""
    history, in_use = ledger.key_history(), _in_use(ledger)
    listed = []
    for key in ledger.keys.public_keys().values():
        term = history.term(key.keyid)
        listed.append(ListedKey(key, term, _state(term, key.keyid in in_use, now)))
    order = list(KeyState)
    return sorted(listed, key=lambda one: (one.key.role.value, order.index(one.state), one.key.keyid))


def _state(term: KeyTerm, is_in_use: bool, now: datetime) -> KeyState:
    if term.revoked_seq is not None:
        return KeyState.REVOKED
    if term.valid_until is not None:
        return KeyState.REPLACED if now <= term.valid_until else KeyState.EXPIRED
    return KeyState.IN_USE if is_in_use else KeyState.TRUSTED


def _in_use(ledger: Ledger) -> set[str]:
    found = set()
    for role in KeyRole:
        try:
            found.add(ledger.keys.public_key(role).keyid)
        except SpecError:
            continue  # another machine signs for this role
    return found


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
