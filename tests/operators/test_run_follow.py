"""`assay run --follow` over runs that Airflow really made, read through its real API server."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from assay.airflow_api import AirflowApi
from assay.cli.run import run
from assay.cli.run_follow import follow
from assay.cli.run_outcome import RunOutcome
from assay.errors import AssayError, SpecError
from assay.records import Check, Step, StepReport, Subject, Verdict

DAG_FILE = '''
"""Airflow DAGs that end well, with a refusal and with a broken task."""
from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowFailException

for name, reports in {reports!r}.items():
    with DAG(dag_id=name + ".train"):
        before = None
        for report in reports:

            @task(task_id=report["step"])
            def station(report):
                if report["facts"].get("breaks"):
                    raise AirflowFailException(report["facts"]["breaks"])
                return report

            now = station(report)
            if before is not None:
                before >> now
            before = now
'''
RAW, MODEL = Subject("dataset/x", "a" * 64), Subject("model/x", "b" * 64)
COLLECTED = StepReport(Step.COLLECT, "x", Verdict.PASSED, products={"raw": RAW})
EXPORTED = StepReport(Step.EXPORT, "x", Verdict.PASSED, products={"model": MODEL})
REFUSED = StepReport(
    Step.GATE,
    "x",
    Verdict.FAILED,
    inputs={"model": MODEL},
    judged=("model",),
    checks=(Check("robust_accuracy", Verdict.FAILED, "too easily fooled [by PGD]", 0.1, 0.8),),
)
DEPLOYED = StepReport(Step.DEPLOY, "x", Verdict.PASSED, products={"deployment": Subject("deployment/x", "c" * 64)})


def _breaks(error: str) -> StepReport:
    return StepReport(Step.DEPLOY, "x", Verdict.NOT_CHECKED, facts={"breaks": error})


@pytest.fixture(scope="module")
def runs(airflow_home: Path) -> dict[str, str]:
    """Run ids of one finished run a DAG."""
    from airflow.dag_processing.dagbag import DagBag

    reports = {
        "served": [COLLECTED, EXPORTED, DEPLOYED],
        "refused": [COLLECTED, EXPORTED, REFUSED],
        "broken": [COLLECTED, _breaks("EngineUnavailable: Triton does not answer")],
    }
    file = airflow_home / "dags" / "follow.py"
    as_json = {name: [report.to_json() for report in chain] for name, chain in reports.items()}
    file.write_text(DAG_FILE.replace("{reports!r}", repr(json.loads(json.dumps(as_json)))))
    bag = DagBag(str(file))
    assert not bag.import_errors
    return {name: str(bag.dags[f"{name}.train"].test().run_id) for name in reports}


def _follow(url: str, runs: dict[str, str], name: str) -> RunOutcome:
    api = AirflowApi(url, "admin", os.environ["ASSAY_TEST_AIRFLOW_PASSWORD"], patience_seconds=2)
    return follow(api, f"{name}.train", runs[name])


def test_served_run_passes_with_a_line_a_step(
    airflow_url: str, runs: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    outcome = _follow(airflow_url, runs, "served")
    assert (outcome.exit_code, outcome.verdict) == (0, Verdict.PASSED)
    document = outcome.to_json()
    assert (document["dataset"], document["model"]) == (RAW.sha256, MODEL.sha256)
    assert [step["step"] for step in document["steps"]] == ["collect", "export", "deploy"]  # type: ignore[union-attr,index,call-overload]
    assert 0 < outcome.task_seconds <= outcome.seconds
    err = capfd.readouterr().err
    assert "deployment/x@cccccccccccc" in err
    assert "/dags/served.train/runs/" in err


def test_refusal_is_a_normal_end_that_says_why(airflow_url: str, runs: dict[str, str]) -> None:
    outcome = _follow(airflow_url, runs, "refused")
    assert (outcome.state, outcome.verdict, outcome.exit_code) == ("success", Verdict.FAILED, 3)
    assert outcome.refusal() == ["gate: robust_accuracy: failed: too easily fooled [by PGD] (measured 0.1, bound 0.8)"]


def test_broken_task_ends_in_exit_1(airflow_url: str, runs: dict[str, str]) -> None:
    outcome = _follow(airflow_url, runs, "broken")
    assert (outcome.state, outcome.verdict, outcome.exit_code) == ("failed", Verdict.NOT_CHECKED, 1)
    assert [step.report.step for step in outcome.steps] == [Step.COLLECT]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("AirflowFailException: IntegrityError: model.onnx was changed", 3),
        ("AirflowFailException: PolicyViolation: no gate statement", 3),
        ("AirflowFailException: SpecError: path 'x': expected files, found none", 2),
        ("SourceUnreachable: s3://rows: is the object store up", 2),
        ("EngineUnavailable: Ray does not answer", 1),
        ("ValueError: SpecError: is only a word here", 1),
        ("", 1),
    ],
)
def test_the_family_of_a_tasks_error_decides_the_exit_code(error: str, code: int) -> None:
    assert RunOutcome("r", "failed", error=error).exit_code == code


def test_run_that_stops_before_serving_never_counts_as_passed() -> None:
    from assay.cli.run_outcome import StepOutcome

    assert RunOutcome("r", "success", (StepOutcome(COLLECTED, 1.0),)).exit_code == 3
    assert RunOutcome("r", "success").verdict is Verdict.NOT_CHECKED


@pytest.fixture
def pipelines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "cli_model.py").write_text(
        "from assay.sdk import TrainableModel\n\n\nclass Toy(TrainableModel):\n"
        "    def train_function(self, train, context, *, epochs: int = 5): ...\n"
        "    def predict_function(self, inputs): ...\n    def save_function(self, folder): ...\n"
        "    def load_function(self, folder): ...\n    def export_function(self, path): ...\n"
    )
    (tmp_path / "served.yaml").write_text(
        "name: served\ndata: {collector: {sources: [{source: path, path: /x}], reader: csv}}\n"
        "train: {model: 'cli_model:Toy', pool: default_pool}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    monkeypatch.setenv("ASSAY_PIPELINES", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["servd"], "served"),
        (["served", "--param", "epochs"], "NAME=VALUE"),
        (["served", "--param", "epoch=3"], "epochs"),
        (["served", "--param", "epochs=many"], "an integer"),
        (["served"], "ASSAY_AIRFLOW_URL"),
    ],
)
def test_wrong_use_is_refused_before_anything_starts(pipelines: Path, arguments: list[str], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        run.main(arguments, standalone_mode=False)


def test_triggered_run_is_named_in_the_one_json_document(
    pipelines: Path, airflow_url: str, runs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_AIRFLOW_URL", airflow_url)
    monkeypatch.setenv("ASSAY_AIRFLOW_USERNAME", "admin")
    monkeypatch.setenv("ASSAY_AIRFLOW_PASSWORD", os.environ["ASSAY_TEST_AIRFLOW_PASSWORD"])
    command = [sys.executable, "-c", "from assay.cli import main; main()", "run", "served", "--json"]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(pipelines)}, capture_output=True, timeout=60, check=True
    )
    document = json.loads(done.stdout)
    assert document["state"] == "queued"
    assert set(document) >= {"run_id", "state", "dataset", "model", "verdict", "steps", "seconds", "task_seconds"}


def test_pool_that_airflow_lacks_is_refused(
    pipelines: Path, airflow_url: str, runs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = pipelines / "served.yaml"
    file.write_text(file.read_text().replace("default_pool", "gpu"))
    monkeypatch.setenv("ASSAY_AIRFLOW_URL", airflow_url)
    monkeypatch.setenv("ASSAY_AIRFLOW_USERNAME", "admin")
    monkeypatch.setenv("ASSAY_AIRFLOW_PASSWORD", os.environ["ASSAY_TEST_AIRFLOW_PASSWORD"])
    with pytest.raises(AssayError, match="airflow pools set gpu"):
        run.main(["served"], standalone_mode=False)
