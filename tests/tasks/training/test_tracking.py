"""Trials as runs of a real MLflow server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.errors import EngineUnavailable
from tasks.training.study import TrialOutcome
from tasks.training.tracking import track_trials
from tasks.training.trials import Trial
from tests.mlflow_server import start_mlflow

OUTCOMES = [
    TrialOutcome(Trial(0, 7, {"cut": 0.5}), "final", {"accuracy": 0.9}, history=({"accuracy": 0.5}, {"accuracy": 0.9})),
    TrialOutcome(Trial(1, 8, {"cut": 0.9}), "failed", {}, error="ValueError: a cut above 0.8 is nonsense"),
]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with start_mlflow(tmp_path_factory.mktemp("mlflow")) as url:
        yield url


@pytest.mark.engines
def test_every_trial_is_one_run_with_its_epochs_however_often_it_is_told(url: str) -> None:
    from mlflow import MlflowClient

    first = track_trials(url, "story", "study-1", OUTCOMES, {"assay.train": "0" * 64})
    again = track_trials(url, "story", "study-1", OUTCOMES, {"assay.train": "0" * 64})
    assert first == again and set(first.runs) == {0, 1}
    client = MlflowClient(tracking_uri=url)
    assert len(client.search_runs([first.experiment_id])) == 2
    run = client.get_run(first.runs[0])
    assert run.data.params == {"cut": "0.5", "seed": "7"} and run.info.status == "FINISHED"
    history = client.get_metric_history(first.runs[0], "accuracy")
    assert [(point.step, point.value) for point in history] == [(1, 0.5), (2, 0.9)]
    failed = client.get_run(first.runs[1])
    assert failed.info.status == "FAILED" and "nonsense" in failed.data.tags["assay.error"]


def test_server_that_does_not_answer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(EngineUnavailable, match=r"127\.0\.0\.1:9"):
        track_trials("http://127.0.0.1:9", "story", "s", OUTCOMES, {})
