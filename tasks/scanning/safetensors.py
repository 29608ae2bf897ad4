"""safetensors: a JSON header and the tensors' bytes, one after another without gap, overlap or rest.

(Format: github.com/huggingface/safetensors, README "Format".)
"""

import math
from collections.abc import Iterator

from tasks.scanning.finding import Finding, Refused, finding, unreadable
from tasks.scanning.json_text import Parsed, parse_json
from tasks.scanning.limits import MAX_HEADER
from tasks.scanning.look import Look
from tasks.scanning.region import Region

_BITS = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 16),
    **dict.fromkeys(("U32", "I32", "F32"), 32),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 64),
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
}


def is_safetensors(region: Region) -> bool:
    """A length that is no text, and a JSON object."""
    head = region.read(0, 9)
    return len(head) == 9 and head[8:] == b"{" and int.from_bytes(head[:8], "little") <= max(MAX_HEADER, region.size)


def scan_safetensors(region: Region, _: Look) -> Iterator[Finding]:
    """The header is read; of the tensors only where they lie."""
    size = int.from_bytes(region.exactly(0, 8), "little")
    if size > MAX_HEADER:
        raise unreadable(f"a header of {size} bytes; the format allows {MAX_HEADER}", "too-large")
    header = parse_json(region.exactly(8, size), MAX_HEADER)
    if not isinstance(header, dict):
        raise unreadable("a header that is no JSON object", "bad-safetensors")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        yield finding("bad-safetensors", "metadata that is no text")
    position = 0
    for start, end, name in sorted(_span(name, entry) for name, entry in header.items()):
        if start != position:
            kind = "overlaps the one before" if start < position else "leaves a gap before it"
            raise Refused("tensor-layout", f"{name}: {kind}")
        position = end
    if 8 + size + position != region.size:
        yield finding("tensor-layout", f"tensors end at {8 + size + position}, the file at {region.size}")


def _span(name: str, entry: Parsed) -> tuple[int, int, str]:
    """Where the tensor starts and ends, which is as many bytes as its shape asks for."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise unreadable(f"{name}: no type, shape and offsets", "bad-safetensors")
    bits, shape, offsets = _BITS.get(str(entry["dtype"])), entry["shape"], entry["data_offsets"]
    if bits is None:
        raise unreadable(f"{name}: type {entry['dtype']}", "bad-safetensors")
    sizes, (start, end) = _integers(name, shape), (*_integers(name, offsets), -1, -1)[:2]
    if len(_integers(name, offsets)) != 2 or (end - start) * 8 != math.prod(sizes) * bits:
        raise Refused("tensor-size", f"{name}: offsets {start} to {end} do not hold the shape {sizes}")
    return start, end, name


def _integers(name: str, value: Parsed) -> list[int]:
    if not isinstance(value, list):
        raise unreadable(f"{name}: no list of sizes", "bad-safetensors")
    sizes = [size for size in value if type(size) is int and 0 <= size < 1 << 62]
    if len(sizes) != len(value):
        raise unreadable(f"{name}: sizes that are no counts", "bad-safetensors")
    return sizes
