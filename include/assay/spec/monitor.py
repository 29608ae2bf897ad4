"""`monitor` of a spec: when served traffic is judged, what counts as drift, and when that retrains."""

from typing import Annotated, Literal

from pydantic import Field

from assay.spec.part import Fraction, Part, Positive


class WindowSpec(Part):
    """The newest rows that are judged together."""

    rows: Positive = 500


class RetrainSpec(Part):
    """Retraining is an attack surface: enough samples, pauses between, at most so many a day."""

    alarms: list[Literal["features", "predictions", "performance"]] = Field(
        default=["features", "predictions", "performance"], min_length=1, description="detectors whose alarm retrains"
    )
    min_samples: Positive = 200
    cooldown_minutes: Annotated[int, Field(ge=0)] = 60
    max_per_day: Positive = 4


class MonitorSpec(Part):
    """When served traffic is judged, by what, and what counts as drift."""

    schedule: str | None = Field(default="*/15 * * * *", description="cron of the watch DAG; null: only by hand")
    window: WindowSpec = WindowSpec()
    detectors: list[Literal["features", "predictions", "performance"]] = Field(
        default=["features", "predictions", "performance"]
    )
    significance: Fraction = 0.01
    effect: Annotated[float, Field(ge=0)] = Field(default=0.2, description="smallest effect size that alarms")
    max_accuracy_loss: Fraction = 0.05
    retrain: RetrainSpec | None = RetrainSpec()
