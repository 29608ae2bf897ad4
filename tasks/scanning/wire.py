"""Protocol Buffers' wire format, walked by a message's schema; payloads are told by place and size, not read."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from tasks.scanning.finding import unreadable
from tasks.scanning.limits import MAX_STRING
from tasks.scanning.region import Region

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_VARINT = 10

Schema: TypeAlias = dict[int, str]


@dataclass(frozen=True)
class Field:
    """One field: `value` of numbers, `content` of everything with a length."""

    number: int
    wire: int
    value: int
    content: Region

    def text(self) -> str:
        """A short text or name."""
        if self.content.size > MAX_STRING:
            raise unreadable(f"a text of {self.content.size} bytes", "too-large")
        return self.content.exactly(0, self.content.size).decode("utf-8", "surrogateescape")

    def integers(self) -> Iterator[int]:
        """A repeated integer, packed or one by one."""
        if self.wire != _BYTES:
            yield self.value
            return
        position = 0
        while position < self.content.size:
            value, position = _varint(self.content, position)
            yield value


def fields(message: Region) -> Iterator[Field]:
    """Every field in the order it stands; Refused where the bytes are no message."""
    nothing = message.part(0, 0)
    position = 0
    while position < message.size:
        tag, position = _varint(message, position)
        number, wire = tag >> 3, tag & 7
        if not 0 < number < 1 << 29:
            raise unreadable(f"field {number}", "bad-protobuf")
        if wire == _VARINT:
            value, position = _varint(message, position)
            yield Field(number, wire, value, nothing)
        elif wire == _BYTES:
            size, position = _varint(message, position)
            yield Field(number, wire, 0, message.part(position, size))
            position += size
        elif wire in (_FIXED32, _FIXED64):
            size = 4 if wire == _FIXED32 else 8
            value = int.from_bytes(message.exactly(position, size), "little")
            yield Field(number, wire, value, message.part(position, size))
            position += size
        else:
            raise unreadable(f"wire type {wire}", "bad-protobuf")


def _varint(message: Region, position: int) -> tuple[int, int]:
    """The number at `position`, and where the next field starts."""
    value = 0
    for place, byte in enumerate(message.read(position, _MAX_VARINT)):
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value & (1 << 64) - 1, position + place + 1
    raise unreadable("a number that does not end", "bad-protobuf")
