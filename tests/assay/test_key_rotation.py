"""Keys change hands in the open; what a key signs counts only where the log says it may."""

import shutil
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

import assay.key_rotation
from assay.audit.bundle import verify_bundle
from assay.audit.findings import Kind
from assay.audit_bundle import export_bundle
from assay.digests import canonical_json
from assay.errors import IntegrityError, SpecError
from assay.key_list import KeyState, list_keys
from assay.key_rotation import Request, revoke_key, rotate_key
from assay.ledger import Ledger
from assay.ledger_verification import verify_ledger
from assay.provenance import Provenance
from assay.records import RunContext, Step
from assay.signing import KeyRing, KeyRole
from assay.statement import StepRecord, build_statement
from tests.assay.tampering.attacker import Attacker
from tests.assay.test_ledger import report

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
numbers = count()


def signed(keys, at, role=KeyRole.PRODUCER, step=Step.COLLECT):
    """A statement of its own that claims to have ended at `at`."""
    number = next(numbers)
    context = RunContext(run_id=f"run {number}")
    record = StepRecord(report(number, step=step), context, Provenance("", False, "e"), {}, 0, at, at)
    return keys.sign(canonical_json(build_statement(record)), role)


def asked(at=NOON, reason="because"):
    return Request("ann", at, reason)


@pytest.fixture
def folder(settings):
    return settings.keys


@pytest.fixture
def stolen(keys, folder, tmp_path):
    """The producer's key in other hands: a copy of the folder as it was."""
    shutil.copytree(folder, tmp_path / "stolen")
    return KeyRing.open(tmp_path / "stolen")


def named(ledger):
    return [(one.kind, one.seq) for one in verify_ledger(ledger, ledger.keys).broken]


@pytest.mark.parametrize("role", list(KeyRole))
def test_rotated_key_signs_at_once_in_a_process_that_runs_and_the_past_stays_trusted(settings, keys, folder, role):
    running, other = Ledger.open(settings), Ledger.open(settings)
    running.append(signed(running.keys, NOON))
    done = rotate_key(other, folder, role, 7 * 24 * HOUR, asked())
    assert done.old != done.new == running.keys.public_key(role).keyid
    assert {done.old, done.new} <= set(running.keys.public_keys())
    running.append(signed(running.keys, NOON + HOUR))
    assert (verify_ledger(running, KeyRing.open(folder)).broken, running.size()) == ((), 3)
    states = {one.key.keyid: one.state for one in list_keys(running, NOON)}
    assert (states[done.old], states[done.new]) == (KeyState.REPLACED, KeyState.IN_USE)
    running.close()
    other.close()


def test_old_key_signs_in_its_overlap_and_not_after(ledger, folder, stolen):
    rotate_key(ledger, folder, KeyRole.PRODUCER, 2 * HOUR, asked())
    ledger.append(signed(stolen, NOON + HOUR))
    ledger.append(signed(ledger.keys, NOON + 3 * HOUR))
    for claimed in (NOON + 3 * HOUR, NOON + HOUR):
        with pytest.raises(IntegrityError, match="valid until") as caught:
            ledger.append(signed(stolen, claimed))
        assert caught.value.kind == Kind.EXPIRED_KEY
    assert named(ledger) == []


def test_back_dated_statement_of_an_expired_key_is_named_by_its_place(ledger, folder, stolen):
    rotate_key(ledger, folder, KeyRole.PRODUCER, 2 * HOUR, asked())
    ledger.append(signed(ledger.keys, NOON + 3 * HOUR))
    Attacker(ledger).append(signed(stolen, NOON + HOUR))
    assert named(ledger) == [(Kind.EXPIRED_KEY, 2)]


