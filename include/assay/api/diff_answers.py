"""The shape of a diff of two models, for OpenAPI."""

from typing import Any, Literal

from pydantic import BaseModel

from assay.api.answers import ModelAnswer

_Verdict = Literal["passed", "failed", "not_checked"]


class SubjectAnswer(BaseModel):
    """Something named by its digest."""

    name: str
    sha256: str


class RowsAnswer(BaseModel):
    """By row id; null where it is not known, and `why` says so."""

    a: int | None
    b: int | None
    both: int | None
    only_a: int | None
    only_b: int | None
    why: str


class RoleAnswer(BaseModel):
    """The dataset version that plays `role` in each model."""

    role: str
    same: bool
    a: SubjectAnswer | None
    b: SubjectAnswer | None
    rows: RowsAnswer


class SourceAnswer(BaseModel):
    """SHA-256 of the bytes that one source gave; null where the model did not use it."""

    uri: str
    same: bool
    a: str | None
    b: str | None


class DataAnswer(BaseModel):
    """Dataset versions by role, sources by address."""

    versions: list[RoleAnswer]
    sources: list[SourceAnswer]


class CommitAnswer(BaseModel):
    """git_sha: "" outside a checkout. code: digest of the code that ran, "" where it is not stated."""

    git_sha: str
    is_dirty: bool
    code: str


class CodeAnswer(BaseModel):
    """same: null where nothing tells. a, b: null where the model has no statement of the step."""

    step: str
    same: bool | None
    a: CommitAnswer | None
    b: CommitAnswer | None


class ParameterAnswer(BaseModel):
    """STEP.KEY and its JSON value in each model."""

    name: str
    same: bool
    a: Any
    b: Any


class StepEnvironmentAnswer(BaseModel):
    """Digests of the lists of packages."""

    step: str
    same: bool
    a: str
    b: str


class PackageAnswer(BaseModel):
    """A package whose version differs; null where it was not installed."""

    name: str
    a: str | None
    b: str | None
    steps: list[str]


class EnvironmentAnswer(BaseModel):
    """unknown: digests whose list is not in the store."""

    steps: list[StepEnvironmentAnswer]
    packages: list[PackageAnswer]
    unknown: list[str]


class CheckAnswer(BaseModel):
    """What one check said."""

    verdict: _Verdict
    measured: float | None
    threshold: float | None


class VerdictAnswer(BaseModel):
    """One check in both models; null where it was not asked."""

    step: str
    check: str
    same: bool
    a: CheckAnswer | None
    b: CheckAnswer | None


class DiffAnswer(BaseModel):
    """Everything that was compared, alike or not."""

    a: ModelAnswer
    b: ModelAnswer
    same_model: bool
    data: DataAnswer
    code: list[CodeAnswer]
    parameters: list[ParameterAnswer]
    environment: EnvironmentAnswer
    verdicts: list[VerdictAnswer]
    seconds: float
