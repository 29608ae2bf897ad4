"""The client against Airflow's real API server on a throw-away database; only the scheduler is missing."""

import os
from pathlib import Path

import pytest
import requests

from assay.airflow_api import AirflowApi, NotFound
from assay.errors import EngineUnavailable, SpecError

PASSWORD = os.environ["ASSAY_TEST_AIRFLOW_PASSWORD"]
DAG_FILE = '''
"""An Airflow DAG with a task that answers and one that breaks."""
from airflow.sdk import DAG, Asset, task

with DAG(dag_id="toy.train", schedule=[Asset(name="toy_drift", uri="x-assay://drift/toy")], params={"epochs": 3}):

    @task
    def collect():
        return {"step": "collect", "nested": [1, {"a": None}]}

    @task
    def train():
        raise ValueError("the disk is full")

    collect() >> train()
'''


@pytest.fixture(scope="module")
def url(airflow_home: Path, airflow_url: str) -> str:
    """A served API whose database holds one failed run of toy.train."""
    from airflow.dag_processing.dagbag import DagBag

    file = airflow_home / "dags" / "toy_api.py"
    file.write_text(DAG_FILE)
    DagBag(str(file)).dags["toy.train"].test()
    return airflow_url


@pytest.fixture
def api(url: str) -> AirflowApi:
    return AirflowApi(url, "admin", PASSWORD, patience_seconds=2)


def _only_run(api: AirflowApi) -> str:
    runs = api._call("GET", "/dags/toy.train/dagRuns?order_by=run_after")["dag_runs"]
    return str(runs[0]["dag_run_id"])  # type: ignore[index,call-overload]


def test_run_is_read_back_with_its_tasks_and_results(api: AirflowApi) -> None:
    run_id = _only_run(api)
    state = api.run_state("toy.train", run_id)
    assert (state.state, state.is_over) == ("failed", True)
    assert [(task.task_id, task.state) for task in api.tasks("toy.train", run_id)] == [
        ("collect", "success"),
        ("train", "failed"),
    ]
    assert api.result("toy.train", run_id, "collect") == {"step": "collect", "nested": [1, {"a": None}]}
    assert api.result("toy.train", run_id, "train") is None


def test_triggering_twice_under_one_name_starts_one_run(api: AirflowApi) -> None:
    for _ in range(2):
        api.trigger("toy.train", "assay__1", {"epochs": 5})
    assert api.run_state("toy.train", "assay__1").state == "queued"


def test_unknown_names_are_not_found(api: AirflowApi) -> None:
    assert api.has_dag("toy.train")
    assert not api.has_dag("nothing.train")
    assert api.has_pool("default_pool")
    assert not api.has_pool("gpu")
    with pytest.raises(NotFound, match="unknown_asset"):
        api.post_asset_event("unknown_asset", {})


def test_asset_event_arrives_with_its_extra(api: AirflowApi) -> None:
    api.post_asset_event("toy_drift", {"statement": "a" * 64})
    (event,) = api._call("GET", "/assets/events")["asset_events"]  # type: ignore[misc]
    assert event["extra"]["statement"] == "a" * 64  # type: ignore[index,call-overload]


def test_wrong_password_is_a_usage_error(url: str) -> None:
    with pytest.raises(SpecError, match="ASSAY_AIRFLOW_PASSWORD"):
        AirflowApi(url, "admin", "wrong").has_dag("toy.train")


def test_forgotten_token_is_renewed(api: AirflowApi) -> None:
    api._token = "stale"
    assert api.has_dag("toy.train")


def test_silent_server_is_asked_again_until_patience_ends() -> None:
    now, waits = [0.0], []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    api = AirflowApi("http://127.0.0.1:9", "admin", "x", patience_seconds=5, sleep=sleep, clock=lambda: now[0])
    with pytest.raises(EngineUnavailable, match="within 5 s"):
        api.has_dag("toy.train")
    assert len(waits) == 5
    with pytest.raises(requests.ConnectionError):
        requests.get(api.url, timeout=1)
