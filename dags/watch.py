"""Watching, one Airflow DAG a pipeline: judge the newest served requests; proven drift starts the training DAG."""

from airflow.sdk import DAG

from assay.records import Step
from operators.drift import SignalDriftOperator
from operators.schedule import START, cron
from operators.specs import sound_specs
from operators.station import StationOperator

for spec in sound_specs(check_classes=False):
    with DAG(
        dag_id=f"{spec.name}.watch",
        description=f"Judge what {spec.name} was asked lately; start its training when it drifted",
        schedule=cron(spec.monitor.schedule),
        start_date=START,
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        default_args={"owner": spec.owner or "assay"},
        tags=["assay", spec.name],
    ):
        watch = StationOperator(pipeline=spec.name, step=Step.WATCH)
        signal_drift = SignalDriftOperator(task_id="signal_drift", pipeline=spec.name, watch_task_id=watch.task_id)

        watch >> signal_drift
