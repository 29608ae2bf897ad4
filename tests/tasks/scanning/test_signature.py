"""A model that is not, file by file, what the trusted key signed is refused before it is scanned."""

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from assay.cli import cli
from assay.errors import IntegrityError, SpecError
from assay.signing import PAYLOAD_TYPE, Envelope
from tasks.scanning.signature import MODEL_SIGNATURE, verify_signature
from tests.tasks.scanning.model_signatures import BY_BLAKE3, BY_SHA256, OF_ONE_FILE, PUBLIC_KEY, write_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key.pub"
    path.write_text(PUBLIC_KEY)
    return path


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "model.sig"
    path.write_text(text)
    return path


class Signer:
    """Signs statements of a test's own; its public key lies beside."""

    def __init__(self, folder: Path, private: Any) -> None:
        self.private, self.key = private, folder / "own.pub"
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        self.key.write_bytes(private.public_key().public_bytes(serialization.Encoding.PEM, form))

    def sign(self, statement: Any, payload_type: str = PAYLOAD_TYPE) -> str:
        payload = json.dumps(statement).encode()
        signed = Envelope(payload, "", b"").signed_bytes
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            digest = {256: hashes.SHA256(), 384: hashes.SHA384()}[self.private.key_size]
            signature = self.private.sign(signed, ec.ECDSA(digest))
        else:
            signature = self.private.sign(signed)
        texts = [base64.b64encode(data).decode() for data in (payload, signature)]
        return json.dumps({"payloadType": payload_type, "payload": texts[0], "signatures": [{"sig": texts[1]}]})


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer(tmp_path, ed25519.Ed25519PrivateKey.generate())


def manifest(**more: Any) -> dict[str, Any]:
    """As model signing writes it, of `write_model`'s folder."""
    digests = {name: hashlib.sha256(text).hexdigest() for name, text in (("a.txt", b"hello"), ("sub/b.txt", b"world"))}
    root = hashlib.sha256(b"".join(bytes.fromhex(digest) for digest in digests.values())).hexdigest()
    resources = [{"name": name, "algorithm": "sha256", "digest": digest} for name, digest in digests.items()]
    predicate = {"serialization": {"method": "files", "ignore_paths": [".git"]}, "resources": resources, **more}
    subject = [{"name": "model", "digest": {"sha256": root}}]
    return statement(subject, MODEL_SIGNATURE, predicate)


def statement(subject: Any, kind: str = "https://slsa.dev/provenance/v1", predicate: Any = None) -> dict[str, Any]:
    kinds = {"_type": "https://in-toto.io/Statement/v1", "predicateType": kind}
    return {**kinds, "subject": subject, "predicate": predicate or {}}


def test_folder_that_model_signing_signed_holds(model: Path, key: Path, tmp_path: Path) -> None:
    signed = verify_signature(model, write(tmp_path, BY_SHA256), key)
    assert signed.kind == MODEL_SIGNATURE
    assert signed.files[model / "a.txt"] == hashlib.sha256(b"hello").hexdigest() and len(signed.files) == 2


def test_file_that_model_signing_signed_holds(model: Path, key: Path, tmp_path: Path) -> None:
    assert len(verify_signature(model / "a.txt", write(tmp_path, OF_ONE_FILE), key).files) == 1
    with pytest.raises(IntegrityError, match="do not load"):
        verify_signature(model / "sub/b.txt", tmp_path / "model.sig", key)


def test_digests_by_blake3_hold_or_are_said_to_need_the_extra(model: Path, key: Path, tmp_path: Path) -> None:
    signature = write(tmp_path, BY_BLAKE3)
    try:
        import blake3  # noqa: F401 - whether it is there
    except ImportError:
        with pytest.raises(SpecError, match="signing"):
            verify_signature(model, signature, key)
    else:
        assert len(verify_signature(model, signature, key).files) == 2


def change_a_file(model: Path) -> None:
    (model / "sub/b.txt").write_text("World")


def add_a_file(model: Path) -> None:
    (model / "sub/c.txt").write_text("more")


def remove_a_file(model: Path) -> None:
    (model / "a.txt").unlink()


def rename_a_file(model: Path) -> None:
    (model / "a.txt").rename(model / "b.txt")


def swap_two_files(model: Path) -> None:
    (model / "a.txt").write_text("world")
    (model / "sub/b.txt").write_text("hello")


def link_a_file(model: Path) -> None:
    (model / "a.txt").rename(model.parent / "a.txt")
    (model / "a.txt").symlink_to(model.parent / "a.txt")


@pytest.mark.parametrize(
    "attack", [change_a_file, add_a_file, remove_a_file, rename_a_file, swap_two_files, link_a_file]
)
def test_folder_that_differs_from_what_was_signed_is_refused(
    model: Path, key: Path, tmp_path: Path, attack: Callable[[Path], None]
) -> None:
    attack(model)
    with pytest.raises(IntegrityError):
        verify_signature(model, write(tmp_path, BY_SHA256), key)


def test_signature_by_another_key_is_refused(model: Path, signer: Signer, tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="this key did not sign"):
        verify_signature(model, write(tmp_path, BY_SHA256), signer.key)


