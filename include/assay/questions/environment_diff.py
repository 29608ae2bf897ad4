"""The packages that each step of two models ran with, by the lists that the steps stored under their digests."""

from collections.abc import Iterator
from dataclasses import dataclass

from assay.json_types import JsonObject
from assay.questions.dossier import Dossier
from assay.records import Step
from assay.store import Store


@dataclass(frozen=True)
class StepEnvironments:
    """Digests of the two lists of packages; "" where a model has no statement of the step."""

    step: Step
    a: str
    b: str

    @property
    def same(self) -> bool:
        return self.a == self.b

    def to_json(self) -> JsonObject:
        return {"step": self.step.value, "same": self.same, "a": self.a, "b": self.b}


@dataclass(frozen=True)
class PackageDiff:
    """A package whose version differs in `steps`; a, b: None where it was not installed."""

    name: str
    a: str | None
    b: str | None
    steps: tuple[str, ...]

    def to_json(self) -> JsonObject:
        return {"name": self.name, "a": self.a, "b": self.b, "steps": list(self.steps)}


@dataclass(frozen=True)
class EnvironmentDiff:
    """packages: those that differ. unknown: digests whose list is not in the store, so that packages are not known."""

    steps: tuple[StepEnvironments, ...]
    packages: tuple[PackageDiff, ...]
    unknown: tuple[str, ...]

    def to_json(self) -> JsonObject:
        return {
            "steps": [step.to_json() for step in self.steps],
            "packages": [package.to_json() for package in self.packages],
            "unknown": list(self.unknown),
        }


def diff_environments(a: Dossier, b: Dossier, store: Store) -> EnvironmentDiff:
    """Raises IntegrityError when a list was changed."""
    pairs = ((step, _digest(a, step), _digest(b, step)) for step in a.statements)
    steps = tuple(StepEnvironments(*pair) for pair in pairs if any(pair[1:]))
    wanted = {digest for step in steps if not step.same for digest in (step.a, step.b) if digest}
    lists = {digest: _packages(store.read(digest)) for digest in sorted(wanted) if store.exists(digest)}
    found: dict[tuple[str, str | None, str | None], list[str]] = {}
    for step in steps:
        if step.a in lists and step.b in lists:
            for package in _differing(lists[step.a], lists[step.b]):
                found.setdefault(package, []).append(step.step.value)
    return EnvironmentDiff(
        steps=steps,
        packages=tuple(PackageDiff(*package, tuple(where)) for package, where in sorted(found.items(), key=str)),
        unknown=tuple(sorted(wanted - set(lists))),
    )


def _digest(dossier: Dossier, step: Step) -> str:
    entry = dossier.statements.get(step)
    return entry.record.provenance.environment if entry else ""


def _packages(listed: bytes) -> dict[str, str]:
    """NAME==VERSION a line."""
    pairs = (line.partition("==") for line in listed.decode().splitlines())
    return {name: version for name, _, version in pairs}


def _differing(old: dict[str, str], new: dict[str, str]) -> Iterator[tuple[str, str | None, str | None]]:
    for name in {*old, *new}:
        if old.get(name) != new.get(name):
            yield name, old.get(name), new.get(name)
