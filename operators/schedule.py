"""When a pipeline's DAGs run: by the clock, by proven drift, by hand."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable

from operators.assets import drift_asset

if TYPE_CHECKING:
    from airflow.sdk import Asset

    from assay.spec import PipelineSpec

START = datetime(2025, 1, 1, tzinfo=UTC)


def training_schedule(spec: "PipelineSpec") -> "AssetOrTimeSchedule | CronTriggerTimetable | list[Asset] | None":
    """Cron or drift, whichever comes first; None: only by hand."""
    drift = [drift_asset(spec.name)] if spec.monitor.retrain else []
    clock = cron(spec.schedule)
    if clock and drift:
        return AssetOrTimeSchedule(timetable=clock, assets=drift)
    return clock or drift or None


def cron(expression: str | None) -> CronTriggerTimetable | None:
    """The cron timetable in UTC, or None for no expression."""
    return CronTriggerTimetable(expression, timezone="UTC") if expression else None
