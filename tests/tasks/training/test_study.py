"""Studies on a real Ray: searched, pruned, stopped by budget, killed and resumed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from assay.errors import SpecError
from assay.sdk import Rows
from assay.settings import Settings
from assay.spec import ResourceSpec, TrainSpec
from tasks.train_model import best_outcome
from tasks.training.ray_session import ray_session
from tasks.training.rows import split_validation
from tasks.training.study import Study, StudyResult, run_study
from tasks.training.trials import plan_trials

pytestmark = pytest.mark.engines

MODELS = "tests.tasks.training.trial_models"


@pytest.fixture(scope="module")
def connected() -> Iterator[None]:
    with ray_session(Settings(), ResourceSpec(), 10_000):
        yield


def study_of(folder: Path, model: str = "Threshold", **train: Any) -> Study:
    spec = TrainSpec.model_validate({"model": f"{MODELS}:{model}", **train})
    return Study(folder / "results" / "study", plan_trials(spec), spec, {"model": spec.model})


def run(study: Study, spoken: list[str] | None = None) -> StudyResult:
    generator = np.random.default_rng(0)
    inputs = generator.random((400, 3)).astype(np.float32)
    rows = Rows(inputs, (inputs[:, 0] > 0.5).astype(np.int64), tuple(map(str, range(400))))
    return run_study(study, split_validation(rows), (spoken if spoken is not None else []).append)


def test_grid_finds_the_best_values_and_says_every_epoch(connected: None, tmp_path: Path) -> None:
    spoken: list[str] = []
    study = study_of(tmp_path, executor="grid", search={"cut": [0.2, 0.5, 0.9]}, budget={"trials": 3}, seed=10)
    result = run(study, spoken)
    best = best_outcome(result, "accuracy", "max")
    assert best is not None and best.trial.parameters == {"cut": 0.5} and best.metrics["accuracy"] == 1.0
    assert best.metrics["progress"] == 1.0, "log_metric inside train_function"
    assert [outcome.metrics["seed"] for outcome in result.outcomes] == [10, 11, 12]
    assert all(outcome.ended == "final" and len(outcome.history) == 3 for outcome in result.outcomes)
    assert result.stopped_by == ""
    assert sum("epoch 2" in line for line in spoken) == 3


def test_grid_larger_than_the_budget_is_cut_and_says_so(connected: None, tmp_path: Path) -> None:
    result = run(study_of(tmp_path, executor="grid", search={"cut": [0.1, 0.2, 0.3]}, budget={"trials": 2}))
    assert len(result.outcomes) == 2 and result.stopped_by == "trials"


def test_failing_trial_is_reported_once_and_the_others_count(connected: None, tmp_path: Path) -> None:
    result = run(study_of(tmp_path, "Fragile", executor="grid", search={"cut": [0.9, 0.4]}, budget={"trials": 2}))
    failed, fine = result.outcomes
    assert failed.ended == "failed" and "a cut above 0.8 is nonsense" in failed.error
    best = best_outcome(result, "accuracy", "max")
    assert best is not None and best.trial == fine.trial


def test_metric_that_nobody_reports_is_named(connected: None, tmp_path: Path) -> None:
    result = run(study_of(tmp_path, metric="brilliance"))
    assert "brilliance" in result.outcomes[0].error and "accuracy" in result.outcomes[0].error
    assert best_outcome(result, "brilliance", "max") is None


def test_asha_prunes_the_worst_trials(connected: None, tmp_path: Path) -> None:
    study = study_of(
        tmp_path, executor="asha", search={"cut": [0.5, 0.05, 0.95]}, budget={"trials": 6},
        parameters={"epochs": 9, "pause": 0.05}, seed=3,
    )  # fmt: skip
    result = run(study)
    assert {outcome.ended for outcome in result.outcomes} <= {"final", "stopped"}
    assert any(outcome.ended == "stopped" and len(outcome.history) < 9 for outcome in result.outcomes)
    best = best_outcome(result, "accuracy", "max")
    assert best is not None and best.ended == "final"


def test_spent_seconds_end_the_trial_cleanly_with_its_model(connected: None, tmp_path: Path) -> None:
    started = time.monotonic()
    result = run(study_of(tmp_path, parameters={"epochs": 1000, "pause": 0.5}, budget={"seconds": 8}))
    assert time.monotonic() - started < 60
    assert result.stopped_by == "seconds"
    (outcome,) = result.outcomes
    assert outcome.checkpoint is not None and (outcome.checkpoint / "cut.json").is_file()
    assert 0 < outcome.metrics["epoch"] < 1000


def test_trial_that_no_node_can_hold_is_refused(connected: None) -> None:
    from tasks.training.ray_session import _can_hold

    with pytest.raises(SpecError, match="5000 CPUs"):
        _can_hold(ResourceSpec(cpus=5000))


_KILLED = """
import sys
from pathlib import Path
from assay.settings import Settings
from tasks.training.ray_session import ray_session
from tests.tasks.training.test_study import run, study_of
study = study_of(Path(sys.argv[1]), parameters={"epochs": 40, "pause": 0.4})
class Loud(list):
    def append(self, line):
        print(line, flush=True)
with ray_session(Settings(), study.spec.resources, 10_000):
    result = run(study, Loud())
outcome = result.outcomes[0]
print("RESULT", result.resumed, outcome.metrics["epoch"], outcome.metrics["attempts"], outcome.ended, flush=True)
"""


def test_killed_study_goes_on_where_it_was_and_leaves_no_process(tmp_path: Path) -> None:
    marked = {**os.environ, "ASSAY_TEST_MARK": str(tmp_path)}
    command = [sys.executable, "-c", _KILLED, str(tmp_path)]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=marked, cwd=Path(__file__).parents[3])
    assert first.stdout is not None
    for line in first.stdout:
        # Tune writes its state every ten seconds; later than that the kill must cost no more than those.
        if "epoch 32" in line:
            first.send_signal(signal.SIGKILL)
            break
    first.wait(timeout=30)
    again = subprocess.run(
        command, capture_output=True, text=True, env=marked, cwd=Path(__file__).parents[3], timeout=120, check=False
    )
    assert again.returncode == 0, again.stderr[-3000:]
    resumed, epoch, attempts, ended = again.stdout.split("RESULT ")[1].split()
    assert (resumed, float(epoch), ended) == ("True", 40.0, "final")
    assert float(attempts) >= 2
    assert again.stdout.count("epoch") < 40, "it began anew"
    assert not left_by(str(tmp_path))


def left_by(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("ASSAY_TEST_MARK") == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found
