"""The whole of a spec, one part a top key."""

from typing import Annotated

from pydantic import Field

from assay.spec.approval import ApprovalSpec
from assay.spec.assay import AssaySpec
from assay.spec.data import DataSpec
from assay.spec.deploy import DeploySpec
from assay.spec.gate import ChallengerRule, FairnessRule, MetricRule
from assay.spec.monitor import MonitorSpec
from assay.spec.part import Name, Part, Positive
from assay.spec.train import TrainSpec


class PipelineSpec(Part):
    """One model's life. `name` equals the file's stem; four keys suffice, the rest has safe defaults."""

    name: Name
    owner: str = ""
    description: str = ""
    schedule: str | None = Field(default=None, description="cron; null: only by hand or by drift")
    priority: Annotated[int, Field(ge=1, le=100)] = 1
    data: DataSpec
    train: TrainSpec
    assay: AssaySpec = AssaySpec()
    gate: list[MetricRule | FairnessRule | ChallengerRule] = Field(default=[ChallengerRule(challenger="accuracy")])
    approval: ApprovalSpec = ApprovalSpec()
    deploy: DeploySpec = DeploySpec()
    monitor: MonitorSpec = MonitorSpec()
    max_evidence_age_hours: Positive = 24
