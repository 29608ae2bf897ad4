"""gzip, bzip2, xz, lzma, zlib, LZ4 and Zstandard, unpacked to disk within limits and judged by what is inside."""

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
_MAGICS = {
    "gzip": b"\x1f\x8b\x08",
    "xz": b"\xfd7zXZ\0",
    "lz4": b"\x04\x22M\x18",
    "zstandard": b"\x28\xb5\x2f\xfd",
}
_SKIPPED = b"\x2aM\x18"
_ZSTANDARD_WINDOW = 128 << 20
# Four bytes may stand for a block of 128 KiB (RFC 8878, 3.1.1.2), so this much is at most 32 MiB at once.
_ZSTANDARD_BITE = 1_024


class _Unpacker(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes | None: ...

    def decompress(self, data: Any, max_length: int = ..., /) -> bytes: ...


def compression(region: Region) -> str | None:
    """`gzip`, `bzip2`, `xz`, `lzma`, `lz4`, `zstandard` or `zlib`, by the first bytes."""
    head = region.read(0, 13)
    for name, magic in _MAGICS.items():
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
    stream, carried = unpacker(), b""
    try:
        for block in region.blocks():
            data, carried = carried + block, b""
            while data:
                if stream.eof and len(data) < len(_MAGICS["lz4"]):
                    carried, data = data, b""
                    continue
                if stream.eof:
                    _check_next(data)
                    stream = unpacker()
                yield from _pieces(stream, data)
                data = (stream.unused_data or b"") if stream.eof else b""
    except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError, RuntimeError, MemoryError) as error:
        raise unreadable(f"broken, or something behind its end: {error}", "bad-compression") from error
    if not stream.eof or carried:
        raise unreadable("cut short", "truncated")


def _check_next(data: bytes) -> None:
    """LZ4 and Zstandard pass over frames of a kind that may hold anything (RFC 8878, 3.1.2)."""
    if data[1:4] == _SKIPPED and data[0] >> 4 == 5:
        raise ValueError("a frame that readers pass over")


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


class _Zstandard:
    """One frame, a bite at a time: the library itself knows no limit to what it gives at once."""

    def __init__(self) -> None:
        from zstandard import ZstdDecompressor

        self._frame = ZstdDecompressor(max_window_size=_ZSTANDARD_WINDOW).decompressobj()
        self._waiting = b""

    @property
    def eof(self) -> bool:
        return self._frame.eof

    @property
    def unused_data(self) -> bytes:
        return self._frame.unused_data + self._waiting

    def decompress(self, data: bytes, _: int = -1, /) -> bytes:
        """Nothing only where all of `data` was taken."""
        from zstandard import ZstdError

        self._waiting += data
        at, piece = 0, b""
        try:
            while not piece and not self.eof and at < len(self._waiting):
                piece = self._frame.decompress(self._waiting[at : at + _ZSTANDARD_BITE])
                at += _ZSTANDARD_BITE
        except ZstdError as error:
            raise ValueError(str(error)) from error
        self._waiting = self._waiting[at:]
        return piece


def _lz4() -> _Unpacker:
    from lz4.frame import LZ4FrameDecompressor

    made: _Unpacker = LZ4FrameDecompressor()
    return made


_UNPACKERS: dict[str, Callable[[], _Unpacker]] = {
    "gzip": lambda: zlib.decompressobj(31),
    "zlib": lambda: zlib.decompressobj(15),
    "bzip2": bz2.BZ2Decompressor,
    "lz4": _lz4,
    "zstandard": _Zstandard,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _LZMA_MEMORY),
    "lzma": lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, _LZMA_MEMORY),
}
