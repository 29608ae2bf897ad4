"""Signed checkpoints: how large the log was and what its root was, in the C2SP tlog-checkpoint form.

Body: origin line, decimal size, base64 root. Signature line as in C2SP signed-note: an em dash, the
key's name, base64 of 4 bytes of key hash and 64 bytes of Ed25519 signature.
"""

import hashlib
from dataclasses import dataclass
from typing import Self

from assay.audit.base64_lines import decode, encode
from assay.errors import IntegrityError
from assay.signing import KeyRing, KeyRole, PublicKey

ORIGIN = "assay/ledger"
_ED25519 = b"\x01"


@dataclass(frozen=True)
class Checkpoint:
    """The log's state: `size` entries under `root` (32 bytes)."""

    size: int
    root: bytes

    def body(self) -> str:
        """The text that is signed, with its final newline."""
        return f"{ORIGIN}\n{self.size}\n{encode(self.root)}\n"

    def signed(self, keys: KeyRing) -> str:
        """The signed note."""
        key, signature = keys.sign_raw(self.body().encode(), KeyRole.LEDGER)
        return f"{self.body()}\n— {ORIGIN} {encode(_key_hash(key.raw) + signature)}\n"

    @classmethod
    def verified(cls, note: str, keys: KeyRing) -> Self:
        """The checkpoint in `note`. Raises IntegrityError unless a trusted ledger key signed exactly this."""
        return cls.verified_by(note, keys)[0]

    @classmethod
    def verified_by(cls, note: str, keys: KeyRing) -> tuple[Self, PublicKey]:
        """The checkpoint in `note` and the key that signed it. Raises IntegrityError."""
        try:
            checkpoint, mark = cls._parsed(note)
        except ValueError as error:
            raise _changed(error) from error
        key = _signer(mark, keys)
        try:
            key.verify(mark[4:], checkpoint.body().encode())
        except ValueError as error:
            raise _changed(error) from error
        return checkpoint, key

    @classmethod
    def _parsed(cls, note: str) -> tuple[Self, bytes]:
        """Raises ValueError for anything but the one spelling of a note."""
        body, line = note.split("\n\n", 1)
        origin, size, root = body.split("\n")
        dash, name, mark = line.split(" ")
        if (dash, name, origin) != ("—", ORIGIN, ORIGIN):
            raise ValueError(f"origin {origin!r}")
        checkpoint = cls(int(size), decode(root))
        if f"{body}\n" != checkpoint.body() or not mark.endswith("\n"):
            raise ValueError(f"another spelling of size {size!r} or root {root!r}")
        return checkpoint, decode(mark[:-1])


def _signer(mark: bytes, keys: KeyRing) -> PublicKey:
    key = keys.find(lambda key: key.role is KeyRole.LEDGER and _key_hash(key.raw) == mark[:4])
    if key is None:
        raise IntegrityError(
            "checkpoint: expected the signature of a trusted ledger key, found the signature of an unknown key; "
            "it was signed by a stranger, or its key's public file is missing",
            kind="unknown_key",
        )
    return key


def _changed(error: ValueError) -> IntegrityError:
    return IntegrityError(f"checkpoint: expected a signed note of {ORIGIN}, found {error}; the checkpoint was changed")


def _key_hash(raw: bytes) -> bytes:
    return hashlib.sha256(ORIGIN.encode() + b"\n" + _ED25519 + raw).digest()[:4]
