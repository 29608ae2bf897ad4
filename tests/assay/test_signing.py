"""Keys are private, roles bind, and nothing unsigned passes."""

import json
import stat
import threading
from dataclasses import replace

import pytest

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


def test_securesystemslib_verifies_our_envelope(keys):
    from securesystemslib.dsse import Envelope as Dsse
    from securesystemslib.signer import SSlibKey

    public = keys.public_key(KeyRole.GATE)
    key = SSlibKey(public.keyid, "ed25519", "ed25519", {"public": public.raw.hex()})
    envelope = Dsse.from_dict(json.loads(keys.sign(b"payload", KeyRole.GATE).to_bytes()))
    assert list(envelope.verify([key], 1)) == [public.keyid]


@pytest.mark.parametrize("name", ["alice.pub", "gate-2025.pub"])
def test_file_that_is_no_public_key_is_named(keys, tmp_path, name):
    (tmp_path / "keys" / name).write_text("no key")
    with pytest.raises(SpecError, match=name):
        KeyRing.open(tmp_path / "keys")


def test_retired_key_is_trusted_for_what_it_signed(keys, tmp_path):
    folder, signed = tmp_path / "keys", keys.sign(b"payload", KeyRole.GATE)
    (folder / "gate.pub").rename(folder / "gate-2025.pub")
    (folder / "gate.key").unlink()
    renewed = KeyRing.open(folder)
    assert renewed.public_key(KeyRole.GATE).keyid != signed.keyid
    assert renewed.verify(signed).role is KeyRole.GATE


def test_public_key_needs_no_more_than_old_cryptography_has(keys):
    """`public_bytes_raw` came with cryptography 40; Debian 12 has 38."""

    class OldKey:
        def public_bytes(self, encoding, format):
            return key.key.public_bytes(encoding, format)

    key = keys.public_key(KeyRole.GATE)
    assert replace(key, key=OldKey()).raw == key.key.public_bytes_raw()


def test_private_key_without_its_public_file_does_not_sign(keys, tmp_path):
    (tmp_path / "keys" / "gate.pub").unlink()
    with pytest.raises(SpecError, match=r"gate\.pub"):
        KeyRing.open(tmp_path / "keys").sign(b"payload", KeyRole.GATE)


def test_folder_without_public_keys_is_misuse_not_tampering(tmp_path):
    with pytest.raises(SpecError, match="public keys"):
        KeyRing.open_public(tmp_path / "nowhere")
