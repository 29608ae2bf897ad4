"""One digest of all code that a step may run: it tells apart what a commit cannot, uncommitted and installed code."""

import functools
import importlib.util
from collections.abc import Iterator
from pathlib import Path

from assay.digests import sha256_file, sha256_lines

# Ours, then the folder in which projects keep their collectors, loaders and models (`assay init`).
_PACKAGES = ("assay", "tasks", "operators", "models")


@functools.cache
def code_digest() -> str:
    """SHA-256 over the names and bytes of every Python file of the packages, as they lay there when first asked."""
    return sha256_lines(sorted(f"{sha256_file(path)}  {name}" for name, path in _files()))


def _files() -> Iterator[tuple[str, Path]]:
    for package in _PACKAGES:
        found = importlib.util.find_spec(package)
        for folder in (found.submodule_search_locations if found else None) or ():
            for path in Path(folder).rglob("*.py"):
                yield f"{package}/{path.relative_to(folder).as_posix()}", path
