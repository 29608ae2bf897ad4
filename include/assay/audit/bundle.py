"""A log as one file that verifies without its database: a header with the public keys, then one line an entry.

Every line is canonical JSON, and every byte of it is a signature's, a hash's, or fixed by the form: any changed byte
is found and its line named. Nothing in a bundle is ever executed.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from assay.audit.base64_lines import decode, encode
from assay.audit.findings import Broken, Kind, LedgerVerification
from assay.audit.outside import Outside
from assay.audit.place import Place
from assay.audit.verify_log import verify_log
from assay.digests import canonical_json
from assay.errors import IntegrityError
from assay.json_types import Json, JsonObject
from assay.key_files import KeyRole, PublicKey
from assay.signing import KeyRing

FORMAT = "assay-audit-bundle/v2"
_LINE_BYTES = 64 << 20  # no statement is larger


@dataclass(frozen=True)
class Header:
    """How many lines follow, and the public keys that the exporter trusted."""

    lines: int
    keys: tuple[PublicKey, ...]

    def to_line(self) -> bytes:
        keys = [{"keyid": k.keyid, "public": encode(k.raw), "role": k.role.value} for k in self.keys]
        return canonical_json({"format": FORMAT, "keys": keys, "lines": self.lines}) + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> "Header":
        """Raises ValueError."""
        value = _object(line, {"format", "keys", "lines"})
        told = cast("list[JsonObject]", value["keys"])
        keys = tuple(PublicKey.from_raw(KeyRole(key["role"]), decode(str(key["public"]))) for key in told)
        header = cls(int(cast(int, value["lines"])), keys)
        if header.to_line() != line:
            raise ValueError(f"another format than {FORMAT}, or a key that is not what its digest says")
        return header


def place_to_line(place: Place) -> bytes:
    """Indexes of the database stay behind: they follow from the envelope."""
    nodes = None if place.nodes is None else [encode(node) for node in place.nodes]
    value: dict[str, Json] = {"envelope": place.envelope, "nodes": nodes, "note": place.note, "seq": place.seq}
    return canonical_json(value) + b"\n"


def verify_bundle(file: Path, keys: KeyRing | None, outside: Sequence[Outside] = ()) -> LedgerVerification:
    """Verify with the keys the auditor brings, or, without any, with those in the bundle (which proves less).

    outside: checkpoints of this log that the auditor got elsewhere. Raises IntegrityError for a file that is no bundle.
    """
    with file.open("rb") as stream:
        header = _header(file, stream)
        lines = _Lines(stream, stream.tell())
        found = verify_log(lines.places, keys or KeyRing.trusting(header.keys), outside)
    unread = {one.seq for one in lines.broken}
    told = (one for one in found.broken if one.kind is not Kind.REMOVED or one.seq not in unread)
    broken = [*_check_header(header, lines.count, keys), *lines.broken, *told]
    ordered = tuple(sorted(dict.fromkeys(broken), key=lambda one: one.seq))
    return LedgerVerification(found.entries, found.checkpoint, ordered, found.suspects, found.published)


class _Lines:
    """The lines after the header. broken: those that are none of ours."""

    def __init__(self, stream: BinaryIO, start: int) -> None:
        self._stream, self._start = stream, start
        self.count, self.broken = 0, list[Broken]()

    def places(self) -> Iterator[Place]:
        self._stream.seek(self._start)
        self.count, seq = 0, -1
        while line := self._stream.readline(_LINE_BYTES):
            self.count += 1
            try:
                place = _place(line)
            except (ValueError, TypeError, RecursionError) as error:
                place = Place(seq + 1)
                reason = f"line {self.count + 1}: expected an entry in its one spelling, found {error}"
                self.broken.append(Broken(Kind.EDITED, place.seq, "line", reason))
            seq = place.seq
            yield place


def _header(file: Path, stream: BinaryIO) -> Header:
    try:
        return Header.from_line(stream.readline(_LINE_BYTES))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise IntegrityError(
            f"{file}, line 1: expected the header of an {FORMAT}, found {error}; export the bundle again"
        ) from error


def _check_header(header: Header, lines: int, brought: KeyRing | None) -> Iterator[Broken]:
    if header.lines != lines:
        kind = Kind.TAIL_DROPPED if lines < header.lines else Kind.INSERTED
        reason = f"line 1: the header promises {header.lines} lines, found {lines}"
        yield Broken(kind, min(header.lines, lines), "header", reason)
    for key in header.keys if brought else ():
        trusted = brought.public_keys().get(key.keyid) if brought else None
        if trusted and trusted.role is not key.role:
            reason = f"line 1: key {key.keyid[:16]}… as {key.role.value}, you trust it as {trusted.role.value}"
            yield Broken(Kind.KEY_MISUSE, 0, "header", reason)


def _place(line: bytes) -> Place:
    value = _object(line, {"envelope", "nodes", "note", "seq"})
    seq, nodes = value["seq"], value["nodes"]
    texts = [value["envelope"], value["note"], *(cast("list[Json]", nodes) or [])]
    if type(seq) is not int or not all(text is None or isinstance(text, str) for text in texts):
        raise ValueError("values of other types")
    return Place(
        seq,
        envelope=cast("str | None", value["envelope"]),
        note=cast("str | None", value["note"]),
        nodes=None if nodes is None else tuple(decode(node) for node in cast("list[str]", nodes)),
    )


def _object(line: bytes, names: set[str]) -> JsonObject:
    value = json.loads(line)
    if not isinstance(value, dict) or set(value) != names:
        raise ValueError("another set of fields")
    if canonical_json(value) + b"\n" != line:
        raise ValueError("another spelling")
    return value
