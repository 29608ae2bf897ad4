"""gzip, bzip2, xz, lzma and zlib streams, unpacked to disk within limits and judged by what is inside."""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from tasks.scanning.finding import Finding, finding, unreadable
from tasks.scanning.limits import BLOCK
from tasks.scanning.look import Look
from tasks.scanning.region import Region

_LZMA_MEMORY = 256 << 20
_LZMA_DICTIONARY = 1 << 12
_LZMA_SIZES = (b"\xff" * 8, b"\0\0\0")  # not told, or below a terabyte
_BZIP2_BLOCK, _BZIP2_END = b"1AY&SY", b"\x17rE8P\x90"


class _Unpacker(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: Any, max_length: int = ..., /) -> bytes: ...


def compression(region: Region) -> str | None:
    """`gzip`, `bzip2`, `xz`, `lzma` or `zlib`, by the first bytes."""
    head = region.read(0, 13)
    for name, magic in {"gzip": b"\x1f\x8b\x08", "xz": b"\xfd7zXZ\0"}.items():
        if head.startswith(magic):
            return name
    if head[:3] == b"BZh" and head[4:10] in (_BZIP2_BLOCK, _BZIP2_END):
        return "bzip2"
    dictionary = int.from_bytes(head[1:5], "little")
    if head[:1] == b"\x5d" and dictionary >= _LZMA_DICTIONARY and head[5:13].endswith(_LZMA_SIZES):
        return "lzma"
    # RFC 1950, 2.2: method 8 in the low bits, and the two bytes a multiple of 31.
    is_zlib = len(head) > 2 and head[0] == 0x78 and int.from_bytes(head[:2], "big") % 31 == 0
    return "zlib" if is_zlib and _starts(region) else None


def scan_compressed(region: Region, look: Look, name: str) -> tuple[str, list[Finding]]:
    """What is inside: its format and findings."""
    with look.unpacked(_unpacked(region, _UNPACKERS[name]), region.size) as inside:
        if not inside.size:
            return "nothing", [finding("empty", "nothing inside")]
        judged = look.into(look.name.rpartition(".")[0] or look.name, inside)
    return judged.format, list(judged.findings)


def _unpacked(region: Region, unpacker: Callable[[], _Unpacker]) -> Iterator[bytes]:
    """Stream after stream, as `cat a.gz b.gz` makes them; anything else behind the end is refused."""
    stream = unpacker()
    try:
        for block in region.blocks():
            data = block
            while data:
                if stream.eof:
                    stream = unpacker()
                yield from _pieces(stream, data)
                data = stream.unused_data if stream.eof else b""
    except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError, MemoryError) as error:
        raise unreadable(f"broken, or something behind its end: {error}", "bad-compression") from error
    if not stream.eof:
        raise unreadable("cut short", "truncated")


def _pieces(stream: _Unpacker, data: bytes) -> Iterator[bytes]:
    piece = stream.decompress(data, BLOCK)
    while piece:
        yield piece
        tail = getattr(stream, "unconsumed_tail", b"")
        piece = b"" if stream.eof else stream.decompress(tail, BLOCK)


def _starts(region: Region) -> bool:
    try:
        zlib.decompressobj().decompress(region.read(0, 4_096), BLOCK)
    except zlib.error:
        return False
    return True


_UNPACKERS: dict[str, Callable[[], _Unpacker]] = {
    "gzip": lambda: zlib.decompressobj(31),
    "zlib": lambda: zlib.decompressobj(15),
    "bzip2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _LZMA_MEMORY),
    "lzma": lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, _LZMA_MEMORY),
}
