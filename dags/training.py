"""Training, one Airflow DAG a pipeline: from raw rows to a served model; a refusal ends the run early and well."""

from datetime import timedelta
from functools import partial

from airflow.sdk import DAG

from assay.records import Step
from operators.approval import ApproveOperator
from operators.assets import model_asset
from operators.form import train_form
from operators.ray_release import ReleaseRayOperator
from operators.schedule import START, training_schedule
from operators.specs import sound_specs
from operators.station import StationOperator

for spec in sound_specs():
    with DAG(
        dag_id=f"{spec.name}.train",
        description=spec.description or f"Collect, screen, train, examine, decide and serve {spec.name}",
        schedule=training_schedule(spec),
        start_date=START,
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        params=train_form(spec),
        default_args={"owner": spec.owner or "assay"},
        tags=["assay", spec.name],
    ):
        station = partial(StationOperator, pipeline=spec.name)
        collect = station(step=Step.COLLECT)
        validate = station(step=Step.VALIDATE)
        screen = station(step=Step.SCREEN)
        split = station(step=Step.SPLIT)
        train = station(
            step=Step.TRAIN,
            pool=spec.train.pool,
            priority_weight=spec.priority,
            weight_rule="absolute",
            execution_timeout=timedelta(seconds=spec.train.budget.seconds) + timedelta(minutes=15),
        )
        release_ray = ReleaseRayOperator(task_id="release_ray").as_teardown()
        export = station(step=Step.EXPORT)
        examine = station(step=Step.ASSAY, execution_timeout=timedelta(hours=4))
        gate = station(step=Step.GATE)
        register = station(step=Step.REGISTER)
        deploy = station(step=Step.DEPLOY, outlets=[model_asset(spec.name)])

        collect >> validate >> screen >> split >> train >> export >> examine >> gate
        train >> release_ray
        if spec.approval.people:
            gate >> ApproveOperator(pipeline=spec.name, approval=spec.approval) >> register
        else:
            gate >> register
        register >> deploy
