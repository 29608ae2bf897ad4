"""A zip read so that every reader sees the same members: the whole file is accounted for, and both directories agree.

Refused are prefixes, gaps, overlaps, trailing bytes, comments, encryption, duplicate and escaping names, links, and
local headers that tell another story than the central directory. (APPNOTE.TXT 6.3.10, sections 4.3 and 4.4.)
"""

import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from tasks.scanning.finding import Refused, unreadable
from tasks.scanning.limits import BLOCK, MAX_MEMBERS
from tasks.scanning.look import check_ratio
from tasks.scanning.region import Region

STORED, DEFLATED = 0, 8
_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_END64, _LOCATOR64, _DESCRIPTOR = b"PK\x06\x06", b"PK\x06\x07", b"PK\x07\x08"
_MAX_TAIL = 22 + 0xFFFF
_HAS_DESCRIPTOR, _STRANGE_FLAGS = 0x8, 0x1 | 0x20 | 0x40 | 0x2000
_FULL = 0xFFFFFFFF
_UNICODE_PATH = 0x7075
_UNIX = 3


@dataclass(frozen=True)
class Member:
    """One file of a zip, checked against its local header. start: of its packed bytes."""

    name: str
    method: int
    crc: int
    packed: int
    size: int
    start: int

    @property
    def is_folder(self) -> bool:
        return self.name.endswith("/")


def has_zip_end(region: Region) -> bool:
    """Whether a reader that looks from the end, as Python's does, would take this for a zip."""
    tail_at = max(0, region.size - _MAX_TAIL)
    tail = region.read(tail_at, _MAX_TAIL)
    at = tail.rfind(_END)
    if at < 0 or at + 22 > len(tail):
        return False
    count, size = struct.unpack("<H L", tail[at + 10 : at + 12] + tail[at + 12 : at + 16])
    directory = tail_at + at - size
    return (count == 0 and size == 0) or (directory >= 0 and region.read(directory, 4) in (_CENTRAL, _LOCATOR64))


def read_directory(region: Region) -> list[Member]:
    """Every member, or Refused."""
    entries_at, entries_size, count, end_at = _end(region)
    entries = _central(region.part(entries_at, entries_size), count)
    members = []
    position = 0
    for entry in sorted(entries, key=lambda entry: entry.offset):
        if entry.offset != position:
            raise Refused("zip-layout", f"{entry.name}: starts at {entry.offset}, expected {position}")
        member = _checked(region, entry)
        members.append(member)
        position = _after(region, entry, member)
    if position != entries_at:
        raise Refused("zip-layout", f"{entries_at - position} bytes between the members and their directory")
    if end_at != entries_at + entries_size and not _is_zip64_tail(region, entries_at + entries_size, end_at):
        raise Refused("zip-layout", "bytes between the directory and its end")
    _check_names(members)
    return members


def content(region: Region, member: Member) -> Iterator[bytes]:
    """The member's bytes, a block at a time; Refused where size, checksum or ratio do not hold."""
    packed = region.part(member.start, member.packed)
    blocks = packed.blocks() if member.method == STORED else _inflated(packed, member)
    size = crc = 0
    for block in blocks:
        size += len(block)
        crc = zlib.crc32(block, crc)
        if size > member.size:
            raise unreadable(f"{member.name}: more than the {member.size} bytes announced", "zip-layout")
        check_ratio(size, member.packed)
        yield block
    if size != member.size:
        raise unreadable(f"{member.name}: {size} bytes, {member.size} announced", "zip-layout")
    if crc != member.crc:
        raise unreadable(f"{member.name}: checksum {crc:08x}, {member.crc:08x} announced", "bad-checksum")


