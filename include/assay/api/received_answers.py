"""The shapes of what the receiver answers, for OpenAPI. The batch's is OpenLineage's own, with `new` added."""

from typing import Any, Literal

from pydantic import BaseModel


class StoredAnswer(BaseModel):
    """Whether the event was new."""

    stored: bool


class BatchSummary(BaseModel):
    """new: of the successful, those that were not there before."""

    received: int
    successful: int
    failed: int
    retriable: int
    non_retriable: int
    new: int


class FailedEventAnswer(BaseModel):
    """index: in the batch, from 0. retriable: sent again as it is, it may be kept."""

    index: int
    reason: str
    retriable: bool


class BatchAnswer(BaseModel):
    """What became of a batch."""

    status: Literal["success", "partial_success"]
    summary: BatchSummary
    failed_events: list[FailedEventAnswer]


class KeptEventAnswer(BaseModel):
    """at: when it happened. run, state: empty for an event about a job or a dataset."""

    sha256: str
    at: str
    received_at: str
    run: str
    state: str
    producer: str


class KeptEventsAnswer(BaseModel):
    """The newest first."""

    events: list[KeptEventAnswer]


class EventAnswer(BaseModel):
    """The event in canonical form: its keys in order."""

    event: dict[str, Any]
