"""The shapes of answers, for OpenAPI. Each is what the `to_json` of the thing it describes gives; a test holds them."""

from typing import Literal

from pydantic import BaseModel, Field


class Refusal(BaseModel):
    """Why nothing was answered: the family of the error, then what was expected, what was found, what to do."""

    error: str = Field(examples=["SpecError"])
    message: str


class NodeAnswer(BaseModel):
    """A version or actor; `at`: when it was first seen."""

    id: str
    type: str = Field(examples=["dataset", "model", "deployment", "source", "actor", "row"])
    name: str
    digest: str = Field(description='SHA-256, or "" where it has none')
    at: str


class EdgeAnswer(BaseModel):
    """`from` led to `to` in `run`. signed: the ledger tells it; otherwise a producer claims it."""

    origin: str = Field(alias="from")
    to: str
    run: str
    job: str
    at: str
    signed: bool


class DeclarationAnswer(BaseModel):
    """Somebody's signed word that `reference` is bad, in force now. entry: of the ledger."""

    reference: str
    reason: str
    by: str
    since: str
    entry: int


class MarkAnswer(DeclarationAnswer):
    """Node `id` is in quarantine. is_itself: it was declared bad; otherwise it was made of what was."""

    id: str
    is_itself: bool


class WalkAnswer(BaseModel):
    """quarantine: as of now, whatever `at`. truncated: there is more than `limit`, and the nearest is here."""

    nodes: list[NodeAnswer]
    edges: list[EdgeAnswer]
    seeds: list[str]
    seconds: float
    limit: int
    truncated: bool
    quarantine: list[MarkAnswer]


class DeploymentAnswer(BaseModel):
    """until: null while it serves. approved_by: people, and `gate` for the policy."""

    name: str
    version: str
    model: str
    deployment: str
    step: str
    run: str
    since: str
    until: str | None
    approved_by: list[str]
    quarantine: list[DeclarationAnswer] = Field(description="against it or what it was made of, as of now")


class ServedAnswer(BaseModel):
    """One entry a pipeline that served then."""

    deployments: list[DeploymentAnswer]


class ModelAnswer(BaseModel):
    """A model by its names."""

    name: str
    digest: str
    versions: list[str]


class TouchedAnswer(NodeAnswer):
    """reach: `ingredient`: a model has learned from it; `measured`: it was only held against it."""

    reach: Literal["ingredient", "measured"]


class SpanAnswer(BaseModel):
    """When a deployment answered with the model. ended_by: the step of the next switch, "" while it serves."""

    name: str
    version: str
    deployment: str
    since: str
    until: str | None
    ended_by: str
    live: bool


class ExposedModelAnswer(TouchedAnswer):
    """A model that was reached, and when it served."""

    versions: list[str]
    served: list[SpanAnswer]
    live: bool


class ExposureAnswer(BaseModel):
    """live: whether a model that learned from it serves. quarantine: as of now, whatever `at`."""

    ref: str
    at: str | None
    live: bool
    versions: list[TouchedAnswer]
    models: list[ExposedModelAnswer]
    truncated: bool
    quarantine: list[MarkAnswer]
    seconds: float


class HoleAnswer(BaseModel):
    """entry: of the ledger, null where nobody stated anything."""

    kind: Literal["no_statement", "not_asked", "not_attacked", "not_checked", "blind", "stale"]
    step: str
    what: str
    why: str
    entry: int | None


class CoverageAnswer(BaseModel):
    """checked: how many checks gave an answer, yes or no."""

    model: ModelAnswer
    checked: int
    not_checked: list[HoleAnswer]
    quarantine: list[DeclarationAnswer] = Field(description="against it or what it was made of")
    seconds: float


class DurationsAnswer(BaseModel):
    """Nearest-rank percentiles in seconds; null where nothing was measured, and `why` says so."""

    measured: int
    unmeasured: int
    open: int
    p50_seconds: float | None
    p90_seconds: float | None
    max_seconds: float | None
    why: str


class FrequencyAnswer(BaseModel):
    """Changes a day; null in a window shorter than a day, and `why` says so."""

    changes: int
    days: float | None
    per_day: float | None
    why: str


class FailuresAnswer(BaseModel):
    """rate: share of changes that failed, in [0, 1]."""

    changes: int
    failed: int
    rate: float | None
    by_cause: dict[str, int]
    why: str


class DoraAnswer(BaseModel):
    """pipeline: null for all together."""

    pipeline: str | None
    since: str | None
    until: str
    lead_time: DurationsAnswer
    deployment_frequency: FrequencyAnswer
    change_failure_rate: FailuresAnswer
    time_to_restore: DurationsAnswer
    seconds: float
