"""What is installed: every package with version, licence and what it needs, as the installer has written it down."""

import csv
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import Distribution, DistributionFinder, MetadataPathFinder
from pathlib import Path

from packaging.markers import Marker, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from assay.digests import sha256_bytes

_LICENCE = "License :: "
_LONGEST_LICENCE = 100
SITES = ("site-packages", "dist-packages")


@dataclass(frozen=True)
class RecordedFile:
    """A line of RECORD: path below the package's root, size, and a hash such as `sha256` and its base64 digest.

    algorithm, digest: "" where the installer wrote none, as for bytecode. size: None where it wrote none.
    """

    path: str
    algorithm: str
    digest: str
    size: int | None


@dataclass(frozen=True)
class Package:
    """One installed distribution, by its normalised name (PEP 503)."""

    name: str
    version: str
    distribution: Distribution

    @cached_property
    def licence(self) -> str:
        """An SPDX expression where the package gives one (PEP 639), else its own short words; "" where it is silent."""
        told: Callable[[str], list[str] | None] = self.distribution.metadata.get_all
        for words in (*(told("License-Expression") or ()), *(told("License") or ())):
            if words.strip() and "\n" not in words and len(words) <= _LONGEST_LICENCE:
                return str(words.strip())
        named = [line.rpartition(" :: ")[2] for line in told("Classifier") or () if line.startswith(_LICENCE)]
        return " AND ".join(named)

    @cached_property
    def record(self) -> str:
        """SHA-256 of its list of installed files and their hashes; "" where the installer left none."""
        text = self.distribution.read_text("RECORD")
        return sha256_bytes(text.encode()) if text else ""

    @cached_property
    def files(self) -> tuple[RecordedFile, ...]:
        """Every line of RECORD, also of files that are gone; none where there is no RECORD."""
        lines = csv.reader((self.distribution.read_text("RECORD") or "").splitlines())
        return tuple(_recorded(*line) for line in lines if len(line) == 3)

    @cached_property
    def requirements(self) -> tuple[Requirement, ...]:
        """All that it may need, extras included; lines that no installer could read are left out."""
        return tuple(_requirements(self.distribution.requires or ()))

    def needs(self, extras: Iterable[str]) -> Iterator[Requirement]:
        """What it needs on this machine, with these extras of its own."""
        asked = ("", *extras)
        return (one for one in self.requirements if one.marker is None or _holds(one.marker, asked))


@dataclass(frozen=True)
class Needs:
    """edges: package -> installed packages it needs. missing: package -> what it needs and is not installed."""

    edges: Mapping[str, tuple[str, ...]]
    missing: Mapping[str, tuple[str, ...]]


def installed_packages(path: Sequence[str] | None = None) -> Mapping[str, Package]:
    """By name, in order; of two of one name, the one that Python imports.

    path: default `sys.path` without folders inside a package, such as Ray's: what lies there is that package's own.
    """
    found: dict[str, Package] = {}
    searched = DistributionFinder.Context(path=list(_own_folders(sys.path) if path is None else path))
    # Not `distributions()`: it also asks finders that libraries put in place, which leave out files that are gone.
    for one in MetadataPathFinder.find_distributions(searched):
        if one.metadata["Name"]:
            name = str(canonicalize_name(one.metadata["Name"]))
            found.setdefault(name, Package(name, one.version, one))
    return dict(sorted(found.items()))


def _own_folders(path: Sequence[str]) -> Iterator[str]:
    """In order; those inside a folder that installers fill are left out."""
    sites = [Path(entry) for entry in path if Path(entry).name in SITES]
    return (entry for entry in path if not any(site in Path(entry).parents for site in sites))


def _recorded(path: str, hashed: str, size: str) -> RecordedFile:
    algorithm, _, digest = hashed.partition("=")
    return RecordedFile(path, algorithm, digest, int(size) if size.isdecimal() else None)


def needs(packages: Mapping[str, Package]) -> Needs:
    """The graph of what needs what, each package with the extras that some other asks of it."""
    extras: dict[str, set[str]] = {name: set() for name in packages}
    edges: dict[str, set[str]] = {name: set() for name in packages}
    missing: dict[str, set[str]] = {}
    waiting = list(packages)
    while waiting:
        name = waiting.pop()
        for requirement in packages[name].needs(extras[name]):
            needed = str(canonicalize_name(requirement.name))
            if needed not in packages:
                missing.setdefault(name, set()).add(needed)
                continue
            edges[name].add(needed)
            if not requirement.extras <= extras[needed]:
                extras[needed] |= requirement.extras
                waiting.append(needed)
    return Needs(_ordered(edges), _ordered(missing))


def reached(roots: Iterable[str], edges: Mapping[str, tuple[str, ...]]) -> set[str]:
    """The roots and all that they need, at any remove."""
    seen: set[str] = set()
    waiting = [root for root in roots if root in edges]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(edges[name])
    return seen


def _requirements(lines: Iterable[str]) -> Iterator[Requirement]:
    for line in lines:
        try:
            yield Requirement(line)
        except InvalidRequirement:
            continue


def _holds(marker: Marker, extras: tuple[str, ...]) -> bool:
    try:
        return any(marker.evaluate({"extra": extra}) for extra in extras)
    except UndefinedEnvironmentName:
        return False


def _ordered(groups: Mapping[str, set[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(sorted(groups[name] - {name})) for name in sorted(groups)}
