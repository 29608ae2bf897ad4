"""The bytes of a pickle, forwards, a block at a time; payloads are skipped, not read."""

import struct

from tasks.scanning.finding import unreadable
from tasks.scanning.limits import BLOCK, MAX_TEXT_ARGUMENT
from tasks.scanning.region import Region


class PickleStream:
    """`position` is that of the next byte. Every read past the end refuses the pickle as cut short."""

    def __init__(self, region: Region, position: int = 0) -> None:
        self._region = region
        self._block = b""
        self._block_start = position
        self._at = 0

    @property
    def position(self) -> int:
        return self._block_start + self._at

    def at(self, position: int) -> "PickleStream":
        """The same bytes from another place on."""
        return PickleStream(self._region, position)

    @property
    def left(self) -> int:
        return self._region.size - self.position

    def read(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._block):
            self._fill(count)
            end = self._at + count
        data = self._block[self._at : end]
        self._at = end
        return data

    def unsigned(self, width: int) -> int:
        return int.from_bytes(self.read(width), "little")

    def double(self) -> float:
        return float(struct.unpack(">d", self.read(8))[0])

    def skip(self, count: int) -> None:
        """Over `count` bytes without reading them."""
        if count > self.left:
            raise unreadable(f"cut short: {count} bytes announced, {self.left} left", "truncated")
        if self._at + count <= len(self._block):
            self._at += count
        else:
            self._block_start, self._block, self._at = self.position + count, b"", 0

    def payload(self, count: int) -> bytes | None:
        """The next `count` bytes where they are few; else None, and they are skipped."""
        if count <= MAX_TEXT_ARGUMENT:
            return self.read(count)
        self.skip(count)
        return None

    def count_characters(self, count: int) -> int:
        """How many characters the next `count` bytes of UTF-8 are; reads them block by block."""
        if count > self.left:
            raise unreadable(f"cut short: {count} bytes announced, {self.left} left", "truncated")
        characters = 0
        while count:
            block = self.read(min(count, BLOCK))
            characters += len(block.translate(None, _CONTINUATIONS))
            count -= len(block)
        return characters

    def line(self) -> bytes | None:
        """Up to the next newline, without it; None for a line too long to keep."""
        kept = b""
        is_long = False
        while True:
            end = self._block.find(b"\n", self._at)
            if end >= 0:
                kept += self._block[self._at : end] if not is_long else b""
                self._at = end + 1
                return None if is_long or len(kept) > MAX_TEXT_ARGUMENT else kept
            kept += self._block[self._at :] if not is_long else b""
            is_long = is_long or len(kept) > MAX_TEXT_ARGUMENT
            self._at = len(self._block)
            self._fill(1)

    def _fill(self, count: int) -> None:
        start = self.position
        if count > self._region.size - start:
            raise unreadable(f"cut short: expected {count} bytes more, found {self._region.size - start}", "truncated")
        self._block = self._region.read(start, max(count, BLOCK))
        self._block_start, self._at = start, 0


_CONTINUATIONS = bytes(range(0x80, 0xC0))