def _inflated(packed: Region, member: Member) -> Iterator[bytes]:
    inflate = zlib.decompressobj(-15)
    try:
        for block in packed.blocks():
            data = inflate.decompress(block, BLOCK)
            while data:
                yield data
                data = inflate.decompress(inflate.unconsumed_tail, BLOCK)
    except zlib.error as error:
        raise unreadable(f"{member.name}: {error}", "bad-compression") from error
    if not inflate.eof or inflate.unused_data:
        raise unreadable(f"{member.name}: its packed bytes do not end where they should", "bad-compression")


@dataclass(frozen=True)
class _Entry:
    name: str
    raw_name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int


def _end(region: Region) -> tuple[int, int, int, int]:
    """Where the central directory lies, its bytes and entries, and where the end record starts."""
    if region.size < 22:
        raise unreadable("shorter than a zip can be", "truncated")
    at = region.size - 22
    record = region.exactly(at, 22)
    if record[:4] != _END:
        raise Refused("zip-layout", "no zip directory at the very end: cut short, or something comes after it")
    disk, start_disk, here, count, size, offset, comment = struct.unpack("<4H2LH", record[4:])
    if comment or disk or start_disk or here != count:
        raise Refused("zip-layout", "a comment or several disks")
    if region.read(at - 20, 4) == _LOCATOR64:
        end64 = int.from_bytes(region.exactly(at - 12, 8), "little")
        record = region.exactly(end64, 56)
        if record[:4] != _END64:
            raise Refused("zip-layout", "no zip64 directory where its locator says")
        here64, count64, size64, offset64 = struct.unpack("<4Q", record[24:56])
        ours = ((count, count64, 0xFFFF), (size, size64, _FULL), (offset, offset64, _FULL))
        if here64 != count64 or any(short not in (long, full) for short, long, full in ours):
            raise Refused("zip-layout", "two directories that differ")
        count, size, offset = count64, size64, offset64
    if count == 0:
        raise unreadable("a zip without members", "empty")
    if count > MAX_MEMBERS:
        raise unreadable(f"{count} members; at most {MAX_MEMBERS} are looked at", "archive-limit")
    return offset, size, count, at


def _is_zip64_tail(region: Region, start: int, end: int) -> bool:
    """One zip64 record and its locator, and nothing else."""
    if end - start < 76 or region.read(start, 4) != _END64:
        return False
    size = int.from_bytes(region.exactly(start + 4, 8), "little")
    return start + 12 + size + 20 == end and int.from_bytes(region.exactly(end - 12, 8), "little") == start


def _central(region: Region, count: int) -> list[_Entry]:
    entries, position = [], 0
    for _ in range(count):
        head = region.exactly(position, 46)
        if head[:4] != _CENTRAL:
            raise unreadable("the zip directory is broken", "zip-layout")
        made_by, _, flags, method, _, _, crc, packed, size, name_size, extra_size, comment_size = struct.unpack(
            "<6H3L3H", head[4:34]
        )
        offset = int.from_bytes(head[42:46], "little")
        raw = region.exactly(position + 46, name_size)
        extra = _extra(region.exactly(position + 46 + name_size, extra_size))
        packed, size, offset = _long_sizes(extra, packed, size, offset)
        mode = int.from_bytes(head[40:42], "little")
        if made_by >> 8 == _UNIX and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise Refused("archive-link", f"{_name(raw)}: a link or device")
        entries.append(_Entry(_name(raw), raw, flags, method, crc, packed, size, offset))
        position += 46 + name_size + extra_size + comment_size
    if position != region.size:
        raise Refused("zip-layout", "more in the directory than its members")
    return entries


def _long_sizes(extra: dict[int, bytes], packed: int, size: int, offset: int) -> tuple[int, int, int]:
    """The sizes, from the zip64 field where the short ones are full (4.5.3)."""
    long = extra.get(1, b"")
    values = [int.from_bytes(long[at : at + 8], "little") for at in range(0, len(long) - 7, 8)]
    if _UNICODE_PATH in extra:
        raise Refused("zip-layout", "a second name for a member")
    found = []
    for short in (size, packed, offset):
        if short == _FULL and not values:
            raise unreadable("a zip64 size is missing", "zip-layout")
        found.append(values.pop(0) if short == _FULL else short)
    return found[1], found[0], found[2]


