"""Proofs as files that anybody checks with the public keys alone.

Inclusion: C2SP tlog-proof v1; the envelope travels as its extra data. Consistency: the body that C2SP
tlog-witness posts. Both have one spelling, so any changed byte is refused.
"""

from dataclasses import dataclass
from typing import Self

from assay.audit.base64_lines import decode, encode
from assay.checkpoint import Checkpoint
from assay.errors import IntegrityError
from assay.ledger_entry import LedgerEntry, read_entry
from assay.merkle import leaf_hash, verify_consistency, verify_inclusion
from assay.signing import KeyRing

INCLUSION = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True)
class InclusionProof:
    """That entry `index`, with exactly this envelope, is in the log that `note` signs for."""

    index: int
    envelope: str
    hashes: tuple[bytes, ...]
    note: str

    def to_text(self) -> str:
        head = [INCLUSION, f"extra {encode(self.envelope.encode())}", f"index {self.index}"]
        return "\n".join([*head, *map(encode, self.hashes)]) + f"\n\n{self.note}"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Raises IntegrityError when `text` is no such proof."""
        try:
            head, note = text.split("\n\n", 1)
            kind, extra, index, *hashes = head.split("\n")
            if kind != INCLUSION:
                raise ValueError(f"first line {kind[:40]!r}")
            envelope = decode(extra.removeprefix("extra ")).decode()
            proof = cls(int(index.removeprefix("index ")), envelope, tuple(map(decode, hashes)), note)
            if proof.to_text() != text:
                raise ValueError("another spelling of it")
        except ValueError as error:
            raise IntegrityError(f"proof: expected a {INCLUSION}, found {error}; ask for it again") from error
        return proof

    def verify(self, keys: KeyRing) -> tuple[LedgerEntry, Checkpoint]:
        """The entry and the checkpoint it is under. Raises IntegrityError."""
        entry = read_entry(self.index, self.envelope, keys)
        signed = Checkpoint.verified(self.note, keys)
        if not verify_inclusion(leaf_hash(self.envelope.encode()), self.index, signed.size, self.hashes, signed.root):
            raise IntegrityError(
                f"proof: expected entry {self.index} under the root of {signed.size} entries, found hashes that lead "
                "elsewhere; the entry is not in this log at this place"
            )
        return entry, signed


@dataclass(frozen=True)
class ConsistencyProof:
    """That the log of `old_size` entries is a prefix of the log that `note` signs for."""

    old_size: int
    hashes: tuple[bytes, ...]
    note: str

    def to_text(self) -> str:
        return "\n".join([f"old {self.old_size}", *map(encode, self.hashes)]) + f"\n\n{self.note}"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Raises IntegrityError when `text` is no such proof."""
        try:
            head, note = text.split("\n\n", 1)
            old, *hashes = head.split("\n")
            proof = cls(int(old.removeprefix("old ")), tuple(map(decode, hashes)), note)
            if proof.to_text() != text:
                raise ValueError("another spelling of it")
        except ValueError as error:
            raise IntegrityError(f"proof: expected a consistency proof, found {error}; ask for it again") from error
        return proof

    def verify(self, old_note: str, keys: KeyRing) -> tuple[Checkpoint, Checkpoint]:
        """The old and the new checkpoint. Raises IntegrityError, of kind `forked` where the old log is no prefix."""
        old, new = Checkpoint.verified(old_note, keys), Checkpoint.verified(self.note, keys)
        if old.size != self.old_size:
            raise IntegrityError(
                f"proof: expected the checkpoint of {self.old_size} entries, found one of {old.size}; bring that one"
            )
        if not verify_consistency(old.size, old.root, new.size, new.root, self.hashes):
            raise IntegrityError(
                f"the log of {old.size} entries is no prefix of the log of {new.size}: two histories were signed; "
                "keep both checkpoints and open an incident",
                kind="forked",
            )
        return old, new
