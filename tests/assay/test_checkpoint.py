"""A checkpoint is a signed note that any C2SP verifier reads, and it has one spelling."""

import base64
import hashlib

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.checkpoint import ORIGIN, Checkpoint
from assay.errors import IntegrityError
from assay.signing import KeyRing, KeyRole

states = st.builds(Checkpoint, st.integers(0, 2**62), st.binary(min_size=32, max_size=32))


def c2sp_verify(note: str, verifier: str) -> str:
    """The text of a signed note, after C2SP signed-note; `verifier` is NAME+HASH+KEY."""
    name, key_hash, key = verifier.split("+", 2)
    kind_and_key = base64.b64decode(key)
    digest = hashlib.sha256(name.encode() + b"\n" + kind_and_key).digest()[:4]
    assert (digest.hex(), kind_and_key[0]) == (key_hash, 1)
    text, signatures = note.rsplit("\n\n", 1)
    for line in signatures.splitlines():
        _, signer, mark = line.split(" ")
        signature = base64.b64decode(mark)
        if (signer, signature[:4]) == (name, digest):
            Ed25519PublicKey.from_public_bytes(kind_and_key[1:]).verify(signature[4:], f"{text}\n".encode())
            return f"{text}\n"
    raise AssertionError("no signature of this verifier")


def verifier_of(keys: KeyRing) -> str:
    key = b"\x01" + keys.public_key(KeyRole.LEDGER).raw
    digest = hashlib.sha256(ORIGIN.encode() + b"\n" + key).digest()[:4]
    return f"{ORIGIN}+{digest.hex()}+{base64.b64encode(key).decode()}"


def test_reference_verifier_accepts_the_note_of_the_go_library():
    note = (
        "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )
    c2sp_verify(note, "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    with pytest.raises(InvalidSignature):
        c2sp_verify(note.replace("your", "my"), "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(states)
def test_a_c2sp_verifier_reads_every_checkpoint(keys, state):
    note = state.signed(keys)
    assert c2sp_verify(note, verifier_of(keys)) == state.body()
    assert Checkpoint.verified(note, keys) == state


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(states, st.data())
def test_note_with_one_changed_character_of_its_body_is_rejected(keys, state, data):
    note = state.signed(keys)
    place = data.draw(st.integers(0, len(state.body()) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda character: character != note[place]))
    with pytest.raises(IntegrityError, match="checkpoint"):
        Checkpoint.verified(note[:place] + other + note[place + 1 :], keys)


@pytest.mark.parametrize("spelling", ["+3", "03", " 3", "3_"])
def test_another_spelling_of_the_size_is_rejected(keys, spelling):
    note = Checkpoint(3, b"r" * 32).signed(keys)
    with pytest.raises(IntegrityError, match="checkpoint"):
        Checkpoint.verified(note.replace("\n3\n", f"\n{spelling}\n"), keys)


def test_only_a_ledger_key_signs_for_the_log(keys, tmp_path):
    stranger = KeyRing.open(tmp_path / "other")
    with pytest.raises(IntegrityError, match="unknown key"):
        Checkpoint.verified(Checkpoint(3, b"r" * 32).signed(stranger), keys)
