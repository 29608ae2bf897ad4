"""Stations as Airflow runs them: real DAG runs, a real ledger, small stations of the test's own."""

from typing import Any

import pytest

from assay.records import Step, Verdict
from assay.workbench import Workbench

DAG_FILE = '''
"""An Airflow DAG of stations whose verdicts the run's parameters decide."""
from datetime import timedelta

from airflow.sdk import DAG, Param
from assay.errors import EngineUnavailable, IntegrityError, NothingServed
from assay.records import Check, Step, StepReport, Subject, Verdict
from operators.ray_release import ReleaseRayOperator
from operators.station import StationOperator

ERRORS = {"tampered": IntegrityError, "down": EngineUnavailable, "idle": NothingServed}


class Told(StationOperator):
    """Does what the parameter of its name says."""

    def station(self, context, spec):
        def step(request, bench):
            word = str(request.parameters[self.step.value])
            if word in ERRORS:
                raise ERRORS[word](f"{self.step.value} is {word}")
            digest = bench.store.put_bytes(self.step.value.encode())
            return StepReport(
                self.step, spec.name, Verdict(word), products={self.step.value: Subject("dataset/toy", digest)},
                inputs=dict(request.inputs), checks=(Check("told", Verdict(word), "as the parameter said"),),
            )

        return step


steps = (Step.COLLECT, Step.VALIDATE, Step.ASSAY, Step.GATE)
with DAG(dag_id="toy.told", params={step.value: Param("passed") for step in steps}):
    collect, validate, examine, gate = (Told(pipeline="toy", step=step, retry_delay=timedelta(0)) for step in steps)
    collect >> validate >> examine >> gate
    validate >> ReleaseRayOperator(task_id="release_ray").as_teardown()
'''


@pytest.fixture
def told(draw: Any) -> Any:
    """Runs the DAG with the given verdicts; returns {task: (state, tries, return value)} and the run's state."""
    dag = draw(DAG_FILE)

    def run(**verdicts: str) -> tuple[str, dict[str, tuple[str, int, Any]]]:
        ended = dag.test(run_conf=verdicts)
        tasks = {ti.task_id: (str(ti.state), ti.try_number, _returned(ti)) for ti in ended.get_task_instances()}
        return str(ended.state), tasks

    return run


def _returned(ti: Any) -> Any:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        query = XComModel.get_many(run_id=ti.run_id, task_ids=ti.task_id, dag_ids=ti.dag_id, key="return_value")
        found = session.scalars(query).first()
        return XComModel.deserialize_value(found) if found else None


def test_products_reach_every_later_station_and_every_step_is_signed(told: Any, bench: Workbench) -> None:
    state, tasks = told()
    assert state == "success"
    assert set(tasks["gate"][2]["inputs"]) == {"collect", "validate", "assay"}
    entries = bench.ledger.find(pipeline="toy", newest_first=False, limit=10)
    assert [entry.report.step for entry in entries] == [Step.COLLECT, Step.VALIDATE, Step.ASSAY, Step.GATE]
    context = entries[0].context
    assert (context.trigger, context.dag_id, context.task_id, context.try_number) == (
        "manual",
        "toy.told",
        "collect",
        1,
    )


def test_refusal_skips_what_follows_and_ends_well_with_its_report(told: Any, bench: Workbench) -> None:
    state, tasks = told(validate="failed")
    assert state == "success"
    assert {task: found[0] for task, found in tasks.items()} == {
        "collect": "success",
        "validate": "success",
        "assay": "skipped",
        "gate": "skipped",
        "release_ray": "success",
    }
    assert tasks["validate"][2]["verdict"] == "failed"
    (entry,) = bench.ledger.find(step=Step.VALIDATE, pipeline="toy", newest_first=True, limit=1)
    assert entry.report.verdict is Verdict.FAILED


def test_check_that_was_not_made_stops_like_a_refusal(told: Any) -> None:
    assert told(validate="not_checked")[1]["assay"][0] == "skipped"


def test_failed_assay_goes_on_to_the_gate(told: Any) -> None:
    state, tasks = told(assay="failed", gate="failed")
    assert (state, tasks["gate"][0], tasks["gate"][2]["verdict"]) == ("success", "success", "failed")


def test_tampering_fails_at_once_and_is_never_retried(told: Any) -> None:
    state, tasks = told(validate="tampered")
    assert (state, tasks["validate"][0], tasks["validate"][1]) == ("failed", "failed", 1)
    assert tasks["release_ray"][0] == "success"


def test_nothing_to_watch_is_a_calm_skip_without_evidence(told: Any, bench: Workbench) -> None:
    state, tasks = told(collect="idle")
    assert (state, tasks["collect"][0], tasks["gate"][0]) == ("success", "skipped", "skipped")
    assert not bench.ledger.find(pipeline="toy", limit=1)


def test_missing_engine_is_asked_again(told: Any) -> None:
    state, tasks = told(collect="down")
    assert (state, tasks["collect"][0]) == ("failed", "failed")
    assert tasks["collect"][1] == 4
