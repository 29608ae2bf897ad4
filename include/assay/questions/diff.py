"""What differs between two models: data, code, parameters, environment and verdicts, each as signed."""

import time
from dataclasses import dataclass

from assay.json_types import Json, JsonObject
from assay.ledger import Ledger
from assay.lineage.store import LineageStore
from assay.questions.data_diff import RoleDiff, SourceDiff, diff_roles, diff_sources
from assay.questions.dossier import Dossier, open_dossier
from assay.questions.environment_diff import EnvironmentDiff, diff_environments
from assay.questions.parameter_diff import ParameterDiff, diff_parameters
from assay.questions.verdict_diff import VerdictDiff, diff_verdicts
from assay.records import Step
from assay.store import Store


@dataclass(frozen=True)
class CodeDiff:
    """The checkout a step ran from, in each model. a, b: git commit, "" where the step ran outside a checkout or never.

    same: None where it is not known: outside a checkout, or with uncommitted changes, a commit says too little.
    """

    step: Step
    a: str
    b: str
    a_dirty: bool
    b_dirty: bool

    @property
    def same(self) -> bool | None:
        known = self.a and self.b and not self.a_dirty and not self.b_dirty
        return self.a == self.b if known else None

    def to_json(self) -> JsonObject:
        return {
            "step": self.step.value,
            "same": self.same,
            "a": {"git_sha": self.a, "is_dirty": self.a_dirty},
            "b": {"git_sha": self.b, "is_dirty": self.b_dirty},
        }


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

    def to_json(self) -> JsonObject:
        data: JsonObject = {
            "versions": [role.to_json() for role in self.roles],
            "sources": [source.to_json() for source in self.sources],
        }
        return {
            "a": self.a.to_json(),
            "b": self.b.to_json(),
            "same_model": self.a.model.sha256 == self.b.model.sha256,
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
    return CodeDiff(
        step=step,
        a=old.record.provenance.git_sha if old else "",
        b=new.record.provenance.git_sha if new else "",
        a_dirty=bool(old and old.record.provenance.is_dirty),
        b_dirty=bool(new and new.record.provenance.is_dirty),
    )


def _all_json(parts: "tuple[CodeDiff, ...] | tuple[ParameterDiff, ...] | tuple[VerdictDiff, ...]") -> list[Json]:
    return [part.to_json() for part in parts]
