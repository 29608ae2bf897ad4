"""DSSE envelopes signed with Ed25519; which key may say what is part of the signature's meaning. A key has one role."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from assay.audit.base64_lines import decode, encode
from assay.digests import canonical_json
from assay.errors import IntegrityError, SpecError
from assay.key_files import KeyFiles, KeyRole, PublicKey, key_stamp, make_missing_keys

__all__ = ["PAYLOAD_TYPE", "Envelope", "KeyRing", "KeyRole", "PublicKey"]

PAYLOAD_TYPE = "application/vnd.in-toto+json"


@dataclass(frozen=True)
class Envelope:
    """One payload, one signature (DSSE v1). keyid: sha256 of the raw public key."""

    payload: bytes
    keyid: str
    signature: bytes

    def to_bytes(self) -> bytes:
        """The exact bytes that are hashed into the ledger."""
        signature = {"keyid": self.keyid, "sig": encode(self.signature)}
        return canonical_json({"payloadType": PAYLOAD_TYPE, "payload": encode(self.payload), "signatures": [signature]})

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Raises IntegrityError when `data` is not such an envelope."""
        try:
            value = json.loads(data)
            (signature,) = value["signatures"]
            if value["payloadType"] != PAYLOAD_TYPE:
                raise ValueError(f"payload type {value['payloadType']!r}")
            envelope = cls(
                payload=decode(value["payload"]),
                keyid=str(signature["keyid"]),
                signature=decode(signature["sig"]),
            )
            # The entry's own digest is over these bytes: one envelope has one spelling.
            if envelope.to_bytes() != data:
                raise ValueError("another spelling of it")
            return envelope
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise IntegrityError(
                f"envelope: expected one DSSE signature over {PAYLOAD_TYPE}, found {error}; the entry was changed"
            ) from error

    @property
    def signed_bytes(self) -> bytes:
        """DSSE's pre-authentication encoding."""
        return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(self.payload), self.payload)


class KeyRing:
    """The keys of one deployment: private ones to sign with (if any), public ones to trust.

    What it reads is asked for again whenever the folder's key files change, so that a process which runs for days
    signs with a new key as soon as it is there.
    """

    def __init__(self, files: KeyFiles, folder: Path | None, *, signs: bool = False) -> None:
        self._files, self._folder, self._signs = files, folder, signs

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The keys in `folder`; missing ones are made on first use, readable by the owner only."""
        make_missing_keys(folder)
        return cls(KeyFiles.read(folder, signs=True), folder, signs=True)

    @classmethod
    def open_public(cls, folder: Path) -> Self:
        """Only the public keys in `folder`: all an auditor needs. Raises SpecError where there are none."""
        keys = cls(KeyFiles.read(folder, signs=False), folder)
        if not keys.public_keys():
            raise SpecError(f"{folder}: expected public keys (ROLE.pub), found none; name the folder that holds them")
        return keys

    @classmethod
    def trusting(cls, keys: Iterable[PublicKey]) -> Self:
        """Exactly these public keys, from no folder."""
        return cls(KeyFiles({}, {key.keyid: key for key in keys}, frozenset()), None)

    def sign(self, payload: bytes, role: KeyRole) -> Envelope:
        """An envelope around `payload`."""
        key, signature = self.sign_raw(Envelope(payload, "", b"").signed_bytes, role)
        return Envelope(payload, key.keyid, signature)

    def sign_raw(self, data: bytes, role: KeyRole) -> tuple[PublicKey, bytes]:
        """A bare Ed25519 signature and the key that made it. Raises SpecError without the private key."""
        self._refresh()
        files = self._files
        return files.public_key(role), files.private[role].sign(data)

    def public_key(self, role: KeyRole) -> PublicKey:
        """The key that belongs to the private key of `role`. Raises SpecError without it."""
        self._refresh()
        return self._files.public_key(role)

    def public_keys(self) -> Mapping[str, PublicKey]:
        """Every trusted key by keyid."""
        return self._files.public

    def find(self, is_wanted: Callable[[PublicKey], bool]) -> PublicKey | None:
        """The first trusted key that is wanted; one that came just now is found too."""
        found = next(filter(is_wanted, self._files.public.values()), None)
        if found is None and self._refresh():
            found = next(filter(is_wanted, self._files.public.values()), None)
        return found

    def verify(self, envelope: Envelope) -> PublicKey:
        """The key that signed. Raises IntegrityError for an unknown key or a signature that does not hold."""
        key = self._files.public.get(envelope.keyid) or self.find(lambda key: key.keyid == envelope.keyid)
        if key is None:
            raise IntegrityError(
                f"signature: expected one of {len(self._files.public)} trusted keys, found keyid "
                f"{envelope.keyid[:16]}…; the statement was signed by a stranger",
                kind="unknown_key",
            )
        try:
            key.verify(envelope.signature, envelope.signed_bytes)
        except ValueError as error:
            raise IntegrityError(
                f"signature of {key.role.value} key {key.keyid[:16]}… does not hold; the statement was changed"
            ) from error
        return key

    def _refresh(self) -> bool:
        """Whether the files were read again."""
        if self._folder is None or key_stamp(self._folder) == self._files.stamp:
            return False
        self._files = KeyFiles.read(self._folder, signs=self._signs)
        return True
