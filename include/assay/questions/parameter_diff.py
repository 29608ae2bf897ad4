"""What two models were made with: what runs were given, what the search chose, seeds, what was asked of each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from assay.json_types import Json, JsonObject
from assay.questions.dossier import Dossier
from assay.records import Step

# What decides the outcome; counts, times and places of a run are results, not parameters.
_DECIDING = {
    Step.SPLIT: ("fraction", "salt"),
    Step.TRAIN: ("model", "executor", "metric", "robust", "stopped_by"),
    Step.ASSAY: ("asked",),
    Step.GATE: ("policy_sha256",),
}
_OF_THE_BEST = ("parameters", "seed")


@dataclass(frozen=True)
class ParameterDiff:
    """name: STEP.KEY, or given.KEY for what a person gave the run; dotted where it is nested.

    a, b: JSON values, None where a model's statement has none.
    """

    name: str
    a: Json
    b: Json

    @property
    def same(self) -> bool:
        return self.a == self.b

    def to_json(self) -> JsonObject:
        return {"name": self.name, "same": self.same, "a": self.a, "b": self.b}


def diff_parameters(a: Dossier, b: Dossier) -> tuple[ParameterDiff, ...]:
    """Every parameter of one of the two, in the order of the steps."""
    old, new = dict(_parameters(a)), dict(_parameters(b))
    return tuple(ParameterDiff(name, old.get(name), new.get(name)) for name in dict.fromkeys((*old, *new)))


def _parameters(dossier: Dossier) -> Iterator[tuple[str, Json]]:
    for step, entry in dossier.statements.items():
        if entry is None:
            continue
        facts, name = entry.report.facts, step.value
        if step is Step.TRAIN:  # one run, one set of given parameters
            yield from _flat("given", dict(entry.record.parameters))
            yield f"{name}.seed", entry.record.seed
        for key in _DECIDING.get(step, ()):
            if key in facts:
                yield from _flat(f"{name}.{key}", facts[key])
        best = facts.get("best")
        if step is Step.TRAIN and isinstance(best, Mapping):
            for key in _OF_THE_BEST:
                yield from _flat(f"{name}.best.{key}", best.get(key))


def _flat(name: str, value: Json) -> Iterator[tuple[str, Json]]:
    """Nested objects by dotted names; lists stay whole, for their order and length may matter."""
    if isinstance(value, Mapping):
        for key, below in value.items():
            yield from _flat(f"{name}.{key}", below)
    else:
        yield name, value
