"""`approval` of a spec: the people who must agree."""

from typing import Self

from pydantic import Field, model_validator

from assay.spec.part import Part, Positive


class ApprovalSpec(Part):
    """Named people who must approve before registration; whoever asked for the run is none of them, silence rejects."""

    approvers: list[str] = Field(default=[], description="people, by the name under which they log in to Airflow")
    roles: dict[str, list[str]] = Field(
        default={}, description="role: its people; of each role somebody must approve, as one of the quorum"
    )
    quorum: Positive = Field(default=1, description="how many of all these people must approve")
    timeout_minutes: Positive = Field(default=1440, description="for all answers, counted from the gate's decision")
    valid_hours: Positive = Field(default=24, description="an answer older than this counts no more")

    @property
    def people(self) -> tuple[str, ...]:
        """Everybody who may answer, once each."""
        return tuple(dict.fromkeys([*self.approvers, *(one for people in self.roles.values() for one in people)]))

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.people and self.quorum > len(self.people):
            raise ValueError(f"`quorum: {self.quorum}` of {len(self.people)} people; name more people or ask fewer")
        if not self.people and (self.quorum > 1 or self.roles):
            raise ValueError("expected `approvers` or people in every role, found nobody; name them")
        if empty := [role for role, people in self.roles.items() if not people]:
            raise ValueError(f"role {empty[0]!r} has no people; name them or leave it out")
        return self
