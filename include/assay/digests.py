"""One way to name bytes: lower-case hex SHA-256; one way to serialise JSON before naming it."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from assay.json_types import Json

_BLOCK_BYTES = 1 << 20


def sha256_bytes(data: bytes) -> str:
    """SHA-256 of `data` as 64 lower-case hex digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_stream(stream: BinaryIO) -> str:
    """SHA-256 of what is left in `stream`, read in blocks so that memory stays flat."""
    digest = hashlib.sha256()
    while block := stream.read(_BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as stream:
        return sha256_stream(stream)


def canonical_json(value: Json) -> bytes:
    """UTF-8 JSON with sorted keys and no spaces: equal values give equal bytes.

    Raises ValueError for NaN and infinities, which JSON cannot carry.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def sha256_json(value: Json) -> str:
    """SHA-256 of the canonical JSON of `value`."""
    return sha256_bytes(canonical_json(value))


def sha256_lines(lines: Iterable[str]) -> str:
    """SHA-256 over newline-ended lines; order matters."""
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()
