"""What differs between two models: data, code, parameters, environment and verdicts, each as signed."""

import time
from dataclasses import dataclass, replace

from assay.json_types import Json, JsonObject
from assay.ledger import Ledger
from assay.lineage.store import LineageStore
from assay.provenance import Provenance
from assay.questions.data_diff import RoleDiff, SourceDiff, diff_roles, diff_sources
from assay.questions.dossier import Dossier, open_dossier
from assay.questions.environment_diff import EnvironmentDiff, diff_environments
from assay.questions.parameter_diff import ParameterDiff, diff_parameters
from assay.questions.verdict_diff import VerdictDiff, diff_verdicts
from assay.records import Step
from assay.store import Store


@dataclass(frozen=True)
class CodeDiff:
    """The code that a step ran, in each model; None where the model has no statement of the step.

    same: by the digests of the code where both are stated, else by commits; None where those say too little, as outside
    a checkout or with uncommitted changes.
    """

    step: Step
    a: Provenance | None
    b: Provenance | None

    @property
    def same(self) -> bool | None:
        if self.a is None or self.b is None:
            return None
        if self.a.code and self.b.code:
            return self.a.code == self.b.code
        told = all(one.git_sha and not one.is_dirty for one in (self.a, self.b))
        return self.a.git_sha == self.b.git_sha if told else None

    def to_json(self) -> JsonObject:
        return {"step": self.step.value, "same": self.same, "a": _code_json(self.a), "b": _code_json(self.b)}


@dataclass(frozen=True)
class ModelDiff:
    """B against A. Everything compared is listed, alike or not, so that nothing was left out in silence."""

    a: Dossier
    b: Dossier
    roles: tuple[RoleDiff, ...]
    sources: tuple[SourceDiff, ...]
    code: tuple[CodeDiff, ...]
    parameters: tuple[ParameterDiff, ...]
    environment: EnvironmentDiff
    verdicts: tuple[VerdictDiff, ...]
    seconds: float

    @property
    def same_model(self) -> bool:
        """Whether both names mean one model."""
        return self.a.model.sha256 == self.b.model.sha256

    def to_json(self) -> JsonObject:
        data: JsonObject = {
            "versions": [role.to_json() for role in self.roles],
            "sources": [source.to_json() for source in self.sources],
        }
        return {
            "a": self.a.to_json(),
            "b": self.b.to_json(),
            "same_model": self.same_model,
            "data": data,
            "code": _all_json(self.code),
            "parameters": _all_json(self.parameters),
            "environment": self.environment.to_json(),
            "verdicts": _all_json(self.verdicts),
            "seconds": round(self.seconds, 6),
        }


def diff_models(reference_a: str, reference_b: str, ledger: Ledger, lineage: LineageStore, store: Store) -> ModelDiff:
    """reference_a, reference_b: model/NAME[:VERSION|@ALIAS|@DIGEST] or a digest.

    Raises SpecError when one names no exported model, IntegrityError when a statement or an object was changed.
    """
    started = time.perf_counter()
    a, b = (open_dossier(reference, ledger, lineage) for reference in (reference_a, reference_b))
    return replace(diff_dossiers(a, b, store), seconds=time.perf_counter() - started)


def diff_dossiers(a: Dossier, b: Dossier, store: Store) -> ModelDiff:
    """Reads the lists of packages and, where they differ, row ids. Raises IntegrityError when an object was changed."""
    started = time.perf_counter()
    return ModelDiff(
        a=a,
        b=b,
        roles=diff_roles(a, b, store),
        sources=diff_sources(a, b),
        code=tuple(_code(step, a, b) for step in a.statements if a.statements[step] or b.statements[step]),
        parameters=diff_parameters(a, b),
        environment=diff_environments(a, b, store),
        verdicts=diff_verdicts(a, b),
        seconds=time.perf_counter() - started,
    )


def _code(step: Step, a: Dossier, b: Dossier) -> CodeDiff:
    old, new = (dossier.statements.get(step) for dossier in (a, b))
    return CodeDiff(step, old.record.provenance if old else None, new.record.provenance if new else None)


def _code_json(code: Provenance | None) -> JsonObject | None:
    return {"git_sha": code.git_sha, "is_dirty": code.is_dirty, "code": code.code} if code else None


def _all_json(parts: "tuple[CodeDiff, ...] | tuple[ParameterDiff, ...] | tuple[VerdictDiff, ...]") -> list[Json]:
    return [part.to_json() for part in parts]
