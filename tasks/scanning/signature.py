"""Whether a model's files are those that somebody signed: OpenSSF model signing, or an in-toto statement of a file.

Read are a sigstore bundle (v0.3) around a DSSE envelope, and a bare DSSE envelope such as Assay's own statements. The
key is trusted because the caller names it, never because the signature brings it. Nothing is parsed before it is
verified, and every file that is there must have been signed.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol

from assay.digests import sha256_bytes
from assay.errors import IntegrityError, SpecError
from assay.json_types import JsonObject
from assay.signing import PAYLOAD_TYPE, Envelope
from assay.statement import STATEMENT_TYPE
from tasks.scanning.finding import printable
from tasks.scanning.limits import BLOCK, MAX_FILES, MAX_JSON

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

MODEL_SIGNATURE = "https://model_signing/signature/v1.0"
_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_CURVES = {"secp256r1": "SHA256", "secp384r1": "SHA384", "secp521r1": "SHA512"}
_WHOLE = "."  # how model signing names the one file of a model that is no folder


@dataclass(frozen=True)
class Signed:
    """kind: the statement's predicate type. key: SHA-256 of the key's DER. files: path as it was reached -> SHA-256."""

    kind: str
    key: str
    files: Mapping[Path, str]

    def as_json(self) -> JsonObject:
        return {"predicate_type": self.kind, "key_sha256": self.key, "files": len(self.files)}

    def check_unchanged(self, scanned: Mapping[str, str]) -> None:
        """scanned: printable path -> SHA-256. Raises IntegrityError where what was scanned is not what was signed."""
        for path, sha256 in self.files.items():
            if scanned.get(printable(str(path))) != sha256:
                raise IntegrityError(f"{printable(str(path))}: changed between the check of its signature and its scan")


@dataclass(frozen=True)
class _Signature:
    payload: bytes
    signature: bytes

    @property
    def signed_bytes(self) -> bytes:
        return Envelope(self.payload, "", self.signature).signed_bytes


@dataclass(frozen=True)
class _Digest:
    algorithm: str
    value: str


class _Hash(Protocol):
    def update(self, data: bytes, /) -> object: ...

    def hexdigest(self) -> str: ...


def verify_signature(model: Path, signature: Path, key: Path) -> Signed:
    """The signed digests of the files of `model`, a file or a folder, once all of them hold.

    Raises SpecError for a key or signature that cannot be read, IntegrityError where the key did not sign, or where a
    file was changed, added, removed or renamed since.
    """
    public, keyid = _public_key(key)
    found = _read_signature(signature)
    _check_key(public, found, signature)
    statement = _statement(found.payload, signature)
    files = _files(model, signature)
    kind = str(statement.get("predicateType"))
    if kind == MODEL_SIGNATURE:
        checked = _check_manifest(statement, model, files)
    else:
        checked = _check_subjects(statement, model, files)
    return Signed(kind, keyid, checked)


def _public_key(path: Path) -> "tuple[PublicKeyTypes, str]":
    from cryptography.hazmat.primitives import serialization

    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SpecError(f"{path}: expected a public key in PEM, found {error}") from error
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key, sha256_bytes(key.public_bytes(serialization.Encoding.DER, form))


def _read_signature(path: Path) -> _Signature:
    try:
        if path.stat().st_size > MAX_JSON:
            raise ValueError(f"{path.stat().st_size} bytes")
        value = json.loads(path.read_bytes())
        media = value.get("mediaType")
        if media not in (None, _BUNDLE):
            raise ValueError(f"a bundle of type {media!r}, expected {_BUNDLE}")
        envelope = value["dsseEnvelope"] if media else value
        (one,) = envelope["signatures"]
        if envelope["payloadType"] != PAYLOAD_TYPE:
            raise ValueError(f"a payload of type {envelope['payloadType']!r}, expected {PAYLOAD_TYPE}")
        return _Signature(
            base64.b64decode(envelope["payload"], validate=True), base64.b64decode(one["sig"], validate=True)
        )
    except OSError as error:
        raise SpecError(f"{path}: expected a signature, found {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error) as error:
        raise SpecError(
            f"{path}: expected a sigstore bundle or DSSE envelope of one signature, found {error}"
        ) from error


def _check_key(key: "PublicKeyTypes", found: _Signature, path: Path) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(found.signature, found.signed_bytes)
        elif isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
            digest = getattr(hashes, _CURVES[key.curve.name])()
            key.verify(found.signature, found.signed_bytes, ec.ECDSA(digest))
        else:
            raise SpecError(f"expected an Ed25519 or EC P-256, P-384 or P-521 key, found {type(key).__name__}")
    except InvalidSignature as error:
        raise IntegrityError(f"{path}: this key did not sign it, or it was changed since; do not load it") from error


def _statement(payload: bytes, path: Path) -> Mapping[str, Any]:
    statement = json.loads(payload)
    if not isinstance(statement, Mapping) or statement.get("_type") != STATEMENT_TYPE:
        raise IntegrityError(f"{path}: expected an in-toto Statement v1")
    return statement


def _files(model: Path, signature: Path) -> dict[str, Path]:
    """Signed name -> file. The signature itself may lie in the folder."""
    if not model.is_dir() or model.is_symlink():
        return {_WHOLE: model}
    found = {}
    for path in sorted(model.rglob("*")):
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise IntegrityError(f"{printable(str(path))}: a link or device, which no signature covers")
        if path.is_file() and not path.samefile(signature):
            found[path.relative_to(model).as_posix()] = path
        if len(found) > MAX_FILES:
            raise SpecError(f"{printable(str(model))}: more than {MAX_FILES} files")
    return found


def _check_manifest(statement: Mapping[str, Any], model: Path, files: Mapping[str, Path]) -> dict[Path, str]:
    """Model signing's manifest: one root digest over the digests of all files, in their order."""
    try:
        predicate = statement["predicate"]
        serialization = predicate["serialization"]
        signed = {str(one["name"]): _Digest(one["algorithm"], one["digest"]) for one in predicate["resources"]}
        (subject,) = statement["subject"]
        root = hashlib.sha256(b"".join(bytes.fromhex(one["digest"]) for one in predicate["resources"])).hexdigest()
        ignored = [PurePosixPath(path) for path in serialization.get("ignore_paths", ())]
        is_whole = serialization["method"] == "files" and len(signed) == len(predicate["resources"])
        is_same = subject["digest"]["sha256"] == root
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise IntegrityError(f"model signature: expected a manifest of files, found {error!r}") from error
    if not is_whole or not is_same:
        raise IntegrityError("model signature: its manifest is not of whole files, or its root digest does not hold")
    unsigned = [name for name in files if name not in signed and not _is_ignored(name, ignored)]
    gone = [name for name in signed if name not in files]
    for words, names in (("was not signed", unsigned), ("was signed and is gone", gone)):
        if names:
            raise IntegrityError(f"{printable(names[0])} {words} ({len(names)} in all); do not load the model")
    return {files[name]: _check_digest(files[name], digest) for name, digest in signed.items()}


