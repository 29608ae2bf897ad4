"""Assay's operators under a real Airflow: scheduler, API server, DAG processor and worker processes.

The stations are the test's own and small; what is examined is everything around them.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from assay.airflow_api import AirflowApi
from assay.cli.run_follow import follow
from assay.errors import AssayError
from assay.json_types import JsonObject
from assay.ledger import Ledger, LedgerEntry
from assay.process_tree import end_processes, with_descendants
from assay.records import Step, Verdict
from assay.settings import Settings

pytestmark = pytest.mark.engines

AIRFLOW = str(Path(sys.executable).with_name("airflow"))
PASSWORD = "only-here"
DAG_FILE = '''
"""Airflow DAGs of pipeline toy: stations that do what the run's parameters say."""
import time
from datetime import timedelta

from airflow.sdk import DAG, Param
from assay.digests import sha256_json
from assay.records import Check, Step, StepReport, Subject, Verdict
from assay.settings import load_settings
from assay.spec_file import load_spec
from operators.approval import ApproveOperator
from operators.assets import drift_asset
from operators.drift import SignalDriftOperator
from operators.ray_release import ReleaseRayOperator
from operators.station import StationOperator
from tasks.decide_promotion import policy_json

PRODUCTS = {Step.COLLECT: "raw", Step.EXPORT: "model", Step.WATCH: "window", Step.DEPLOY: "deployment"}


class Told(StationOperator):
    def station(self, context, spec):
        def step(request, bench):
            time.sleep(float(request.parameters.get("sleep", 0)))
            verdict = Verdict(request.parameters.get(self.step.value, "passed"))
            named = f"{self.step.value} {request.context.run_id}".encode()
            subject = Subject("x/toy", bench.store.put_bytes(named))
            products = {PRODUCTS[self.step]: subject} if self.step in PRODUCTS else {}
            judged = ("model",) if self.step is Step.GATE and "model" in request.inputs else ()
            facts = {"retrain": verdict is Verdict.FAILED, "policy_sha256": sha256_json(policy_json(spec))}
            return StepReport(self.step, spec.name, verdict, products=products, inputs=dict(request.inputs),
                              judged=judged, checks=(Check("told", verdict, "as told"),), facts=facts)

        return step


def stations(*steps):
    return [Told(pipeline="toy", step=step, retry_delay=timedelta(seconds=1)) for step in steps]


with DAG("toy.train", schedule=[drift_asset("toy")], params={"gate": "passed", "sleep": 0}, max_active_runs=1,
         is_paused_upon_creation=False):
    collect, gate, deploy = stations(Step.COLLECT, Step.GATE, Step.DEPLOY)
    collect >> gate >> deploy
    collect >> ReleaseRayOperator(task_id="release_ray").as_teardown()

with DAG("toy.watch", params={"watch": "failed"}, is_paused_upon_creation=False):
    (watch,) = stations(Step.WATCH)
    watch >> SignalDriftOperator(task_id="signal_drift", pipeline="toy", watch_task_id="watch")

with DAG("toy.approved", is_paused_upon_creation=False):
    export, gate, register = stations(Step.EXPORT, Step.GATE, Step.REGISTER)
    approval = load_spec(load_settings().pipelines / "toy.yaml").approval
    export >> gate >> ApproveOperator(pipeline="toy", approval=approval) >> register