def test_interrupted_rotation_goes_on_where_it_stopped(ledger, folder, monkeypatch):
    def power_cut(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(assay.key_rotation, "_put_in_use", power_cut)
        with pytest.raises(KeyboardInterrupt):
            rotate_key(ledger, folder, KeyRole.GATE, HOUR, asked())
    old = ledger.keys.public_key(KeyRole.GATE).keyid
    done = rotate_key(ledger, folder, KeyRole.GATE, HOUR, asked(NOON + HOUR))
    assert (done.old, done.seq, ledger.size()) == (old, 0, 1)
    assert ledger.keys.public_key(KeyRole.GATE).keyid == done.new
    assert named(ledger) == []


def test_revoked_key_signs_nothing_more_whatever_time_it_claims(ledger, folder, stolen):
    ledger.append(signed(ledger.keys, NOON))
    keyid = ledger.keys.public_key(KeyRole.PRODUCER).keyid
    entry = revoke_key(ledger, folder, keyid, None, asked(NOON + HOUR, "laptop lost"))
    with pytest.raises(IntegrityError, match="laptop lost") as caught:
        ledger.append(signed(stolen, NOON))
    assert caught.value.kind == Kind.REVOKED_KEY
    Attacker(ledger).append(signed(stolen, NOON - HOUR))
    found = verify_ledger(ledger, ledger.keys)
    assert [(one.kind, one.seq) for one in found.broken] == [(Kind.REVOKED_KEY, entry.seq + 1)]
    assert found.suspects == ()
    with pytest.raises(IntegrityError, match="was revoked"):
        ledger.find(pipeline="x")


def test_deployment_goes_on_after_its_key_was_revoked(ledger, folder):
    revoked = ledger.keys.public_key(KeyRole.GATE).keyid
    revoke_key(ledger, folder, revoked[:12], None, asked())
    entry = ledger.append(signed(ledger.keys, NOON + HOUR, KeyRole.GATE, Step.GATE))
    assert entry.keyid != revoked
    assert named(ledger) == []


def test_what_a_key_signed_since_it_was_lost_is_suspect(ledger, folder, stolen):
    for hour in range(4):
        ledger.append(signed(ledger.keys, NOON + hour * HOUR))
    # A thief may claim an early time; its place after later entries tells.
    ledger.append(signed(stolen, NOON - HOUR))
    keyid = ledger.keys.public_key(KeyRole.PRODUCER).keyid
    revoke_key(ledger, folder, keyid, NOON + 2 * HOUR, asked(NOON + 5 * HOUR, "laptop lost"))
    ledger.append(signed(ledger.keys, NOON + 6 * HOUR))
    found = verify_ledger(ledger, ledger.keys)
    assert found.ok
    assert [(one.kind, one.seq) for one in found.suspects] == [(Kind.SUSPECT_KEY, seq) for seq in (2, 3, 4)]


def test_revoked_ledger_key_signs_no_checkpoint(ledger, keys, folder, stolen):
    ledger.append(signed(ledger.keys, NOON))
    revoke_key(ledger, folder, ledger.keys.public_key(KeyRole.LEDGER).keyid, None, asked())
    assert named(ledger) == []
    ledger.append(signed(ledger.keys, NOON + HOUR))
    trusted, ledger.keys = ledger.keys, stolen
    with pytest.raises(IntegrityError, match="unknown key"):
        ledger.append(signed(stolen, NOON + HOUR))
    for path in folder.glob("*.pub"):
        (stolen._folder / path.name).write_bytes(path.read_bytes())
    with pytest.raises(IntegrityError, match="was revoked"):
        ledger.append(signed(stolen, NOON + HOUR))
    Attacker(ledger).append(signed(trusted, NOON + HOUR))
    assert (Kind.REVOKED_KEY, 4) in named(ledger)


def test_statement_about_keys_takes_the_ledgers_key(ledger, keys):
    forged = report(1, step=Step.KEY)
    record = StepRecord(forged, RunContext(run_id="r"), Provenance("", False, "e"), {}, 0, NOON, NOON)
    with pytest.raises(IntegrityError, match="needs a ledger key"):
        ledger.append(keys.sign(canonical_json(build_statement(record)), KeyRole.PRODUCER))


def test_new_key_that_signed_before_it_was_enrolled_is_named(ledger, folder, tmp_path):
    stranger = KeyRing.open(tmp_path / "stranger")
    (folder / "producer-new.pub").write_bytes((tmp_path / "stranger" / "producer.pub").read_bytes())
    ledger.append(signed(stranger, NOON))
    (folder / "producer.key.next").write_bytes((tmp_path / "stranger" / "producer.key").read_bytes())
    rotate_key(ledger, folder, KeyRole.PRODUCER, HOUR, asked())
    assert named(ledger) == [(Kind.KEY_MISUSE, 1)]


def test_bundle_of_a_log_with_rotated_and_revoked_keys_verifies(ledger, folder, tmp_path):
    for role in KeyRole:
        ledger.append(signed(ledger.keys, NOON))
        rotate_key(ledger, folder, role, HOUR, asked())
    revoke_key(ledger, folder, ledger.keys.public_key(KeyRole.PRODUCER).keyid, None, asked(NOON + HOUR))
    export_bundle(ledger, tmp_path / "bundle")
    assert verify_bundle(tmp_path / "bundle", KeyRing.open_public(folder)).ok
    # An auditor who was not given the new keys is told so.
    auditor = tmp_path / "auditor"
    shutil.copytree(folder, auditor)
    (auditor / f"ledger-{ledger.keys.public_key(KeyRole.LEDGER).keyid[:16]}.pub").unlink()
    broken = verify_bundle(tmp_path / "bundle", KeyRing.open_public(auditor)).broken
    assert {one.kind for one in broken} == {Kind.UNKNOWN_KEY}
    assert any("ask its owner" in one.reason for one in broken)


def test_misuse_is_refused_and_writes_nothing(ledger, folder):
    keyid = ledger.keys.public_key(KeyRole.GATE).keyid
    for attempt in (
        lambda: rotate_key(ledger, folder, KeyRole.GATE, -HOUR, asked()),
        lambda: revoke_key(ledger, folder, keyid, NOON + HOUR, asked()),
        lambda: revoke_key(ledger, folder, keyid[:4], None, asked()),
        lambda: revoke_key(ledger, folder, "0" * 64, None, asked()),
    ):
        with pytest.raises(SpecError):
            attempt()
    assert ledger.size() == 0
