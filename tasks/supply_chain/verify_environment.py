"""Whether the running environment is the one that the lock names, package by package and file by file."""

from collections.abc import Mapping
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from assay.json_types import JsonObject
from assay.records import Check, Verdict
from tasks.supply_chain.installed_files import Depth, FileFindings, check_files
from tasks.supply_chain.lock import Lock, Locked
from tasks.supply_chain.packages import Needs, Package, needs, reached

# The project itself, and what installs packages.
OWN = frozenset({"assay", "pip", "setuptools", "wheel"})
_TOLD = 5
_MEND = "`make setup` restores what the lock names, `pip uninstall` removes what it does not"
NO_LOCK = "no lock to compare with; `make setup` installs from one, `--lock FILE` names one"


@dataclass(frozen=True)
class Drift:
    """How an environment departs from a lock. versions: in words. brought: beside the lock, needed by an open build."""

    versions: tuple[str, ...]
    missing: tuple[str, ...]
    beside: tuple[str, ...]
    brought: tuple[str, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        return (
            *self.versions,
            *(f"{name} is missing" for name in self.missing),
            *(f"{name} is not in the lock" for name in self.beside),
        )


def verify_environment(packages: Mapping[str, Package], lock: Lock | None, depth: Depth) -> tuple[Check, ...]:
    """Two checks: packages against the lock, NOT_CHECKED without one; files against what their installer recorded."""
    return lock_check(packages, lock), files_check(check_files(packages, depth), depth)


def lock_check(packages: Mapping[str, Package], lock: Lock | None) -> Check:
    """FAILED for another version, a package that is needed and gone, or one that the lock does not name."""
    name = "environment is the lock's"
    if lock is None:
        return Check(name, Verdict.NOT_CHECKED, NO_LOCK)
    drift = compare(packages, lock)
    if drift.problems:
        return Check(name, Verdict.FAILED, f"{_words(drift.problems)}; {_MEND}")
    brought = f"; {len(drift.brought)} more brought by builds it leaves open" if drift.brought else ""
    return Check(name, Verdict.PASSED, f"{len(packages)} packages installed, {len(lock.packages)} locked{brought}")


def files_check(found: FileFindings, depth: Depth) -> Check:
    """FAILED for a file that was changed, is gone or came from nowhere; NOT_CHECKED where nothing was recorded."""
    name = "packages' files are as installed"
    if found.problems:
        return Check(
            name, Verdict.FAILED, f"{_words(found.problems)}; install those packages anew", len(found.problems)
        )
    if found.unrecorded:
        return Check(name, Verdict.NOT_CHECKED, f"no RECORD of {_words(found.unrecorded)}")
    looked = "every hash" if depth is Depth.ALL else "hashes of Python sources and sizes of the rest"
    return Check(name, Verdict.PASSED, f"{looked}: {found.files} files, {found.bytes >> 20} MiB hashed; no bytecode")


def compare(packages: Mapping[str, Package], lock: Lock) -> Drift:
    """A locked package may be absent as long as nothing that is installed needs it: tools of development are."""
    graph = needs(packages)
    drifted = [
        f"{name} {packages[name].version}, locked {locked.version}"
        for name, locked in lock.packages.items()
        if name in packages and not _is_locked(packages[name].version, locked)
    ]
    missing = {name for gone in graph.missing.values() for name in gone} & lock.packages.keys()
    more = packages.keys() - lock.packages.keys() - OWN
    brought = more & _brought(lock, graph)
    return Drift(tuple(drifted), tuple(sorted(missing)), tuple(sorted(more - brought)), tuple(sorted(brought)))


def drift_facts(packages: Mapping[str, Package], lock: Lock) -> JsonObject:
    """For a statement: the lock's digest, whether it matches, and in words what does not."""
    drift = compare(packages, lock)
    return {
        "sha256": lock.sha256,
        "matches": not drift.problems,
        "drifted": list(drift.problems),
        "brought": list(drift.brought),
    }


def _brought(lock: Lock, graph: Needs) -> set[str]:
    open_builds = [name for name, locked in lock.packages.items() if not locked.archives]
    return reached(open_builds, graph.edges)


def _is_locked(version: str, locked: Locked) -> bool:
    """Exactly; of an open build the public part counts, so that 2.13.0+cpu is 2.13.0."""
    try:
        found, wanted = Version(version), Version(locked.version)
    except InvalidVersion:
        return version == locked.version
    if not locked.archives and wanted.local is None:
        return found.public == wanted.public
    return found == wanted


def _words(problems: tuple[str, ...]) -> str:
    more = f" and {len(problems) - _TOLD} more" if len(problems) > _TOLD else ""
    return "; ".join(problems[:_TOLD]) + more
