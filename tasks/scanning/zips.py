"""Zips by what they hold: PyTorch's and Keras's formats, NPZ, and archives of anything that passes by itself."""

import collections
import contextlib
from collections.abc import Iterator
from dataclasses import replace

from tasks.scanning.exported_program import raw_names, scan_program
from tasks.scanning.finding import MAX_FINDINGS, Finding, Refused, Severity, finding, printable, unreadable
from tasks.scanning.limits import MAX_JSON
from tasks.scanning.look import Look
from tasks.scanning.pickles import scan_member
from tasks.scanning.region import Region
from tasks.scanning.torch_pickles import Storages
from tasks.scanning.zip_directory import STORED, Member, content, has_zip_end, read_directory

_TORCH_NOTES = {
    "version",
    "byteorder",
    ".format_version",
    ".storage_alignment",
    ".data/version",
    ".data/serialization_id",
}
_EXPORT_NOTES = {"archive_format", "archive_version", *_TORCH_NOTES}
_TENSOR_FOLDERS = ("data/weights", "data/constants")
_MAX_NOTE = 4_096


def is_zip(region: Region) -> bool:
    """By its first bytes or by its last."""
    return region.read(0, 4) in (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08") or has_zip_end(region)


def zip_kind(region: Region) -> str:
    """`torch`, `torch-export`, `keras`, `npz` or `zip`."""
    try:
        names = [member.name for member in read_directory(region)]
    except Refused:
        return "zip"
    if any(name.count("/") == 1 and name.endswith("/data.pkl") for name in names):
        return "torch"
    if any(_is_program(name) for name in names):
        return "torch-export"
    if "config.json" in names and {"metadata.json", "model.weights.h5"} & set(names):
        return "keras"
    return "npz" if all(name.endswith(".npy") for name in names) else "zip"


def scan_zip(region: Region, look: Look) -> Iterator[Finding]:
    """Every member by its content; PyTorch's storages by the pickle that names them."""
    members = [member for member in read_directory(region) if not member.is_folder]
    if not members:
        yield finding("empty", "an archive without files", Severity.UNREADABLE)
    root = next((member.name[:-8] for member in members if _is_root(member.name)), None)
    if root is not None:
        yield from _scan_torch(region, look, root, members)
        return
    program = next((member.name.partition("/")[0] + "/" for member in members if _is_program(member.name)), None)
    if program is not None:
        yield from _scan_program(region, look, program, members)
        return
    for member in members:
        yield from _found_inside(region, look, member)


def _is_root(name: str) -> bool:
    return name.count("/") == 1 and name.endswith("/data.pkl")


def _is_program(name: str) -> bool:
    return name.count("/") == 1 and name.endswith("/archive_format")


def _scan_program(region: Region, look: Look, root: str, members: list[Member]) -> Iterator[Finding]:
    """torch.export's archive: graphs as JSON, tensors as bare numbers named by a configuration, and notes."""
    if not all(member.name.startswith(root) for member in members):
        yield finding("archive-name", f"files beside torch.export's folder {root}")
    raw: set[str] = set()
    for member in members:
        parent, _, name = member.name.removeprefix(root).rpartition("/")
        if parent == "models" and name.endswith(".json"):
            yield from scan_program(_document(region, look, member))
        elif parent in _TENSOR_FOLDERS and name.endswith("_config.json"):
            raw.update(f"{root}{parent}/{one}" for one in raw_names(_document(region, look, member)))
    for member in members:
        if member.name in raw or (member.name.removeprefix(root) in _EXPORT_NOTES and member.size <= _MAX_NOTE):
            collections.deque(content(region, member), maxlen=0)  # for its checksum
        else:
            yield from _found_inside(region, look, member)


def _document(region: Region, look: Look, member: Member) -> bytes:
    if member.size > MAX_JSON:
        raise unreadable(f"{member.name}: JSON of {member.size} bytes", "too-large")
    with _opened(region, look, member) as part:
        return part.exactly(0, part.size)


def _scan_torch(region: Region, look: Look, root: str, members: list[Member]) -> Iterator[Finding]:
    """PyTorch's archive: one folder with a pickle, the storages it names, and a few notes of some bytes."""
    own = {member.name.removeprefix(root): member for member in members if member.name.startswith(root)}
    code = [name for name in own if name == "constants.pkl" or name.startswith(("code/", "constants/"))]
    if code:
        yield finding("torchscript", f"code in the archive: {', '.join(sorted(code)[:3])}", Severity.CRITICAL)
    if len(own) != len(members):
        yield finding("archive-name", f"files beside PyTorch's folder {root}")
    storages = Storages(has_views=False)
    with _opened(region, look, own["data.pkl"]) as pickle:
        yield from scan_member(pickle, storages)
    used = {f"data/{key}": size for key, size in storages.sizes.items()}
    for name, size in used.items():
        if name not in own or own[name].size != size:
            found = f"{own[name].size} bytes" if name in own else "nothing"
            yield finding("tensor-size", f"{name}: {size} bytes by the pickle, {found} in the archive")
    for name, member in own.items():
        if name in used or (name in _TORCH_NOTES and member.size <= _MAX_NOTE):
            collections.deque(content(region, member), maxlen=0)  # for its checksum
        elif name != "data.pkl":
            yield from _found_inside(region, look, member)


def _found_inside(region: Region, look: Look, member: Member) -> Iterator[Finding]:
    look.budget.take_member()
    with _opened(region, look, member) as part:
        judged = look.into(member.name, part)
    for found in judged.findings[:MAX_FINDINGS]:
        yield replace(found, detail=printable(f"{member.name}: {found.detail}"))


@contextlib.contextmanager
def _opened(region: Region, look: Look, member: Member) -> Iterator[Region]:
    """The member's bytes, where they lie or unpacked; size and checksum hold."""
    if member.method == STORED:
        collections.deque(content(region, member), maxlen=0)
        yield region.part(member.start, member.packed)
    else:
        with look.unpacked(content(region, member), member.packed) as part:
            yield part