def _is_ignored(name: str, ignored: list[PurePosixPath]) -> bool:
    """What the signer left out, by a signed list: the scan judges it by itself."""
    return any(PurePosixPath(name).is_relative_to(path) for path in ignored)


def _check_subjects(statement: Mapping[str, Any], model: Path, files: Mapping[str, Path]) -> dict[Path, str]:
    """A statement about one file: its digest is a subject's, or the ONNX file's of one of Assay's exports."""
    if set(files) != {_WHOLE}:
        raise IntegrityError(f"{model}: a statement of this kind is about one file, found a folder; name the file")
    try:
        signed = {subject["digest"]["sha256"] for subject in statement["subject"]}
        report = statement["predicate"].get("assay", {}).get("report", {})
        signed.add(report.get("facts", {}).get("onnx_sha256"))
    except (KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"statement: expected subjects with SHA-256 digests, found {error!r}") from error
    sha256 = _hashed(model, "sha256")[0]
    if sha256 not in signed:
        raise IntegrityError(f"{model}: sha256 {sha256}, which the statement does not name; do not load it")
    return {model: sha256}


def _check_digest(path: Path, digest: _Digest) -> str:
    """Its SHA-256, once it has the signed digest."""
    sha256, found = _hashed(path, digest.algorithm)
    if found != digest.value:
        raise IntegrityError(
            f"{printable(str(path))}: signed {digest.algorithm} {digest.value}, found {found}; do not load the model"
        )
    return sha256


def _hashed(path: Path, algorithm: str) -> tuple[str, str]:
    """SHA-256 and the digest by `algorithm`, in one pass."""
    sha256, other = hashlib.sha256(), _hasher(algorithm)
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            sha256.update(block)
            if other is not None:
                other.update(block)
    return sha256.hexdigest(), (other or sha256).hexdigest()


def _hasher(algorithm: str) -> _Hash | None:
    """None for SHA-256, which is made anyway."""
    if algorithm == "sha256":
        return None
    if algorithm == "blake3":
        try:
            from blake3 import blake3
        except ImportError as error:
            raise SpecError("signed by BLAKE3 digests: pip install 'assay[signing]' reads them") from error
        made: Callable[[], _Hash] = blake3
        return made()
    raise IntegrityError(f"model signature: digests by {printable(str(algorithm))}; expected sha256 or blake3")
