"""Tar archives: plain files and folders only, each scanned by its content; nothing hidden behind the end."""

import tarfile
from collections.abc import Iterator
from dataclasses import replace

from tasks.scanning.finding import Finding, Refused, Severity, finding, printable, unreadable
from tasks.scanning.look import Look
from tasks.scanning.region import Region
from tasks.scanning.zip_directory import check_name

_BLOCK = 512
_FILES, _FOLDER = (b"0", b"\0"), b"5"
_LONG_NAME, _PAX, _PAX_FOR_ALL = b"L", b"x", b"g"
_MAX_HEADER = 1 << 20
# Anything else, such as a size, would be read differently by readers that do not know the field.
_PAX_FIELDS = {"path", "mtime", "atime", "ctime", "uid", "gid", "uname", "gname", "comment"}


def is_tar(region: Region) -> bool:
    """A first header whose checksum holds, or tar's own mark."""
    return _header(region, 0) is not None or region.read(257, 5) == b"ustar"


def scan_tar(region: Region, look: Look) -> Iterator[Finding]:
    """Header by header: links, devices, sparse files and escaping names are refused."""
    position, name, seen = 0, "", set[str]()
    while region.size - position >= _BLOCK and not _is_end(region, position):
        header = _header(region, position)
        if header is None:
            raise unreadable(f"no tar header at {position}", "bad-tar")
        content = region.part(position + _BLOCK, header.size)
        position += _BLOCK + -(-header.size // _BLOCK) * _BLOCK
        if header.type in (_LONG_NAME, _PAX):
            name = _long_name(header, content)
            continue
        if header.type == _PAX_FOR_ALL:
            if _long_name(header, content):
                raise Refused("archive-name", "one name for all members")
            continue
        name, shown = "", (name or header.name).removeprefix("./")
        if header.type not in (*_FILES, _FOLDER):
            kind = header.type.decode("latin-1")
            yield finding("archive-link", f"{shown}: a link, device or sparse file (type {kind})", Severity.CRITICAL)
            continue
        if shown.strip("/.") == "" and header.type == _FOLDER:
            continue
        check_name(shown)
        if header.type in _FILES:
            if shown.casefold() in seen:
                raise Refused("archive-name", f"{shown}: twice in one archive")
            seen.add(shown.casefold())
            look.budget.take_member()
            for found in look.into(shown, content).findings:
                yield replace(found, detail=printable(f"{shown}: {found.detail}"))
    if not seen:
        yield finding("empty", "an archive without files", Severity.UNREADABLE)
    if not region.is_zero(position):
        yield finding("trailing-bytes", "something after the archive's end")


def _header(region: Region, position: int) -> tarfile.TarInfo | None:
    try:
        header = tarfile.TarInfo.frombuf(region.read(position, _BLOCK), "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError):
        return None
    return header if header.size >= 0 else None


def _is_end(region: Region, position: int) -> bool:
    return not any(region.read(position, _BLOCK))


def _long_name(header: tarfile.TarInfo, content: Region) -> str:
    """The next member's name, from GNU's long name or POSIX's extended header."""
    if content.size > _MAX_HEADER:
        raise unreadable("a header of more than a megabyte", "bad-tar")
    data = content.exactly(0, content.size)
    if header.type == _LONG_NAME:
        return data.rstrip(b"\0").decode("utf-8", "replace")
    name = ""
    while data:
        length, _, _ = data.partition(b" ")
        if not length.isdigit() or not len(length) < int(length) <= len(data):
            raise unreadable("an extended header that is broken", "bad-tar")
        field, _, value = data[len(length) + 1 : int(length) - 1].decode("utf-8", "replace").partition("=")
        if field not in _PAX_FIELDS:
            raise Refused("archive-link", f"an extended header that sets {field}")
        name = value if field == "path" else name
        data = data[int(length) :]
    return name
