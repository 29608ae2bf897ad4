"""The folder that fetched files land in, each once, and what is known of where they came from."""

import fnmatch
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from assay.digests import sha256_file
from assay.errors import IntegrityError, SpecError
from assay.near_miss import suggestion

_SHOWN_NAMES = 5


@dataclass(frozen=True)
class FetchedFile:
    """One file below the landing folder. name: its path inside the source; uri: where exactly it came from."""

    name: str
    uri: str
    sha256: str
    etag: str = ""


@dataclass(frozen=True)
class FetchedSource:
    """All files of one source. uri: the source as a whole; archive_sha256: of the package they came in."""

    uri: str
    files: tuple[FetchedFile, ...]
    fetched_at: datetime
    package: str = ""
    version: str = ""
    archive_sha256: str = ""


@dataclass(frozen=True)
class Landing:
    """folder: where files go, by their path inside their source. scratch: for archives. at: when it began."""

    folder: Path
    scratch: Path
    at: datetime

    def place(self, name: str) -> Path:
        """Where `name` shall lie, its folder made. Raises SpecError for a second file of that name or a way out."""
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise SpecError(f"source file {name!r}: expected a path inside the source; leave this file out")
        target = self.folder / path
        if target.exists():
            raise SpecError(
                f"two sources bring a file {name!r}; narrow their `files` so that each name is fetched once"
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    def landed(self, name: str, uri: str, expected: str = "", etag: str = "") -> FetchedFile:
        """The record of a file that lies at its place. Raises IntegrityError, the file gone, for another checksum."""
        target = self.folder / name
        found = sha256_file(target)
        if expected and found != expected:
            target.unlink()
            raise IntegrityError(
                f"{uri}: expected sha256 {expected}, found {found}; the source changed: "
                "find out why before you write the new checksum into the spec"
            )
        return FetchedFile(name, uri, found, etag)


def matching(names: Iterable[str], pattern: str, source: str) -> list[str]:
    """The names that the glob picks, sorted; `*` also matches `/`. Raises SpecError when there is none."""
    every = sorted(names)
    plain = pattern.removeprefix("**/")
    found = [name for name in every if fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(name, plain)]
    if not found:
        shown = ", ".join(every[:_SHOWN_NAMES]) or "nothing"
        raise SpecError(f"{source}: no file matches {pattern!r} among {len(every)} ({shown}); mend `files` in the spec")
    return found


def checksums_of(known: Mapping[str, str], names: Iterable[str], source: str) -> Mapping[str, str]:
    """`known`, once every file it speaks of is among `names`. Raises SpecError otherwise."""
    fetched = set(names)
    for name in known:
        if name not in fetched:
            raise SpecError(f"{source}: a checksum for {name!r}, which is not fetched; {suggestion(name, fetched)}")
    return known
