"""The lock: which version of which package is installed, and the SHA-256 of every archive it may come from.

pip's format, a line a package: `NAME==VERSION --hash=sha256:…`. A package whose line has no hash exists in builds that
differ from machine to machine, as torch does.
"""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

from assay.digests import sha256_bytes
from assay.errors import SpecError

INSTALLED_FROM = ".installed-from-lock"
_LINE = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[^\s;]+)(?P<hashes>(\s+--hash=sha256:[0-9a-f]{64})*)"
)


@dataclass(frozen=True)
class Locked:
    """archives: SHA-256 of each archive that pip may take; none where the build is left open."""

    name: str
    version: str
    archives: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lock:
    """packages: by normalised name (PEP 503). sha256: of the lock's text."""

    packages: Mapping[str, Locked]
    sha256: str


def read_lock(path: Path) -> Lock:
    """Raises SpecError for a file that is absent, empty, or pins anything but exact versions."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: expected a lock, found {error}; `make lock` writes one") from error
    packages = {}
    for line in text.replace("\\\n", " ").splitlines():
        words = line.partition("#")[0].strip()
        if words:
            locked = _locked(words, path)
            packages[str(canonicalize_name(locked.name))] = locked
    if not packages:
        raise SpecError(f"{path}: expected NAME==VERSION lines, found none; `make lock` writes them")
    return Lock(packages, sha256_bytes(text.encode()))


def lock_of_environment(prefix: Path | None = None) -> Lock | None:
    """The lock that `make setup` installed this environment from, or None where another way was taken."""
    path = (prefix or Path(sys.prefix)) / INSTALLED_FROM
    return read_lock(path) if path.is_file() and path.stat().st_size else None


def _locked(words: str, path: Path) -> Locked:
    found = _LINE.fullmatch(words)
    if found is None:
        raise SpecError(f"{path}: expected NAME==VERSION, found {words[:80]!r}; refresh it with `make lock`")
    return Locked(found["name"], found["version"], tuple(found["hashes"].replace("--hash=sha256:", "").split()))
