"""The DAGs that real specs draw, parsed in a process of its own so that nothing else has been imported."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

MODEL = """
from typing import Annotated, Literal

from assay.sdk import GradientModel, Range


class Toy(GradientModel):
    def train_function(self, train, context, *, epochs: Annotated[int, Range(1, 50)] = 5, kind: Literal["a", "b"] = "a",
                       rate: float = 0.1):
        ...

    def predict_function(self, inputs): ...
    def save_function(self, folder): ...
    def load_function(self, folder): ...
    def export_function(self, path): ...
    def module_function(self): ...
    def to_model_space(self, inputs): ...
"""
PLAIN = """
name: {name}
data:
  collector:
    sources: [{{source: path, path: /nowhere}}]
    kind: image
train:
  model: toy_model:Toy
"""
FULL = (
    PLAIN.format(name="full")
    + """
  pool: gpu
  parameters: {epochs: 7}
  budget: {seconds: 60}
schedule: "0 3 * * *"
priority: 9
owner: ml-team
approval:
  approvers: [alice]
"""
)
BY_HAND = (
    PLAIN.format(name="by_hand")
    + """
monitor: {schedule: null, retrain: null}
"""
)


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("dags")
    (home / "toy_model.py").write_text(MODEL)
    pipelines = home / "pipelines"
    pipelines.mkdir()
    (pipelines / "plain.yaml").write_text(PLAIN.format(name="plain"))
    (pipelines / "full.yaml").write_text(FULL)
    (pipelines / "by_hand.yaml").write_text(BY_HAND)
    (pipelines / "lost.yaml").write_text(PLAIN.format(name="lost").replace("toy_model", "gone"))
    (pipelines / "broken.yaml").write_text(PLAIN.format(name="broken") + "  modle: x\n")
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL",
        "ASSAY_HOME": str(home),
        "ASSAY_PIPELINES": str(pipelines),
        "PYTHONPATH": str(home),
    }
    script = Path(__file__).with_name("parse_dags.py")
    command = [sys.executable, str(script)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return document


def test_sound_specs_draw_their_dags_although_another_is_broken(parsed: dict[str, Any]) -> None:
    stages, pipelines = ("train", "watch", "rollback"), ("plain", "full", "by_hand")
    sound = {f"{name}.{stage}" for name in pipelines for stage in stages}
    alone = {"assay.benchmark", "assay.verify_ledger"}
    assert {dag for dag in parsed["dags"] if not dag.startswith("lost.")} == sound | alone


def test_lost_model_class_stops_training_but_neither_watch_nor_rollback(parsed: dict[str, Any]) -> None:
    assert {dag for dag in parsed["dags"] if dag.startswith("lost.")} == {"lost.watch", "lost.rollback"}
    assert "lost.yaml" in next(iter(parsed["errors"].values()))


def test_broken_spec_is_shown_as_an_import_error_with_its_line(parsed: dict[str, Any]) -> None:
    (file,) = parsed["errors"]
    assert file.endswith("broken_specs.py")
    assert "broken.yaml:9: train.modle: unknown key" in parsed["errors"][file]


def test_parsing_imports_nothing_heavy(parsed: dict[str, Any]) -> None:
    assert parsed["heavy"] == []


def test_training_graph_reads_as_the_loop(parsed: dict[str, Any]) -> None:
    assert parsed["dags"]["plain.train"]["edges"] == {
        "collect": ["validate"],
        "validate": ["screen"],
        "screen": ["split"],
        "split": ["train"],
        "train": ["export", "release_ray"],
        "release_ray": [],
        "export": ["assay"],
        "assay": ["gate"],
        "gate": ["register"],
        "register": ["deploy"],
        "deploy": [],
    }
    assert parsed["dags"]["plain.train"]["teardowns"] == ["release_ray"]
    assert parsed["dags"]["plain.train"]["max_active_runs"] == 1


def test_approvers_stand_between_gate_and_registry(parsed: dict[str, Any]) -> None:
    edges = parsed["dags"]["full.train"]["edges"]
    assert (edges["gate"], edges["approve"]) == (["approve"], ["register"])


@pytest.mark.parametrize(
    ("pipeline", "timetable"),
    [("full", "AssetOrTimeSchedule"), ("plain", "AssetTriggeredTimetable"), ("by_hand", "NullTimetable")],
)
def test_training_starts_by_clock_or_drift_or_hand(parsed: dict[str, Any], pipeline: str, timetable: str) -> None:
    assert parsed["dags"][f"{pipeline}.train"]["timetable"] == timetable


def test_training_waits_in_the_specs_pool_with_its_priority(parsed: dict[str, Any]) -> None:
    dag = parsed["dags"]["full.train"]
    assert (dag["pool"]["train"], dag["weights"]["train"]) == ("gpu", 9)
    assert dag["timeouts"]["train"] > 60


def test_form_holds_the_models_typed_parameters(parsed: dict[str, Any]) -> None:
    params = parsed["dags"]["full.train"]["params"]
    assert params["epochs"]["value"] == 7
    assert params["epochs"]["schema"] == {"type": "integer", "title": "epochs", "minimum": 1, "maximum": 50}
    assert params["kind"]["schema"]["enum"] == ["a", "b"]
    assert params["robust_method"]["schema"]["enum"] == ["none", "fgsm_rs", "pgd"]
    assert params["seed"]["value"] == 0


def test_only_the_drift_signal_publishes_the_drift_asset(parsed: dict[str, Any]) -> None:
    assert parsed["dags"]["plain.watch"]["edges"] == {"watch": ["signal_drift"], "signal_drift": []}
    assert parsed["dags"]["plain.watch"]["outlets"]["signal_drift"] == ["x-assay://drift/plain"]
    assert not any("drift" in uri for uris in parsed["dags"]["plain.train"]["outlets"].values() for uri in uris)


def test_every_task_has_a_timeout(parsed: dict[str, Any]) -> None:
    for dag in parsed["dags"].values():
        assert all(dag["timeouts"][task] for task in dag["edges"])
