"""Known-bad content of every format, scanned in memory on each run: a scanner that lets one pass is blind."""

import bz2
import gzip
import io
import json
import lzma
import struct
import tarfile
import zipfile
import zlib
from dataclasses import dataclass

from assay.json_types import JsonObject
from tasks.scanning.formats import scan_region
from tasks.scanning.region import in_memory

_CALLS_SYSTEM = b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R."


@dataclass(frozen=True)
class Canary:
    """is_found: refused, and for the very reason it was made for."""

    format: str
    rule: str
    is_found: bool

    def as_json(self) -> JsonObject:
        return {"format": self.format, "rule": self.rule, "is_found": self.is_found}


def run_canaries() -> tuple[Canary, ...]:
    """One a format."""
    return tuple(
        Canary(
            name,
            rule,
            rule in {found.rule for found in scan_region(in_memory(content), name).findings},
        )
        for name, (rule, content) in _known_bad().items()
    )


def _known_bad() -> dict[str, tuple[str, bytes]]:
    """Rule and content by format. No content here does harm even where it is loaded."""
    import lz4.frame
    import zstandard

    return {
        "pickle": ("pickle-call", _CALLS_SYSTEM),
        "torch": ("pickle-call", _zip({"a/data.pkl": _CALLS_SYSTEM, "a/version": b"3\n"})),
        "torch-legacy": ("pickle-call", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03." + _CALLS_SYSTEM),
        "zip": ("pickle-call", _zip({"a.pkl": _CALLS_SYSTEM})),
        "npz": ("npy-object", _zip({"a.npy": _npy("|O")})),
        "tar": ("pickle-call", _tar()),
        "gzip": ("pickle-call", gzip.compress(_CALLS_SYSTEM, mtime=0)),
        "zlib": ("pickle-call", zlib.compress(_CALLS_SYSTEM)),
        "bzip2": ("pickle-call", bz2.compress(_CALLS_SYSTEM)),
        "xz": ("pickle-call", lzma.compress(_CALLS_SYSTEM)),
        "lz4": ("pickle-call", lz4.frame.compress(_CALLS_SYSTEM)),
        "zstandard": ("pickle-call", zstandard.compress(_CALLS_SYSTEM)),
        "npy": ("npy-object", _npy("|O")),
        "safetensors": ("tensor-layout", _safetensors()),
        "gguf": ("chat-template", _gguf("{{ ''.__class__ }}")),
        "onnx": ("onnx-operator", _onnx()),
        "saved-model": ("tensorflow-operator", b"\x08\x01\x12\x11\x12\x0f\x0a\x0d\x0a\x01a\x12\x08ReadFile"),
        "torch-export": (
            "export-target",
            _zip({"a/archive_format": b"pt2", "a/models/m.json": b'{"target": "os.system"}'}),
        ),
        "keras": ("keras-lambda", _zip({"config.json": _lambda(), "metadata.json": b"{}"})),
        "hdf5": ("hdf5-external", _hdf5()),
        "json": ("names-code", json.dumps({"auto_map": {"AutoModel": "a.B"}}).encode()),
        "text": ("script", b"#!/bin/sh\ntrue\n"),
        "program": ("program", b"\x7fELF" + bytes(60)),
        "unknown": ("unknown-content", bytes(range(1, 32)) * 2),
    }


def _zip(members: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return made.getvalue()


def _tar() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        header = tarfile.TarInfo("a.pkl")
        header.size = len(_CALLS_SYSTEM)
        archive.addfile(header, io.BytesIO(_CALLS_SYSTEM))
    return made.getvalue()


def _npy(kind: str) -> bytes:
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': (1,), }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + _CALLS_SYSTEM


def _safetensors() -> bytes:
    """Two tensors over the same bytes."""
    entry = {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}
    header = json.dumps({"a": entry, "b": entry}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(4)


def _gguf(template: str) -> bytes:
    key = b"tokenizer.chat_template"
    text = template.encode()
    pair = struct.pack("<Q", len(key)) + key + struct.pack("<IQ", 8, len(text)) + text
    return b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + pair


def _onnx() -> bytes:
    """A graph of one node of an operator nobody knows."""
    node = b"\x22\x03Run\x3a\x04evil"
    graph = b"\x0a" + bytes([len(node)]) + node
    return b"\x08\x0a\x3a" + bytes([len(graph)]) + graph + b"\x42\x02\x10\x14"


def _lambda() -> bytes:
    return json.dumps({"class_name": "Lambda", "config": {}, "module": "keras.layers"}).encode()


def _hdf5() -> bytes:
    """A root group with one link into another file."""
    link = b"\x01\x08\x40\x01a" + b"\x05\x00\x00b\x00c\x00"
    message = struct.pack("<HHB3x", 0x06, 16, 0) + link.ljust(16, b"\0")
    header = struct.pack("<BxHII4x", 1, 1, 1, len(message)) + message
    root = struct.pack("<QQ24x", 0, 96)
    addresses = struct.pack("<QQQQ", 0, (1 << 64) - 1, 96 + len(header), (1 << 64) - 1)
    return b"\x89HDF\r\n\x1a\n" + struct.pack("<4xxBBxHHI", 8, 8, 4, 16, 0) + addresses + root + header
