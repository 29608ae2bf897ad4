"""A stretch of a file, read a piece at a time; nothing here holds more than one piece."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from tasks.scanning.finding import unreadable
from tasks.scanning.limits import BLOCK


@dataclass(frozen=True)
class Region:
    """`size` bytes of the seekable `file` from `start` on. Offsets below count from `start`."""

    file: BinaryIO
    start: int
    size: int

    def read(self, offset: int, count: int) -> bytes:
        """At most `count` bytes; fewer where the region ends, none before it begins."""
        if offset < 0:
            return b""
        count = max(0, min(count, self.size - offset))
        self.file.seek(self.start + offset)
        return self.file.read(count)

    def exactly(self, offset: int, count: int) -> bytes:
        """`count` bytes, or the region is refused as cut short."""
        data = self.read(offset, count)
        if len(data) != count:
            raise unreadable(f"cut short: expected {count} bytes at {offset}, found {len(data)}", "truncated")
        return data

    def part(self, offset: int, size: int) -> "Region":
        """A stretch of this one, or a refusal where it reaches past the end."""
        if offset < 0 or size < 0 or offset + size > self.size:
            raise unreadable(f"cut short: bytes {offset} to {offset + size} of {self.size}", "truncated")
        return Region(self.file, self.start + offset, size)

    def blocks(self, offset: int = 0) -> Iterator[bytes]:
        """The bytes from `offset` on, a block at a time."""
        while block := self.read(offset, BLOCK):
            yield block
            offset += len(block)

    def is_zero(self, offset: int) -> bool:
        """Nothing but zero bytes from `offset` on."""
        return not any(block.strip(b"\0") for block in self.blocks(offset))


def in_memory(data: bytes) -> Region:
    """Small content of our own making, such as a canary."""
    return Region(io.BytesIO(data), 0, len(data))


def whole(file: BinaryIO) -> Region:
    """All of a seekable file."""
    return Region(file, 0, file.seek(0, io.SEEK_END))