def _checked(region: Region, entry: _Entry) -> Member:
    """The member with its local header, which must say the same."""
    head = region.exactly(entry.offset, 30)
    _, flags, method, _, _, crc, packed, size, name_size, extra_size = struct.unpack("<5H3L2H", head[4:])
    name = region.exactly(entry.offset + 30, name_size)
    extra = _extra(region.exactly(entry.offset + 30 + name_size, extra_size), is_padded=True)
    if head[:4] != _LOCAL or name != entry.raw_name or method != entry.method or flags != entry.flags:
        raise Refused("zip-layout", f"{entry.name}: its two headers differ")
    if flags & _STRANGE_FLAGS:
        raise unreadable(f"{entry.name}: encrypted or patched", "encrypted")
    if method not in (STORED, DEFLATED):
        raise unreadable(f"{entry.name}: compression method {method}", "unknown-compression")
    if _FULL in (packed, size):
        packed, size, _ = _long_sizes(extra, packed, size, 0)
    has_descriptor = bool(flags & _HAS_DESCRIPTOR)
    same = (crc, packed, size) == (entry.crc, entry.packed, entry.size)
    if not same and not (has_descriptor and not (crc or packed or size)):
        raise Refused("zip-layout", f"{entry.name}: its two headers differ in size or checksum")
    if method == STORED and entry.packed != entry.size:
        raise Refused("zip-layout", f"{entry.name}: stored in {entry.packed} bytes, {entry.size} announced")
    start = entry.offset + 30 + name_size + extra_size
    region.part(start, entry.packed)
    return Member(entry.name, method, entry.crc, entry.packed, entry.size, start)


def _after(region: Region, entry: _Entry, member: Member) -> int:
    """Where the next member must start: behind the bytes and, where there is one, their descriptor (4.3.9)."""
    end = member.start + member.packed
    if not entry.flags & _HAS_DESCRIPTOR:
        return end
    for width in (4, 8):
        sizes = member.crc.to_bytes(4, "little") + b"".join(
            number.to_bytes(8, "little")[:width] for number in (member.packed, member.size)
        )
        for record in (_DESCRIPTOR + sizes, sizes):
            follows = region.read(end + len(record), 4)
            if region.read(end, len(record)) == record and follows in (_LOCAL, _CENTRAL):
                return end + len(record)
    return end


def _extra(data: bytes, *, is_padded: bool = False) -> dict[int, bytes]:
    fields: dict[int, bytes] = {}
    while len(data) >= 4:
        kind, size = struct.unpack("<2H", data[:4])
        if kind in fields or size > len(data) - 4:
            raise Refused("zip-layout", "extra fields that are broken or twice there")
        fields[kind], data = data[4 : 4 + size], data[4 + size :]
    if data and not is_padded:
        raise Refused("zip-layout", "extra fields that are broken")
    return fields


def _name(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused("archive-name", "a member's name that is not UTF-8") from error


def _check_names(members: list[Member]) -> None:
    seen: set[str] = set()
    for member in members:
        check_name(member.name)
        # Some readers fold case.
        folded = member.name.casefold().rstrip("/")
        if folded in seen:
            raise Refused("archive-name", f"{member.name}: twice in one archive")
        seen.add(folded)
        if member.is_folder and member.size:
            raise Refused("archive-name", f"{member.name}: a folder with content")


def check_name(name: str) -> None:
    """Refuses a name that leads out of the folder it is unpacked to."""
    parts = name.rstrip("/").split("/")
    if not name or name.startswith("/") or "\\" in name or "\0" in name or ":" in parts[0]:
        raise Refused("archive-name", f"{name!r}: leads out of its folder")
    if any(part in ("", ".", "..") for part in parts):
        raise Refused("archive-name", f"{name!r}: leads out of its folder")
