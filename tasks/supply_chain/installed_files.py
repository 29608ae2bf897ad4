"""Whether what is installed is what the installer wrote: every file against its hash in RECORD.

A RECORD is not signed: whoever can change a file can change its hash. Its own digest goes into the SBOM, so that a
change shows between two runs. Compiled bytecode (`__pycache__`) has no hash there and is not looked at.
"""

import base64
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from assay.json_types import JsonObject
from tasks.supply_chain.packages import SITES, Package, RecordedFile

_BYTECODE = "__pycache__"
_TOLD = 50
_RUN_AT_IMPORT = (".py", ".pyc", ".so", ".pth")


class Depth(str, Enum):
    """SOURCES: the hash of what is Python text, the size of everything else. ALL: the hash of every file."""

    SOURCES = "sources"
    ALL = "all"


@dataclass(frozen=True)
class FileFindings:
    """files, bytes: whose hash was computed. changed, missing: `PACKAGE: PATH`. stray: importable, of no package.

    unrecorded: packages whose installer wrote no RECORD.
    """

    files: int
    bytes: int
    changed: tuple[str, ...]
    missing: tuple[str, ...]
    stray: tuple[str, ...]
    unrecorded: tuple[str, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """In words, one a file."""
        return (
            *(f"changed: {path}" for path in self.changed),
            *(f"missing: {path}" for path in self.missing),
            *(f"of no package: {path}" for path in self.stray),
        )

    def to_json(self) -> JsonObject:
        """For a statement; at most 50 problems, and how many there are."""
        return {
            "hashed": self.files,
            "bytes": self.bytes,
            "problems": list(self.problems[:_TOLD]),
            "problem_count": len(self.problems),
            "unrecorded": list(self.unrecorded),
        }


def check_files(packages: Mapping[str, Package], depth: Depth) -> FileFindings:
    """Reads, never runs. Files beside the packages count where Python would import them or run them at start."""
    changed: list[str] = []
    missing: list[str] = []
    owned: set[str] = set()
    roots: set[str] = set()
    files = size = 0
    for package in packages.values():
        root = str(package.distribution.locate_file(""))
        roots.add(root)
        for entry in package.files:
            path = os.path.normpath(os.path.join(root, entry.path))  # noqa: PTH118 - 80 000 of them; Path takes seconds
            owned.add(path)
            if not entry.digest or _BYTECODE in entry.path:
                continue
            hashed = depth is Depth.ALL or path.endswith(".py")
            told = _compare(path, entry, hashed)
            if told is None:
                missing.append(f"{package.name}: {entry.path}")
            elif not told:
                changed.append(f"{package.name}: {entry.path}")
            elif hashed:
                files += 1
                size += entry.size or 0
    unrecorded = tuple(package.name for package in packages.values() if not package.files)
    return FileFindings(files, size, tuple(changed), tuple(missing), tuple(_stray(roots, owned)), unrecorded)


def _compare(path: str, entry: RecordedFile, hashed: bool) -> bool | None:
    """Whether the file is as recorded; None where it is gone."""
    try:
        if entry.size is not None and os.stat(path).st_size != entry.size:  # noqa: PTH116 - see above
            return False
        return not hashed or _hash(path, entry.algorithm) == entry.digest
    except OSError:
        return None


def _hash(path: str, algorithm: str) -> str:
    with open(path, "rb") as file:  # noqa: PTH123 - see above
        digest = hashlib.file_digest(file, algorithm).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _stray(roots: Iterable[str], owned: set[str]) -> Iterator[str]:
    """Only folders that installers fill: a source tree on the path has no RECORD for what lies in it."""
    for root in sorted(roots):
        if Path(root).name not in SITES:
            continue
        for folder, below, names in os.walk(root):
            below[:] = sorted(name for name in below if name != _BYTECODE)
            for name in sorted(names):
                path = os.path.join(folder, name)  # noqa: PTH118 - see above
                if name.endswith(_RUN_AT_IMPORT) and path not in owned:
                    yield os.path.relpath(path, root)
