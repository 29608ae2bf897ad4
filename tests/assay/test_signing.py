"""Keys are private, roles bind, and nothing unsigned passes."""

import stat
import threading
from dataclasses import replace

import pytest

from assay.checkpoint import Checkpoint
from assay.errors import IntegrityError, SpecError
from assay.signing import Envelope, KeyRing, KeyRole


def test_private_keys_are_readable_by_their_owner_only(tmp_path):
    KeyRing.open(tmp_path / "keys")
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    for path in (tmp_path / "keys").glob("*.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_first_use_by_many_at_once_makes_one_set_of_keys(tmp_path):
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(KeyRing.open(tmp_path).public_key(KeyRole.GATE).keyid))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_envelope_survives_its_bytes(keys):
    envelope = keys.sign(b'{"a": 1}', KeyRole.PRODUCER)
    assert Envelope.from_bytes(envelope.to_bytes()) == envelope
    assert keys.verify(envelope).role is KeyRole.PRODUCER


def test_changed_payload_is_rejected(keys):
    envelope = keys.sign(b"payload", KeyRole.PRODUCER)
    with pytest.raises(IntegrityError, match="does not hold"):
        keys.verify(replace(envelope, payload=b"Payload"))


def test_a_strangers_signature_is_rejected(keys, tmp_path):
    stranger = KeyRing.open(tmp_path / "other")
    with pytest.raises(IntegrityError, match="stranger"):
        keys.verify(stranger.sign(b"payload", KeyRole.GATE))


def test_public_keys_alone_verify_but_cannot_sign(keys, tmp_path):
    public = tmp_path / "public"
    public.mkdir()
    for path in (tmp_path / "keys").glob("*.pub"):
        (public / path.name).write_bytes(path.read_bytes())
    auditor = KeyRing.open_public(public)
    assert auditor.verify(keys.sign(b"payload", KeyRole.GATE)).role is KeyRole.GATE
    with pytest.raises(SpecError, match="private"):
        auditor.sign_raw(b"payload", KeyRole.GATE)


def test_checkpoint_with_another_size_is_rejected(keys):
    note = Checkpoint(3, b"r" * 32).signed(keys)
    assert Checkpoint.verified(note, keys) == Checkpoint(3, b"r" * 32)
    with pytest.raises(IntegrityError, match="does not hold"):
        Checkpoint.verified(note.replace("\n3\n", "\n4\n"), keys)
