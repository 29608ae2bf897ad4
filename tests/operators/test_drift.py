"""The watch DAG's second task: an asset event with its statement, or none."""

from typing import Any

import pytest

from assay.workbench import Workbench

DAG_FILE = '''
"""An Airflow DAG whose watch says what the run's parameters say."""
from airflow.sdk import DAG, Param
from assay.records import Step, StepReport, Subject, Verdict
from operators.drift import SignalDriftOperator
from operators.station import StationOperator


class Watched(StationOperator):
    def station(self, context, spec):
        def step(request, bench):
            facts = {"retrain": request.parameters["retrain"], "retrain_reason": "as told"}
            window = Subject("dataset/toy.window", bench.store.put_bytes(request.context.run_id.encode()))
            return StepReport(self.step, spec.name, Verdict(request.parameters["verdict"]),
                              products={"window": window}, facts=facts)

        return step


with DAG(dag_id="toy.watched", params={"verdict": Param("failed"), "retrain": Param(True)}):
    watch = Watched(pipeline="toy", step=Step.WATCH)
    watch >> SignalDriftOperator(task_id="signal_drift", pipeline="toy", watch_task_id="watch")
'''


@pytest.fixture
def watched(draw: Any) -> Any:
    """Runs the DAG; returns the state of signal_drift and the extras of the drift events it made."""
    dag = draw(DAG_FILE)

    def run(**said: Any) -> tuple[str, list[dict[str, Any]]]:
        ended = dag.test(run_conf=said)
        (state,) = [str(ti.state) for ti in ended.get_task_instances() if ti.task_id == "signal_drift"]
        return state, _extras(ended.run_id)

    return run


def _extras(run_id: str) -> list[dict[str, Any]]:
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        return [event.extra for event in session.scalars(select(AssetEvent).filter_by(source_run_id=run_id))]


def test_drift_emits_one_event_that_names_its_signed_statement(watched: Any, bench: Workbench) -> None:
    state, extras = watched()
    (entry,) = bench.ledger.find(pipeline="toy", limit=10)
    assert state == "success"
    assert extras == [{"pipeline": "toy", "statement": entry.sha256}]


@pytest.mark.parametrize(
    "said", [{"verdict": "passed", "retrain": False}, {"retrain": False}, {"verdict": "not_checked"}]
)
def test_calm_or_too_soon_emits_nothing(watched: Any, said: dict[str, Any]) -> None:
    assert watched(**said) == ("skipped", [])
