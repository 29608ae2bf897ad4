"""DSSE envelopes signed with Ed25519; which key may say what is part of the signature's meaning.

A key has one role. Public keys are trusted because their files lie in the key folder, not because an
envelope brings them along.
"""

import base64
import binascii
import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Self

from assay.digests import canonical_json, sha256_bytes
from assay.errors import IntegrityError, SpecError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"


class KeyRole(str, Enum):
    """What a key's holder may claim: things made and measured, decisions, approvals, the log's own state."""

    PRODUCER = "producer"
    GATE = "gate"
    APPROVER = "approver"
    LEDGER = "ledger"


@dataclass(frozen=True)
class Envelope:
    """One payload, one signature (DSSE v1). keyid: sha256 of the raw public key."""

    payload: bytes
    keyid: str
    signature: bytes

    def to_bytes(self) -> bytes:
        """The exact bytes that are hashed into the ledger."""
        return canonical_json(
            {
                "payloadType": PAYLOAD_TYPE,
                "payload": base64.b64encode(self.payload).decode(),
                "signatures": [{"keyid": self.keyid, "sig": base64.b64encode(self.signature).decode()}],
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Raises IntegrityError when `data` is not such an envelope."""
        try:
            value = json.loads(data)
            (signature,) = value["signatures"]
            if value["payloadType"] != PAYLOAD_TYPE:
                raise ValueError(f"payload type {value['payloadType']!r}")
            envelope = cls(
                payload=base64.b64decode(value["payload"], validate=True),
                keyid=str(signature["keyid"]),
                signature=base64.b64decode(signature["sig"], validate=True),
            )
            # The entry's own digest is over these bytes: one envelope has one spelling.
            if envelope.to_bytes() != data:
                raise ValueError("another spelling of it")
            return envelope
        except (ValueError, KeyError, TypeError, binascii.Error) as error:
            raise IntegrityError(
                f"envelope: expected one DSSE signature over {PAYLOAD_TYPE}, found {error}; the entry was changed"
            ) from error

    @property
    def signed_bytes(self) -> bytes:
        """DSSE's pre-authentication encoding."""
        from securesystemslib.dsse import Envelope as Dsse

        return Dsse(self.payload, PAYLOAD_TYPE, {}).pae()


@dataclass(frozen=True)
class PublicKey:
    """A trusted key and the one role it has."""

    keyid: str
    role: KeyRole
    key: "Ed25519PublicKey"

    @property
    def raw(self) -> bytes:
        """The 32 bytes of RFC 8032."""
        return self.key.public_bytes_raw()


class KeyRing:
    """The keys of one deployment: private ones to sign with (if any), public ones to trust."""

    def __init__(self, private: Mapping[KeyRole, "Ed25519PrivateKey"], public: Mapping[str, PublicKey]) -> None:
        self._private, self._public = private, public

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The keys in `folder`; missing ones are made on first use, readable by the owner only."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Keys that are all there need no lock: their folder may be mounted read-only.
        complete = all((folder / f"{role.value}.key").is_file() for role in KeyRole)
        with contextlib.nullcontext() if complete else _locked(folder):
            private = {role: _private_key(folder, role) for role in KeyRole}
        return cls(private, _public_keys(folder))

    @classmethod
    def open_public(cls, folder: Path) -> Self:
        """Only the public keys in `folder`: all an auditor needs. Raises SpecError where there are none."""
        public = _public_keys(folder)
        if not public:
            raise SpecError(f"{folder}: expected public keys (ROLE.pub), found none; name the folder that holds them")
        return cls({}, public)

    def sign(self, payload: bytes, role: KeyRole) -> Envelope:
        """An envelope around `payload`."""
        unsigned = Envelope(payload, self.public_key(role).keyid, b"")
        return Envelope(payload, unsigned.keyid, self.sign_raw(unsigned.signed_bytes, role))

    def sign_raw(self, data: bytes, role: KeyRole) -> bytes:
        """A bare Ed25519 signature. Raises SpecError without the private key."""
        if role not in self._private:
            raise SpecError(f"expected the private {role.value} key, found only public keys; sign where the key lives")
        return self._private[role].sign(data)

    def public_key(self, role: KeyRole) -> PublicKey:
        """The key that belongs to the private key of `role`."""
        if role not in self._private:
            raise SpecError(f"expected a private {role.value} key, found none; see ASSAY_KEYS")
        keyid = _keyid(self._private[role].public_key())
        if keyid not in self._public:
            raise SpecError(
                f"expected {role.value}.pub beside {role.value}.key, found none; restore it from your backup"
            )
        return self._public[keyid]

    def public_keys(self) -> Mapping[str, PublicKey]:
        """Every trusted key by keyid."""
        return self._public

    def verify(self, envelope: Envelope) -> PublicKey:
        """The key that signed. Raises IntegrityError for an unknown key or a signature that does not hold."""
        from cryptography.exceptions import InvalidSignature

        key = self._public.get(envelope.keyid)
        if key is None:
            raise IntegrityError(
                f"signature: expected one of {len(self._public)} trusted keys, found keyid {envelope.keyid[:16]}…; "
                "the statement was signed by a stranger"
            )
        try:
            key.key.verify(envelope.signature, envelope.signed_bytes)
        except InvalidSignature as error:
            raise IntegrityError(
                f"signature of {key.role.value} key {key.keyid[:16]}… does not hold; the statement was changed"
            ) from error
        return key


def _private_key(folder: Path, role: KeyRole) -> "Ed25519PrivateKey":
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    path = folder / f"{role.value}.key"
    if not path.exists():
        key = Ed25519PrivateKey.generate()
        pem = serialization.Encoding.PEM
        secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
        _write(folder / f"{role.value}.pub", public, 0o644)
        _write(path, secret, 0o600)
    loaded = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(loaded, Ed25519PrivateKey):
        raise SpecError(f"{path}: expected an Ed25519 key, found {type(loaded).__name__}; restore it from your backup")
    return loaded


def _public_keys(folder: Path) -> dict[str, PublicKey]:
    """`ROLE.pub` and `ROLE-ANYTHING.pub`: retired keys stay trusted for what they signed."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    keys = {}
    for path in sorted(folder.glob("*.pub")):
        try:
            role = KeyRole(path.stem.split("-")[0])
            key = serialization.load_pem_public_key(path.read_bytes())
        except ValueError as error:
            raise SpecError(
                f"{path}: expected ROLE.pub with a PEM public key, found {error}; remove the file"
            ) from error
        if not isinstance(key, Ed25519PublicKey):
            raise SpecError(f"{path}: expected an Ed25519 public key, found {type(key).__name__}; remove the file")
        keys[_keyid(key)] = PublicKey(_keyid(key), role, key)
    return keys


def _keyid(key: "Ed25519PublicKey") -> str:
    return sha256_bytes(key.public_bytes_raw())


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(path: Path, data: bytes, mode: int) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)
