"""Request bodies are bounded before and after they are unpacked: a small bomb cannot fill the memory."""

import zlib
from typing import Any

from fastapi import Request

from assay.api.answers import Refusal
from assay.errors import AssayError, SpecError

MAX_BODY_BYTES = 4 << 20
TOO_LARGE: dict[int | str, dict[str, Any]] = {
    413: {"model": Refusal, "description": "the body, unpacked, is larger than the API takes"}
}
_GZIP_WINDOW = 31  # zlib: 15 bits of window, 16 for the gzip header


class BodyTooLarge(AssayError):
    """The body is larger than the API takes."""

    exit_code = 2


async def read_body(request: Request, most_bytes: int = MAX_BODY_BYTES) -> bytes:
    """The body, unpacked when it says gzip. Raises BodyTooLarge and, for other encodings or rubbish, SpecError."""
    packed = bytearray()
    async for chunk in request.stream():
        packed += chunk
        if len(packed) > most_bytes:
            raise _too_large(most_bytes)
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("", "identity"):
        return bytes(packed)
    if encoding == "gzip":
        return _gunzip(bytes(packed), most_bytes)
    raise SpecError(f"content-encoding: expected gzip or identity, found {encoding!r}; send it plain")


def _gunzip(packed: bytes, most_bytes: int) -> bytes:
    unpacker = zlib.decompressobj(_GZIP_WINDOW)
    try:
        data = unpacker.decompress(packed, most_bytes)
    except zlib.error as error:
        raise SpecError(f"body: expected gzip, found {error}; send what content-encoding says") from error
    if unpacker.unconsumed_tail:
        raise _too_large(most_bytes)
    if not unpacker.eof:
        raise SpecError("body: expected whole gzip data, found its end missing; send it again")
    return data


def _too_large(most_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(f"body: expected at most {most_bytes} bytes, found more; send less at a time")
