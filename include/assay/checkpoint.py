"""Signed checkpoints: how large the log was and what its root was, in the C2SP tlog-checkpoint form.

Body: origin line, decimal size, base64 root. Signature line as in C2SP signed-note: an em dash, the
key's name, base64 of 4 bytes of key hash and 64 bytes of Ed25519 signature.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Self

from assay.errors import IntegrityError
from assay.signing import KeyRing, KeyRole

ORIGIN = "assay/ledger"
_ED25519 = b"\x01"


@dataclass(frozen=True)
class Checkpoint:
    """The log's state: `size` entries under `root` (32 bytes)."""

    size: int
    root: bytes

    def body(self) -> str:
        """The text that is signed, with its final newline."""
        return f"{ORIGIN}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    def signed(self, keys: KeyRing) -> str:
        """The signed note."""
        signature = keys.sign_raw(self.body().encode(), KeyRole.LEDGER)
        mark = _key_hash(keys.public_key(KeyRole.LEDGER).raw) + signature
        return f"{self.body()}\n— {ORIGIN} {base64.b64encode(mark).decode()}\n"

    @classmethod
    def verified(cls, note: str, keys: KeyRing) -> Self:
        """The checkpoint in `note`. Raises IntegrityError unless a trusted ledger key signed exactly this."""
        try:
            body, line = note.split("\n\n", 1)
            origin, size, root = body.split("\n")
            dash, name, mark = line.rstrip("\n").split(" ")
            if (dash, name, origin) != ("—", ORIGIN, ORIGIN):
                raise ValueError(f"origin {origin!r}")
            checkpoint = cls(int(size), base64.b64decode(root, validate=True))
            if f"{body}\n" != checkpoint.body():
                raise ValueError(f"another spelling of size {size!r} or root {root!r}")
            _verify(checkpoint.body().encode(), base64.b64decode(mark, validate=True), keys)
        except (ValueError, binascii.Error) as error:
            raise IntegrityError(
                f"checkpoint: expected a signed note of {ORIGIN}, found {error}; the checkpoint was changed"
            ) from error
        return checkpoint


def _verify(body: bytes, mark: bytes, keys: KeyRing) -> None:
    from cryptography.exceptions import InvalidSignature

    for key in keys.public_keys().values():
        if key.role is KeyRole.LEDGER and _key_hash(key.raw) == mark[:4]:
            try:
                key.key.verify(mark[4:], body)
            except InvalidSignature:
                raise ValueError("a signature that does not hold") from None
            return
    raise ValueError("the signature of an unknown key")


def _key_hash(raw: bytes) -> bytes:
    return hashlib.sha256(ORIGIN.encode() + b"\n" + _ED25519 + raw).digest()[:4]
