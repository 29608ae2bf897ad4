"""Keys change hands in the open: a new key is enrolled, an old one revoked, by a statement in the ledger.

Every step may be interrupted and done again: the new pair is written first, then stated, and only then in use.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from assay.audit.key_statement import KeyAction, KeyStatement
from assay.digests import canonical_json
from assay.errors import SpecError
from assay.key_files import KeyRole, PublicKey, key_id, locked, make_key, private_path, public_path, read_private
from assay.ledger import Ledger, LedgerEntry, role_of
from assay.provenance import current_provenance
from assay.records import RunContext, Step
from assay.statement import StepRecord, build_statement


@dataclass(frozen=True)
class Request:
    """Who asks for a change of keys, when (UTC), and why."""

    actor: str
    at: datetime
    reason: str


@dataclass(frozen=True)
class Rotation:
    """`new` signs from now on; `old` may until `until`. seq: of the entry that says so."""

    role: KeyRole
    old: str
    new: str
    until: datetime
    seq: int


def rotate_key(ledger: Ledger, folder: Path, role: KeyRole, overlap: timedelta, request: Request) -> Rotation:
    """Enrol a new key of `role` and put it in use; the old one stays valid for `overlap`, and trusted for its past.

    Raises SpecError for a negative overlap or a folder without that private key.
    """
    if overlap < timedelta(0):
        raise SpecError(f"overlap: expected no negative time, found {overlap}; give days from 0 on")
    old = ledger.keys.public_key(role)
    with locked(folder):
        new = _prepared(folder, role)
        enrolment = KeyStatement(KeyAction.ENROL, role, new, request.reason, old.keyid, request.at + overlap)
        entry = _state(ledger, enrolment, f"enrol-{new}", request)
        _put_in_use(folder, old, new)
    until = KeyStatement.from_report(entry.report).replaced_until or request.at
    return Rotation(role, old.keyid, new, until, entry.seq)


def revoke_key(ledger: Ledger, folder: Path, keyid: str, since: datetime | None, request: Request) -> LedgerEntry:
    """Take all trust in what `keyid` signs from here on; a key in use is replaced first.

    since: from when on it may have been in other hands; what it signed after that is named as suspect. Raises SpecError
    for a key that is not known here, or a time to come.
    """
    if since is not None and since > request.at:
        raise SpecError(f"since: expected a time in the past, found {since.isoformat()}; keys are revoked from now on")
    key = find_key(ledger, keyid)
    if ledger.keys.public_key(key.role).keyid == key.keyid:
        rotate_key(ledger, folder, key.role, timedelta(0), request)
    revocation = KeyStatement(KeyAction.REVOKE, key.role, key.keyid, request.reason, since=since)
    return _state(ledger, revocation, f"revoke-{key.keyid}", request)


def find_key(ledger: Ledger, keyid: str) -> PublicKey:
    """The one trusted key whose id begins so. Raises SpecError for none, or several."""
    found = [key for key in ledger.keys.public_keys().values() if key.keyid.startswith(keyid)]
    if len(found) != 1 or len(keyid) < 8:
        raise SpecError(
            f"{keyid}: expected the first 8 or more digits of one key, found {len(found)} keys; "
            "`assay audit keys` lists them"
        )
    return found[0]


def _prepared(folder: Path, role: KeyRole) -> str:
    """A new pair that waits to be used; the one of an interrupted rotation where there is one."""
    private = _waiting(folder, role)
    if not private.is_file():
        make_key(private, _waiting_public(folder, role))
    keyid = key_id(read_private(private).public_key())
    if _waiting_public(folder, role).is_file():
        _waiting_public(folder, role).replace(public_path(folder, role, keyid))
    return keyid


def _put_in_use(folder: Path, old: PublicKey, new: str) -> None:
    role = old.role
    if public_path(folder, role).is_file():
        public_path(folder, role).replace(public_path(folder, role, old.keyid))
    _waiting(folder, role).replace(private_path(folder, role))


def _waiting(folder: Path, role: KeyRole) -> Path:
    return folder / f"{role.value}.key.next"


def _waiting_public(folder: Path, role: KeyRole) -> Path:
    return folder / f"{role.value}.pub.next"


def _state(ledger: Ledger, statement: KeyStatement, run_id: str, request: Request) -> LedgerEntry:
    record = StepRecord(
        report=statement.to_report(),
        context=RunContext(run_id=run_id, trigger="manual", actor=request.actor),
        provenance=current_provenance(),
        parameters={},
        seed=0,
        started_at=request.at,
        ended_at=request.at,
    )
    return ledger.append(ledger.keys.sign(canonical_json(build_statement(record)), role_of(Step.KEY)))
