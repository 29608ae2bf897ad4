"""Rolling back, one Airflow DAG a pipeline: serve an earlier, still verified version again."""

from airflow.sdk import DAG, Param

from assay.records import Step
from operators.schedule import START
from operators.specs import sound_specs
from operators.station import StationOperator

for spec in sound_specs(check_classes=False):
    with DAG(
        dag_id=f"{spec.name}.rollback",
        description=f"Serve an earlier version of {spec.name} again",
        schedule=None,
        start_date=START,
        max_active_runs=1,
        is_paused_upon_creation=False,
        params={
            "to": Param(
                None,
                type=["null", "integer"],
                minimum=1,
                title="Version",
                description="registry version to serve; empty: the one served before",
            )
        },
        default_args={"owner": spec.owner or "assay"},
        tags=["assay", spec.name],
    ):
        StationOperator(pipeline=spec.name, step=Step.ROLLBACK)