'''
SPEC = """
name: toy
data: {collector: {sources: [{source: path, path: /nowhere}], reader: csv}}
train: {model: 'live_model:Toy'}
approval: {approvers: [admin, bob]}
"""
MODEL = """
from assay.sdk import TrainableModel


class Toy(TrainableModel):
    def train_function(self, train, context): ...
    def predict_function(self, inputs): ...
    def save_function(self, folder): ...
    def load_function(self, folder): ...
    def export_function(self, path): ...
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("live")
    for name in ("dags", "pipelines", "airflow"):
        (folder / name).mkdir()
    (folder / "dags" / "toy.py").write_text(DAG_FILE)
    (folder / "live_model.py").write_text(MODEL)
    (folder / "pipelines" / "toy.yaml").write_text(SPEC)
    passwords = folder / "airflow" / "simple_auth_manager_passwords.json.generated"
    passwords.write_text(json.dumps({"admin": PASSWORD, "bob": PASSWORD}))
    return folder


@pytest.fixture(scope="module")
def settings(home: Path, postgres_server: str) -> Iterator[Settings]:
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE live")
    url = psycopg.conninfo.make_conninfo(postgres_server, dbname="live")
    yield Settings(
        home=home,
        pipelines=home / "pipelines",
        keys=home / "keys",
        database_url=url,  # type: ignore[arg-type]
        store_url=(home / "store").as_uri(),
    )
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("DROP DATABASE live WITH (FORCE)")


@pytest.fixture(scope="module")
def airflow_url(home: Path, settings: Settings) -> Iterator[str]:
    """The URL of a whole Airflow; all of its processes end with the module."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    environment = _environment(home, settings, url, port)
    subprocess.run([AIRFLOW, "db", "migrate"], env=environment, check=True, capture_output=True, timeout=120)
    with contextlib.ExitStack() as stack:
        for component in (["api-server"], ["scheduler", "--skip-serve-logs"], ["dag-processor"]):
            log = stack.enter_context((home / f"{component[0]}.log").open("wb"))
            process = subprocess.Popen([AIRFLOW, *component], env=environment, stdout=log, stderr=log)
            stack.callback(_end, psutil.Process(process.pid))
        api = AirflowApi(url, "admin", PASSWORD)
        _wait(lambda: all(api.has_dag(f"toy.{stage}") for stage in ("train", "watch", "approved")), "the DAGs")
        yield url


def _environment(home: Path, settings: Settings, url: str, port: int) -> dict[str, str]:
    lineage = {"type": "file", "log_file_path": f"{home}/lineage.jsonl", "append": True}
    airflow = {
        "CORE__DAGS_FOLDER": str(home / "dags"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__PARALLELISM": "2",
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,bob:op",
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow/airflow.db",
        "API__HOST": "127.0.0.1",
        "API__PORT": str(port),
        "API__BASE_URL": url,
        "API__WORKERS": "1",
        "API__SECRET_KEY": "s" * 32,
        "API_AUTH__JWT_SECRET": "j" * 64,
        "WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
        "OPENLINEAGE__TRANSPORT": json.dumps(lineage),
        "OPENLINEAGE__EXECUTE_IN_THREAD": "True",
    }
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "ASSAY_"))},
        **{f"AIRFLOW__{name}": value for name, value in airflow.items()},
        "AIRFLOW_HOME": str(home / "airflow"),
        "ASSAY_HOME": str(home),
        "ASSAY_PIPELINES": str(settings.pipelines),
        "ASSAY_KEYS": str(settings.keys),
        "ASSAY_DATABASE_URL": settings.database_url.get_secret_value(),
        "ASSAY_STORE_URL": settings.store_url,
        "PYTHONPATH": str(home),
    }


def _end(component: psutil.Process) -> None:
    end_processes(with_descendants([component]), grace_seconds=30)


@pytest.fixture
def api(airflow_url: str) -> AirflowApi:
    return AirflowApi(airflow_url, "admin", PASSWORD)


def _wait(done: Callable[[], Any], what: str, seconds: float = 180) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(AssayError):
            if found := done():
                return found
        time.sleep(0.5)
    raise AssertionError(f"{what} did not come within {seconds:.0f} s")


def _entries(settings: Settings, step: Step) -> list[LedgerEntry]:
    with contextlib.closing(Ledger.open(settings)) as ledger:
        return ledger.find(step=step, pipeline="toy")


def _drift_runs(api: AirflowApi) -> list[dict[str, Any]]:
    runs: Any = api._call("GET", "/dags/toy.train/dagRuns?limit=50&order_by=-run_after")["dag_runs"]
    return [run for run in runs if run["run_type"] == "asset_triggered" and run["state"] in ("success", "failed")]


def test_served_run_names_the_person_behind_it_in_every_statement(api: AirflowApi, settings: Settings) -> None:
    api.trigger("toy.train", "by-hand", {})
    outcome = follow(api, "toy.train", "by-hand")
    assert (outcome.verdict, outcome.exit_code) == (Verdict.PASSED, 0)
    (entry,) = [entry for entry in _entries(settings, Step.DEPLOY) if entry.context.run_id == "by-hand"]
    assert (entry.context.trigger, entry.context.actor, entry.context.dag_id) == ("manual", "admin", "toy.train")
    events = (settings.home / "lineage.jsonl").read_text()
    assert entry.context.openlineage_run_id in events


def test_refusal_ends_well_and_skips_the_rest(api: AirflowApi) -> None:
    api.trigger("toy.train", "refused", {"gate": "failed"})
    outcome = follow(api, "toy.train", "refused")
    assert (outcome.state, outcome.verdict, outcome.exit_code) == ("success", Verdict.FAILED, 3)
    states = {task.task_id: task.state for task in api.tasks("toy.train", "refused")}
    assert (states["deploy"], states["release_ray"]) == ("skipped", "success")


def test_signed_drift_starts_training_and_is_its_actor(api: AirflowApi, settings: Settings) -> None:
    api.trigger("toy.watch", "watch-1", {})
    (run,) = _wait(lambda: _drift_runs(api), "a run that drift started")
    assert run["state"] == "success"
    (watched,) = _entries(settings, Step.WATCH)
    (collected,) = [e for e in _entries(settings, Step.COLLECT) if e.context.run_id == run["dag_run_id"]]
    assert (collected.context.trigger, collected.context.actor) == ("drift", watched.sha256)


def test_forged_and_replayed_drift_events_are_refused(api: AirflowApi, settings: Settings) -> None:
    (watched,) = _entries(settings, Step.WATCH)
    signed = len(_entries(settings, Step.COLLECT))
    for statement, why in (("f" * 64, "signed watch statement"), (watched.sha256, "was answered by")):
        seen = len(_drift_runs(api))
        api.post_asset_event("toy_drift", {"statement": statement})
        _wait(lambda seen=seen: len(_drift_runs(api)) > seen, "the refused run")  # type: ignore[misc]
        runs = _drift_runs(api)
        assert runs[0]["state"] == "failed"
        tasks = {task.task_id: task for task in api.tasks("toy.train", runs[0]["dag_run_id"])}
        assert (tasks["collect"].state, tasks["collect"].tries) == ("failed", 1)
        error = api.last_error("toy.train", runs[0]["dag_run_id"], tasks["collect"])
        assert "PolicyViolation" in error
        assert why in error
    assert len(_entries(settings, Step.COLLECT)) == signed


def test_killed_task_is_tried_again_and_the_run_completes(api: AirflowApi) -> None:
    api.trigger("toy.train", "killed", {"sleep": 3})
    _wait(lambda: _kill_tasks("killed"), "the task's process")
    outcome = follow(api, "toy.train", "killed")
    assert outcome.verdict is Verdict.PASSED
    assert max(task.tries for task in api.tasks("toy.train", "killed")) == 2


def _kill_tasks(run_id: str) -> int:
    """kill -9 for every process that runs a task of this run; its supervisor, which holds the log open, lives on."""
    killed = 0
    for supervisor in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(f"run_id={run_id}" in file.path for file in supervisor.open_files()):
                for task in supervisor.children():
                    os.kill(task.pid, signal.SIGKILL)
                    killed += 1
    return killed


def _scheduler_saw_the_end_of(settings: Settings, run_id: str, asked: int) -> bool:
    """An answer before that, which only a machine could give, looks to Airflow 3.3 like a task killed from outside."""
    finished = f"TaskInstance Finished: dag_id=toy.approved, task_id=approve, run_id={run_id},"
    return (settings.home / "scheduler.log").read_text().count(finished) >= asked


def test_the_requester_is_asked_in_vain_and_a_second_person_approves(
    api: AirflowApi, airflow_url: str, settings: Settings
) -> None:
    run_id = "approval"
    api.trigger("toy.approved", run_id, {})
    task = f"/dags/toy.approved/dagRuns/{run_id}/taskInstances/approve"
    for asked, user in enumerate(("admin", "bob"), start=1):
        _wait(lambda: api._call("GET", task)["state"] == "awaiting_input", "the question")
        _wait(partial(_scheduler_saw_the_end_of, settings, run_id, asked), "the end of the asking process")
        person = AirflowApi(airflow_url, user, PASSWORD)
        answer: JsonObject = {"chosen_options": ["Approve"], "params_input": {"reason": "looked"}}
        person._call("PATCH", f"{task}/-1/hitlDetails", answer)
        _wait(partial(_have_answered, settings, run_id, asked), "the signed answer")
    assert follow(api, "toy.approved", run_id).state == "success"
    assert {task.task_id: task.state for task in api.tasks("toy.approved", run_id)}["register"] == "success"
    answers = [(entry.report.facts["responder"], entry.report.verdict) for entry in _answers(settings, run_id)]
    assert answers == [("admin", Verdict.FAILED), ("bob", Verdict.PASSED)]


def _have_answered(settings: Settings, run_id: str, count: int) -> bool:
    return len(_answers(settings, run_id)) == count


def _answers(settings: Settings, run_id: str) -> list[LedgerEntry]:
    """Oldest first."""
    found = [entry for entry in _entries(settings, Step.APPROVE) if entry.context.run_id == run_id]
    return sorted(found, key=lambda entry: entry.seq)
