"""Training is repeatable, and a run that was stopped and resumed ends where the whole run ends."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from assay.json_types import Json
from assay.sdk import Rows, StopTraining, TrainingContext
from models.digits import DigitsModel


def rows(count: int = 200) -> Rows:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 10, count)
    images = generator.normal(2, 1, (count, 8, 8)) + 8 * (np.arange(64).reshape(8, 8) % 10 == labels[:, None, None])
    return Rows(images.clip(0, 16).astype(np.float32), labels.astype(np.int64), tuple(map(str, range(count))))


class Recorder:
    """Keeps every checkpoint; stops after `limit` reports."""

    def __init__(self, limit: int = 1000) -> None:
        self.limit, self.checkpoints, self.metrics = limit, list[Path](), list[Mapping[str, float]]()

    def __call__(self, metrics: Mapping[str, float], checkpoint: Path | None) -> None:
        assert checkpoint is not None
        self.checkpoints.append(checkpoint)
        self.metrics.append(metrics)
        if len(self.checkpoints) == self.limit:
            raise StopTraining


def train(workdir: Path, recorder: Recorder, resume: Path | None = None, **more: Any) -> DigitsModel:
    model, data = DigitsModel(), rows()
    robust: Mapping[str, Json] = {"method": "pgd", "epsilon": 0.1, "steps": 2}
    context = TrainingContext(
        seed=3, workdir=workdir, report=recorder, validation=data, classes=10, resume_from=resume, robust=robust
    )
    model.train_function(data, context, epochs=4, **more)
    return model


def weights(model: DigitsModel) -> list[torch.Tensor]:
    return [value.contiguous() for value in model.module_function().state_dict().values()]


def test_equal_seeds_give_equal_weights(tmp_path: Path) -> None:
    first, second = train(tmp_path / "a", Recorder()), train(tmp_path / "b", Recorder())
    assert all(torch.equal(a, b) for a, b in zip(weights(first), weights(second), strict=True))


def test_resumed_training_ends_with_the_weights_of_an_unbroken_one(tmp_path: Path) -> None:
    whole = train(tmp_path / "whole", Recorder())
    stopped = Recorder(limit=2)
    with pytest.raises(StopTraining):
        train(tmp_path / "stopped", stopped)
    after = Recorder()
    resumed = train(tmp_path / "resumed", after, resume=stopped.checkpoints[-1])
    assert [metrics["epoch"] for metrics in after.metrics] == [3, 4]
    for a, b in zip(weights(whole), weights(resumed), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-6)


def test_checkpoints_hold_no_pickle_and_load_as_models(tmp_path: Path) -> None:
    recorder = Recorder()
    model = train(tmp_path, recorder)
    assert {path.suffix for path in recorder.checkpoints[-1].iterdir()} == {".safetensors", ".json"}
    restored = DigitsModel()
    restored.load_function(recorder.checkpoints[-1])
    np.testing.assert_allclose(
        restored.predict_function(rows().inputs), model.predict_function(rows().inputs), atol=1e-6
    )


def test_loss_falls(tmp_path: Path) -> None:
    recorder = Recorder()
    train(tmp_path, recorder, learning_rate=0.01)
    assert recorder.metrics[-1]["loss"] < recorder.metrics[0]["loss"]
