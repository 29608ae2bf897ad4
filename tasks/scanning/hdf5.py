"""HDF5 as Keras writes it: groups and numbers of this file alone, and a configuration that passes by itself.

Walked from the superblock through every object. Refused are links and data in other files, filters that HDF5 would
load from a library, attributes that hold a pickle, and structures this walk cannot follow.
(HDF5 File Format Specification 3.0; sections are named below.)
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tasks.scanning.finding import Finding, Refused, Severity, finding, unreadable
from tasks.scanning.json_text import parse_json
from tasks.scanning.keras_config import scan_config
from tasks.scanning.limits import MAX_HDF5_OBJECTS, MAX_JSON
from tasks.scanning.look import Look
from tasks.scanning.pickles import is_pickle
from tasks.scanning.region import Region, in_memory

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_UNDEFINED = (1 << 64) - 1
_FIXED_TEXT, _VARIABLE, _SHARED = 3, 9, 0x2
_EXTERNAL_LINK, _SOFT_LINK = 64, 1
_VIRTUAL = 3
_OWN_FILTERS = {1, 2, 3, 4, 5, 6}  # deflate, shuffle, fletcher32, szip, nbit, scale-offset


def is_hdf5(region: Region) -> bool:
    """The signature in front."""
    return region.read(0, 8) == SIGNATURE


def hides_hdf5(region: Region) -> bool:
    """The signature at 512, 1024, 2048 …, where HDF5 looks for it too (II.A)."""
    offset = 512
    while offset < region.size:
        if region.read(offset, 8) == SIGNATURE:
            return True
        offset *= 2
    return False


def scan_hdf5(region: Region, _: Look) -> Iterator[Finding]:
    """Every object that can be reached."""
    yield from _Walk(region).findings()


@dataclass(frozen=True)
class _Message:
    kind: int
    flags: int
    data: bytes


class _Walk:
    """One walk over all objects of a file."""

    def __init__(self, region: Region) -> None:
        self._region = region
        self._seen: set[int] = set()
        self._open: list[int] = []
        self._nodes: set[int] = set()

    def findings(self) -> Iterator[Finding]:
        self._open.append(self._root())
        while self._open:
            address = self._open.pop()
            if address in self._seen:
                continue
            self._seen.add(address)
            if len(self._seen) > MAX_HDF5_OBJECTS:
                raise unreadable(f"more than {MAX_HDF5_OBJECTS} objects", "too-large")
            for message in self._messages(address):
                handler = _HANDLERS.get(message.kind)
                if handler is not None:
                    yield from handler(self, message)

    def _root(self) -> int:
        """Section II.A: where the root group's header lies."""
        head = self._region.exactly(0, 96 if self._region.size >= 96 else 48)
        version = head[8]
        if version in (0, 1):
            widths, base, end, root = head[13:15], 24, 40, 64
        elif version in (2, 3):
            widths, base, end, root = head[9:11], 12, 28, 36
        else:
            raise unreadable(f"superblock version {version}", "bad-hdf5")
        shift = 4 if version == 1 else 0
        if widths != b"\x08\x08" or _number(head, base + shift) != 0:
            raise unreadable("addresses of another width, or a user block", "bad-hdf5")
        if _number(head, end + shift) != self._region.size:
            raise Refused(
                "trailing-bytes", f"HDF5 ends at {_number(head, end + shift)}, the file at {self._region.size}"
            )
        return _number(head, root + shift)

    def _messages(self, address: int) -> Iterator[_Message]:
        """Section IV.A: version 1 or 2, with continuations."""
        head = self._region.exactly(address, 16)
        is_new = head[:4] == b"OHDR"
        if is_new:
            flags = head[5]
            width = 1 << (flags & 3)
            start = address + 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
            size = int.from_bytes(self._region.exactly(start, width), "little")
            blocks, has_order = [(start + width, size)], bool(flags & 4)
        elif head[0] == 1:
            blocks, has_order = [(address + 16, _number(head, 8, 4))], False
        else:
            raise unreadable(f"an object header of another kind at {address}", "bad-hdf5")
        count = 0
        while blocks:
            offset, size = blocks.pop()
            for message in _split(self._region.part(offset, size), is_new, has_order):
                count += 1
                if count > MAX_HDF5_OBJECTS:
                    raise unreadable("an object of too many messages", "too-large")
                if message.kind == 0x10:
                    place, length = _number(message.data, 0), _number(message.data, 8)
                    blocks.append((place + 4, length - 8) if is_new else (place, length))
                else:
                    yield message

    def _symbol_table(self, message: _Message) -> Iterator[Finding]:
        """Section III.A and III.C: a group's members by B-tree."""
        tree, heap = _number(message.data, 0), _number(message.data, 8)
        if self._region.exactly(heap, 4) != b"HEAP":
            raise unreadable("no heap where a group's names should be", "bad-hdf5")
        nodes = [tree]
        while nodes:
            address = nodes.pop()
            if address in self._nodes or len(self._nodes) > MAX_HDF5_OBJECTS:
                raise unreadable("a group that holds another's members, or too many", "bad-hdf5")
            self._nodes.add(address)
            head = self._region.exactly(address, 24)
            if head[:4] == b"TREE" and head[4] == 0:
                used = _number(head, 6, 2)
                body = self._region.exactly(address + 24, 16 * used + 8)
                nodes.extend(_number(body, 16 * child + 8) for child in range(used))
            elif head[:4] == b"SNOD":
                for place in range(_number(head, 6, 2)):
                    entry = self._region.exactly(address + 8 + 40 * place, 40)
                    if _number(entry, 16, 4) != 2:  # a soft link names another object of this file
                        self._open.append(_number(entry, 8))
            else:
                raise unreadable("no group where one should be", "bad-hdf5")
        return iter(())

    def _link(self, message: _Message) -> Iterator[Finding]:
        """Section IV.A.2.g."""
        data, flags, position = message.data, message.data[1], 2
        kind = data[position] if flags & 8 else 0
        position += bool(flags & 8) + (8 if flags & 4 else 0) + bool(flags & 0x10)
        width = 1 << (flags & 3)
        position += width + _number(data, position, width)
        if kind >= _EXTERNAL_LINK:
            yield finding("hdf5-external", "a link into another file", Severity.CRITICAL)
        elif kind != _SOFT_LINK:
            self._open.append(_number(data, position))

    def _link_info(self, message: _Message) -> Iterator[Finding]:
        position = 2 + (8 if message.data[1] & 1 else 0)
        return self._dense(message.data, position, "a group")

    def _attribute_info(self, message: _Message) -> Iterator[Finding]:
        position = 2 + (2 if message.data[1] & 1 else 0)
        return self._dense(message.data, position, "attributes")

    def _dense(self, data: bytes, position: int, what: str) -> Iterator[Finding]:
        if _number(data, position) != _UNDEFINED:
            yield finding("bad-hdf5", f"{what} stored densely, which is not followed", Severity.UNREADABLE)

    def _elsewhere(self, _: _Message) -> Iterator[Finding]:
        yield finding("hdf5-external", "data in another file", Severity.CRITICAL)

    def _layout(self, message: _Message) -> Iterator[Finding]:
        """Section IV.A.2.i: a virtual data set is made of others, in any file."""
        if message.data[0] >= 3 and message.data[1] == _VIRTUAL:
            yield finding("hdf5-external", "a virtual data set, of data in other files", Severity.CRITICAL)

    def _filters(self, message: _Message) -> Iterator[Finding]:
        """Section IV.A.2.l."""
        data, version = message.data, message.data[0]
        position = 8 if version == 1 else 2
        for _ in range(data[1]):
            kind = _number(data, position, 2)
            if kind not in _OWN_FILTERS:
                yield finding("hdf5-filter", f"filter {kind}, code of a library beside HDF5", Severity.CRITICAL)
            has_name = version == 1 or kind >= 256
            name = _number(data, position + 2, 2) if has_name else 0
            values_at = position + (6 if has_name else 4)
            values = _number(data, values_at, 2)
            position = values_at + 2 + name + 4 * values
            position += 4 if version == 1 and values % 2 else 0

    def _attribute(self, message: _Message) -> Iterator[Finding]:
        """Section IV.A.2.m."""
        data, version = message.data, message.data[0]
        name_size, type_size, space_size = (_number(data, at, 2) for at in (2, 4, 6))
        position = 9 if version == 3 else 8
        pad = 8 if version == 1 else 1
        name = data[position : position + name_size].rstrip(b"\0").decode("utf-8", "replace")
        type_at = position + -(-name_size // pad) * pad
        space_at = type_at + -(-type_size // pad) * pad
        value_at = space_at + -(-space_size // pad) * pad
        if version != 1 and data[1]:
            raise unreadable(f"attribute {name} of a shared type", "bad-hdf5")
        rank = data[space_at + 1] if space_size > 1 else 0
        yield from self._text(name, data[type_at : type_at + type_size], data[value_at:], rank)

    def _text(self, name: str, kind: bytes, value: bytes, rank: int) -> Iterator[Finding]:
        family = kind[0] & 0xF if kind else 0
        if family == _FIXED_TEXT:
            size = _number(kind, 4, 4)
            texts = [value[at : at + size].rstrip(b"\0") for at in range(0, len(value), size or 1)] if size else []
        elif family == _VARIABLE:
            texts = [self._from_heap(value[at : at + 16]) for at in range(0, len(value) - 15, 16)]
        else:
            texts = []
        if "config" in name and (rank or len(texts) != 1):
            yield finding("bad-hdf5", f"attribute {name}, which is no single text", Severity.UNREADABLE)
        for text in texts:
            if text.lstrip()[:1] in (b"{", b"["):
                yield from scan_config(parse_json(text))
            elif "config" in name:
                yield finding("bad-hdf5", f"attribute {name}, which is no JSON", Severity.UNREADABLE)
            elif is_pickle(in_memory(text)):
                yield finding("hdf5-pickle", f"attribute {name} holds a pickle", Severity.CRITICAL)

    def _from_heap(self, reference: bytes) -> bytes:
        """Section III.E: one object of the global heap."""
        size, heap, wanted = _number(reference, 0, 4), _number(reference, 4), _number(reference, 12, 4)
        if not size:
            return b""
        head = self._region.exactly(heap, 16)
        if head[:4] != b"GCOL":
            raise unreadable("no heap where a text should be", "bad-hdf5")
        position, end = heap + 16, heap + _number(head, 8)
        while position + 16 <= end:
            entry = self._region.exactly(position, 16)
            index, length = _number(entry, 0, 2), _number(entry, 8)
            if index == wanted and index:
                if length > MAX_JSON:
                    raise unreadable(f"a text of {length} bytes", "too-large")
                return self._region.exactly(position + 16, length)[:size].rstrip(b"\0")
            if not index:
                break
            position += 16 + -(-length // 8) * 8
        raise unreadable("a text that is not where it should be", "bad-hdf5")


def _split(block: Region, is_new: bool, has_order: bool) -> Iterator[_Message]:
    position = 0
    head_size = (6 if has_order else 4) if is_new else 8
    while position + head_size <= block.size:
        head = block.exactly(position, head_size)
        kind = head[0] if is_new else _number(head, 0, 2)
        size = _number(head, 1 if is_new else 2, 2)
        flags = head[3] if is_new else head[4]
        data = block.exactly(position + head_size, size)
        if kind and flags & _SHARED:
            raise unreadable("a message shared from elsewhere", "bad-hdf5")
        yield _Message(kind, flags, data)
        position += head_size + size


def _number(data: bytes, at: int, width: int = 8) -> int:
    if at + width > len(data):
        raise unreadable("a structure that is cut short", "bad-hdf5")
    return int.from_bytes(data[at : at + width], "little")


_HANDLERS: Mapping[int, Callable[[_Walk, _Message], Iterator[Finding]]] = {
    0x02: _Walk._link_info,
    0x06: _Walk._link,
    0x07: _Walk._elsewhere,
    0x08: _Walk._layout,
    0x0B: _Walk._filters,
    0x0C: _Walk._attribute,
    0x11: _Walk._symbol_table,
    0x15: _Walk._attribute_info,
}