@pytest.mark.parametrize("private", [ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP384R1())])
def test_other_keys_sign_the_same_manifest(model: Path, tmp_path: Path, private: Any) -> None:
    signer = Signer(tmp_path, private)
    assert verify_signature(model, write(tmp_path, signer.sign(manifest())), signer.key).files


def test_payload_that_was_changed_under_its_signature_is_refused(model: Path, signer: Signer, tmp_path: Path) -> None:
    envelope = json.loads(signer.sign(manifest()))
    payload = base64.b64decode(envelope["payload"]).replace(b"a.txt", b"c.txt")
    envelope["payload"] = base64.b64encode(payload).decode()
    with pytest.raises(IntegrityError, match="this key did not sign"):
        verify_signature(model, write(tmp_path, json.dumps(envelope)), signer.key)


def test_what_the_signer_left_out_needs_no_signature(model: Path, signer: Signer, tmp_path: Path) -> None:
    (model / ".git").mkdir()
    (model / ".git/config").write_text("")
    signature = write(model, signer.sign(manifest()))
    assert len(verify_signature(model, signature, signer.key).files) == 2


@pytest.mark.parametrize(
    "broken",
    [
        {"resources": []},
        {"resources": [{"name": "a.txt", "algorithm": "sha256", "digest": "00"}]},
        {"serialization": {"method": "shards"}},
        {"resources": None},
        {"serialization": {"method": "files", "ignore_paths": 7}},
    ],
)
def test_signed_manifest_that_does_not_add_up_is_refused(
    model: Path, signer: Signer, tmp_path: Path, broken: dict[str, Any]
) -> None:
    with pytest.raises(IntegrityError):
        verify_signature(model, write(tmp_path, signer.sign(manifest(**broken))), signer.key)


def test_digest_of_an_unknown_kind_is_refused(model: Path, signer: Signer, tmp_path: Path) -> None:
    signed = manifest()
    for one in signed["predicate"]["resources"]:
        one["algorithm"] = "md5"
    with pytest.raises(IntegrityError, match="md5"):
        verify_signature(model, write(tmp_path, signer.sign(signed)), signer.key)


def test_statement_about_a_file_holds_for_that_file_alone(model: Path, signer: Signer, tmp_path: Path) -> None:
    digest = hashlib.sha256(b"hello").hexdigest()
    exported = {"assay": {"report": {"facts": {"onnx_sha256": digest}}}}
    for stated in (
        statement([{"name": "a", "digest": {"sha256": digest}}]),
        statement([{"name": "model/a", "digest": {"sha256": "0" * 64}}], predicate=exported),
    ):
        signature = write(tmp_path, signer.sign(stated))
        assert verify_signature(model / "a.txt", signature, signer.key).files == {model / "a.txt": digest}
        for other in (model / "sub/b.txt", model):
            with pytest.raises(IntegrityError):
                verify_signature(other, signature, signer.key)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"mediaType": "other"}', BY_SHA256.replace("v0.3", "v0.1"), "{" * 99]
)
def test_what_is_no_signature_is_bad_input(model: Path, key: Path, tmp_path: Path, text: str) -> None:
    with pytest.raises(SpecError):
        verify_signature(model, write(tmp_path, text), key)


def test_key_of_a_kind_that_is_not_read_is_bad_input(model: Path, key: Path, tmp_path: Path) -> None:
    signature = write(tmp_path, BY_SHA256)
    with pytest.raises(SpecError, match="RSA"):
        verify_signature(model, signature, Signer(tmp_path, rsa.generate_private_key(65537, 2048)).key)
    key.write_text("no key")
    with pytest.raises(SpecError, match="PEM"):
        verify_signature(model, signature, key)


def scan(*words: str | Path) -> Any:
    return CliRunner().invoke(cli, ["scan", *map(str, words)])


def test_scan_of_a_signed_model_verifies_first_and_then_scans(model: Path, key: Path, tmp_path: Path) -> None:
    signature = write(tmp_path, BY_SHA256)
    result = scan(model, "--signature", signature, "--key", key, "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 0 and told["signature"]["files"] == 2 and len(told["files"]) == 2
    change_a_file(model)
    result = scan(model, "--signature", signature, "--key", key)
    assert isinstance(result.exception, IntegrityError) and result.exception.exit_code == 3 and not result.output


def test_signed_malware_is_still_malware(signer: Signer, tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    signature = write(tmp_path, signer.sign(statement([{"name": "a", "digest": {"sha256": digest}}])))
    assert scan(path, "--signature", signature, "--key", signer.key).exit_code == 3


def test_file_that_changes_after_its_signature_was_verified_is_refused(model: Path, key: Path, tmp_path: Path) -> None:
    signed = verify_signature(model, write(tmp_path, BY_SHA256), key)
    scanned = {str(path): sha256 for path, sha256 in signed.files.items()}
    signed.check_unchanged(scanned)
    with pytest.raises(IntegrityError, match="between"):
        signed.check_unchanged({**scanned, str(model / "a.txt"): "0" * 64})


@pytest.mark.parametrize("words", [("--key", "k"), ("--signature", "s"), ("b", "--key", "k", "--signature", "s")])
def test_signature_needs_a_key_and_one_path(model: Path, words: tuple[str, ...]) -> None:
    assert isinstance(scan(model, *words).exception, SpecError)
