"""Keys as files of one folder: `ROLE.key` signs, every `ROLE.pub` and `ROLE-ANYTHING.pub` is trusted for that role.

A public key is trusted because its file lies there, not because an envelope brings it along.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Self

from assay.digests import sha256_bytes
from assay.errors import SpecError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


class KeyRole(str, Enum):
    """What a key's holder may claim: things made and measured, decisions, approvals, the log's own state."""

    PRODUCER = "producer"
    GATE = "gate"
    APPROVER = "approver"
    LEDGER = "ledger"


@dataclass(frozen=True)
class PublicKey:
    """A trusted key and the one role it has. keyid: sha256 of its 32 raw bytes."""

    keyid: str
    role: KeyRole
    key: "Ed25519PublicKey"

    @classmethod
    def from_raw(cls, role: KeyRole, raw: bytes) -> Self:
        """Raises ValueError unless `raw` is a key of 32 bytes."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        return cls(sha256_bytes(raw), role, Ed25519PublicKey.from_public_bytes(raw))

    @property
    def raw(self) -> bytes:
        """The 32 bytes of RFC 8032."""
        return raw_bytes(self.key)

    def verify(self, signature: bytes, data: bytes) -> None:
        """Raises ValueError unless this key signed exactly `data`."""
        from cryptography.exceptions import InvalidSignature

        try:
            self.key.verify(signature, data)
        except InvalidSignature:
            raise ValueError("a signature that does not hold") from None


@dataclass(frozen=True)
class KeyFiles:
    """What the files said when they were read. stamp: changes whenever a key file does."""

    private: Mapping[KeyRole, "Ed25519PrivateKey"]
    public: Mapping[str, PublicKey]
    stamp: frozenset[tuple[str, int, int]]

    @classmethod
    def read(cls, folder: Path, *, signs: bool) -> Self:
        """Raises SpecError naming a file that is no key."""
        stamp = key_stamp(folder)
        paths = {role: private_path(folder, role) for role in KeyRole if signs}
        private = {role: read_private(path) for role, path in paths.items() if path.is_file()}
        return cls(private, _read_public(folder), stamp)

    def public_key(self, role: KeyRole) -> PublicKey:
        """The key that belongs to the private key of `role`. Raises SpecError."""
        if role not in self.private:
            raise SpecError(
                f"expected the private {role.value} key, found none; sign where the key lives, see ASSAY_KEYS"
            )
        keyid = key_id(self.private[role].public_key())
        if keyid not in self.public:
            raise SpecError(
                f"expected {role.value}.pub beside {role.value}.key, found none; restore it from your backup"
            )
        return self.public[keyid]


def key_stamp(folder: Path) -> frozenset[tuple[str, int, int]]:
    """Names, inodes and times of the key files: cheap to ask before every signature."""
    try:
        with os.scandir(folder) as found:
            files = [(file.name, file.stat()) for file in found if file.name.endswith((".key", ".pub"))]
    except FileNotFoundError:
        return frozenset()
    return frozenset((name, stat.st_ino, stat.st_mtime_ns) for name, stat in files)


def private_path(folder: Path, role: KeyRole) -> Path:
    return folder / f"{role.value}.key"


def public_path(folder: Path, role: KeyRole, keyid: str = "") -> Path:
    """`ROLE.pub` of the key in use; with a `keyid` the name that stays when another follows it."""
    return folder / (f"{role.value}-{keyid[:16]}.pub" if keyid else f"{role.value}.pub")


def make_missing_keys(folder: Path) -> None:
    """A key of each role, readable by the owner only; those that are there stay."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Keys that are all there need no lock: their folder may be mounted read-only.
    if all(private_path(folder, role).is_file() for role in KeyRole):
        return
    with locked(folder):
        for role in KeyRole:
            if not private_path(folder, role).is_file():
                make_key(private_path(folder, role), public_path(folder, role))


def make_key(private: Path, public: Path) -> None:
    """A new pair; the public file first, so that a private one is never without."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    key = Ed25519PrivateKey.generate()
    write_whole(public, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), 0o644)
    write_whole(private, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)


def key_id(key: "Ed25519PublicKey") -> str:
    return sha256_bytes(raw_bytes(key))


def raw_bytes(key: "Ed25519PublicKey") -> bytes:
    """The 32 bytes of RFC 8032, as every `cryptography` from 2.6 on gives them: auditors bring their own."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time changes the folder."""
    import fcntl

    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def write_whole(path: Path, data: bytes, mode: int) -> None:
    """`path` with these bytes, whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)


def read_private(path: Path) -> "Ed25519PrivateKey":
    """Raises SpecError when the file is no Ed25519 key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise SpecError(f"{path}: expected an Ed25519 key, found {type(key).__name__}; restore it from your backup")
    return key


def _read_public(folder: Path) -> dict[str, PublicKey]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    keys = {}
    for path in sorted(folder.glob("*.pub")):
        try:
            role = KeyRole(path.stem.split("-")[0])
            key = load_pem_public_key(path.read_bytes())
        except ValueError as error:
            raise SpecError(
                f"{path}: expected ROLE.pub with a PEM public key, found {error}; remove the file"
            ) from error
        if not isinstance(key, Ed25519PublicKey):
            raise SpecError(f"{path}: expected an Ed25519 public key, found {type(key).__name__}; remove the file")
        keys[key_id(key)] = PublicKey(key_id(key), role, key)
    return keys
