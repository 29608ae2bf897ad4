"""NPY files: numbers only, exactly as many bytes as the header announces. (NEP 1, numpy.lib.format.)"""

import ast
import math
from collections.abc import Iterator

from tasks.scanning.finding import Finding, Severity, finding, unreadable
from tasks.scanning.limits import MAX_NPY_HEADER
from tasks.scanning.look import Look
from tasks.scanning.numpy_pickles import parse_code
from tasks.scanning.region import Region

_MAGIC = b"\x93NUMPY"
_LENGTH_BYTES = {b"\1\0": 2, b"\2\0": 4, b"\3\0": 4}
_KEYS = {"descr", "fortran_order", "shape"}
_MAX_FIELDS = 1_000


def is_npy(region: Region) -> bool:
    return region.read(0, 6) == _MAGIC


def scan_npy(region: Region, _: Look) -> Iterator[Finding]:
    """An array of objects is a pickle, whatever is in it."""
    header, start = _header(region)
    shape, items = header["shape"], _item_bytes(header["descr"])
    if not isinstance(shape, tuple) or not all(type(size) is int and size >= 0 for size in shape):
        raise unreadable(f"shape {shape!r}", "bad-npy")
    if items is None:
        yield finding("npy-object", "an array of Python objects, which is a pickle", Severity.CRITICAL)
    elif region.size - start != items * math.prod(shape):
        found = f"{items * math.prod(shape)} bytes announced, {region.size - start} there"
        yield finding("tensor-size", found)


def _header(region: Region) -> tuple[dict[str, object], int]:
    version = region.exactly(6, 2)
    width = _LENGTH_BYTES.get(version)
    if width is None:
        raise unreadable(f"version {version.hex()}", "bad-npy")
    size = int.from_bytes(region.exactly(8, width), "little")
    if size > MAX_NPY_HEADER:
        raise unreadable(f"a header of {size} bytes", "bad-npy")
    text = region.exactly(8 + width, size).decode("utf-8" if version == b"\3\0" else "latin-1", "replace")
    try:
        header = ast.literal_eval(text.strip())  # literals only, as numpy reads it
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise unreadable("a header that is no dictionary of literals", "bad-npy") from error
    if not isinstance(header, dict) or set(header) != _KEYS:
        raise unreadable("a header without shape, order and type", "bad-npy")
    return header, 8 + width + size


def _item_bytes(description: object) -> int | None:
    """Bytes an item; None for objects, and for what cannot be told."""
    if isinstance(description, str):
        parsed = parse_code(description)
        if parsed is None:
            raise unreadable(f"type {description!r}", "bad-npy")
        return None if parsed[1] else parsed[0]
    if not isinstance(description, list) or len(description) > _MAX_FIELDS:
        raise unreadable("a type of another shape", "bad-npy")
    total = 0
    for field in description:
        if not isinstance(field, tuple) or len(field) not in (2, 3):
            raise unreadable("a type of another shape", "bad-npy")
        size = _item_bytes(field[1])
        count = field[2] if len(field) == 3 else ()
        sizes = count if isinstance(count, tuple) else (count,)
        if size is None or not all(type(one) is int and one >= 0 for one in sizes):
            return None
        total += size * math.prod(sizes)
    return total
