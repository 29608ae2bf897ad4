"""The shape of a model's control map, for OpenAPI."""

from typing import Literal

from pydantic import BaseModel, Field

from assay.api.answers import ModelAnswer


class EvidenceAnswer(BaseModel):
    """shown: examined, and it held. against: examined, and it did not. absent: nothing believable speaks of it."""

    evidence: str = Field(examples=["poisoning"])
    shows: str
    state: Literal["shown", "against", "absent"]
    entries: list[int] = Field(description="of the ledger")
    checks: list[str]
    words: str = Field(description="what was found, or why it is absent")


class ControlAnswer(BaseModel):
    """What a framework demands, and what the ledger holds of it for this model."""

    framework: str = Field(examples=["EU AI Act"])
    id: str = Field(examples=["Art. 15"])
    title: str
    asks: str
    standing: Literal["evidenced", "partly evidenced", "evidence against", "not evidenced"]
    evidence: list[EvidenceAnswer]


class ControlsAnswer(BaseModel):
    """counts: how many controls stand how."""

    model: ModelAnswer
    counts: dict[str, int]
    controls: list[ControlAnswer]
