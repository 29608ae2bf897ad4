"""GGUF: counts that fit the file, tensors that lie in it side by side, and a chat template that only formats text.

(Format: github.com/ggml-org/ggml, docs/gguf.md.)
"""

import math
from collections.abc import Iterator

from tasks.scanning.chat_template import scan_template
from tasks.scanning.finding import Finding, Refused, finding, unreadable
from tasks.scanning.limits import MAX_DIMENSIONS, MAX_ELEMENTS, MAX_KEYS, MAX_STRING, MAX_TEMPLATE, MAX_TENSORS
from tasks.scanning.look import Look
from tasks.scanning.region import Region

_MAGIC, _VERSIONS = b"GGUF", (2, 3)
_STRING, _ARRAY = 8, 9
_VALUE_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_UNSIGNED_32 = 4
# type: (items a block, bytes a block), of ggml.c's type traits
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292), 16: (256, 66),
    17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136),
    24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54),
    35: (256, 66), 39: (32, 17),
}  # fmt: skip
_TEMPLATE = "tokenizer.chat_template"
_ALIGNMENT, _DEFAULT_ALIGNMENT, _MAX_ALIGNMENT = "general.alignment", 32, 1 << 16


def is_gguf(region: Region) -> bool:
    return region.read(0, 4) == _MAGIC


def scan_gguf(region: Region, _: Look) -> Iterator[Finding]:
    """Keys and tensor descriptions are read; of the tensors only where they lie."""
    reader = _Reader(region)
    version, tensors, keys = reader.unsigned(4), reader.unsigned(8), reader.unsigned(8)
    if version not in _VERSIONS:
        raise unreadable(f"version {version}", "bad-gguf")
    if keys > MAX_KEYS or tensors > MAX_TENSORS:
        raise unreadable(f"{keys} keys and {tensors} tensors", "too-large")
    alignment, seen = _DEFAULT_ALIGNMENT, set[str]()
    for _key in range(keys):
        name = reader.string(MAX_STRING)
        if name in seen:
            raise Refused("duplicate-key", f"{name}: twice in one file")
        seen.add(name)
        kind = reader.unsigned(4)
        if name == _TEMPLATE or name.startswith(f"{_TEMPLATE}."):
            yield from _template(reader, kind)
        elif name == _ALIGNMENT and kind == _UNSIGNED_32:
            alignment = reader.unsigned(4)
        else:
            reader.skip_value(kind, 0)
    if not 8 <= alignment <= _MAX_ALIGNMENT or alignment % 8:
        raise unreadable(f"alignment {alignment}", "bad-gguf")
    yield from _layout(region, _tensors(reader, tensors), reader.position, alignment)


def _template(reader: "_Reader", kind: int) -> Iterator[Finding]:
    if kind != _STRING:
        raise unreadable("a chat template that is no text", "bad-gguf")
    yield from scan_template(reader.string(MAX_TEMPLATE))


def _tensors(reader: "_Reader", count: int) -> list[tuple[int, int, str]]:
    """Offset, bytes and name of each tensor, by offset."""
    spans, names = [], set[str]()
    for _ in range(count):
        name, dimensions = reader.string(1 << 16), reader.unsigned(4)
        if dimensions > MAX_DIMENSIONS or name in names:
            raise unreadable(f"{name}: {dimensions} dimensions, or twice there", "bad-gguf")
        names.add(name)
        sizes = [reader.unsigned(8) for _ in range(dimensions)]
        kind, offset = reader.unsigned(4), reader.unsigned(8)
        items, bytes_a_block = _BLOCKS.get(kind, (0, 0))
        if not items or (sizes and sizes[0] % items):
            raise unreadable(f"{name}: type {kind} with {sizes}", "bad-gguf")
        spans.append((offset, math.prod(sizes) // items * bytes_a_block, name))
    return sorted(spans)


def _layout(region: Region, spans: list[tuple[int, int, str]], position: int, alignment: int) -> Iterator[Finding]:
    """Aligned, side by side, and nothing behind the last but padding."""
    start = -(-position // alignment) * alignment
    expected = 0
    for offset, size, name in spans:
        if offset != expected:
            raise Refused("tensor-layout", f"{name}: starts at {offset}, expected {expected}")
        if start + offset + size > region.size:
            raise Refused("tensor-size", f"{name}: {size} bytes reach past the end of the file")
        expected = -(-(offset + size) // alignment) * alignment
    end = start + expected if spans else position
    last = start + spans[-1][0] + spans[-1][1] if spans else position
    if region.size > max(end, start) or (region.size > last and not region.is_zero(last)):
        yield finding("trailing-bytes", f"{region.size - last} bytes behind the last tensor")


class _Reader:
    """Values one after another."""

    def __init__(self, region: Region) -> None:
        self._region = region
        self.position = 4
        self._elements = 0

    def unsigned(self, width: int) -> int:
        data = self._region.exactly(self.position, width)
        self.position += width
        return int.from_bytes(data, "little")

    def string(self, limit: int) -> str:
        size = self.unsigned(8)
        if size > limit:
            raise unreadable(f"a text of {size} bytes", "too-large")
        data = self._region.exactly(self.position, size)
        self.position += size
        return data.decode("utf-8", "surrogateescape")

    def skip_value(self, kind: int, depth: int) -> None:
        if kind == _STRING:
            self._skip(self.unsigned(8))
        elif kind == _ARRAY and depth < MAX_DIMENSIONS:
            inner, count = self.unsigned(4), self.unsigned(8)
            self._elements += count
            if self._elements > MAX_ELEMENTS:
                raise unreadable(f"an array of {count} values", "too-large")
            if inner in _VALUE_BYTES:
                self._skip(count * _VALUE_BYTES[inner])
            else:
                for _ in range(count):
                    self.skip_value(inner, depth + 1)
        elif kind in _VALUE_BYTES:
            self._skip(_VALUE_BYTES[kind])
        else:
            raise unreadable(f"value type {kind}", "bad-gguf")

    def _skip(self, size: int) -> None:
        self._region.part(self.position, size)
        self.position += size
