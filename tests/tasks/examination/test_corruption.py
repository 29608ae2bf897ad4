"""Accuracy under common corruptions is that of the served file, and images that cannot be shown are told."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from assay.bundle import ModelBundle
from assay.inference import OnnxModel
from assay.records import Verdict
from assay.sdk import Rows
from assay.store import Store
from assay.torch_export import export_classifier
from tasks.examination.case import ModelCase
from tasks.examination.corruption import examine_corruption
from tests.tasks.examination.test_evasion import Linear
from tests.tasks.model_story import make_spec


class Brightness(Linear):
    """Says whether an image of 12×12 pixels is bright; raw pixels are 0 to 255."""

    def __init__(self) -> None:
        linear = torch.nn.Linear(144, 2)
        with torch.no_grad():
            linear.weight.copy_(torch.stack([-torch.ones(144), torch.ones(144)]))
            linear.bias.copy_(torch.tensor([72.0, -72.0]))
        self.module = torch.nn.Sequential(torch.nn.Flatten(), linear)

    def export_function(self, path: Path) -> None:
        export_classifier(self.module, path, input_shape=(1, 12, 12), scale=1 / 255)

    def to_model_space(self, inputs: np.ndarray) -> np.ndarray:
        return cast("np.ndarray", (inputs / 255).astype(np.float32))

    def from_model_space(self, inputs: np.ndarray) -> np.ndarray:
        return cast("np.ndarray", (inputs * 255).astype(np.float32))


def case_of(model: Any, tmp_path: Path) -> ModelCase:
    generator = np.random.default_rng(0)
    bright = generator.random(60) < 0.5
    images = np.where(bright, 0.53, 0.47)[:, None, None, None] + generator.normal(0, 0.02, (60, 1, 12, 12))
    rows = Rows((255 * images).astype(np.float32), bright.astype(np.int64), tuple(map(str, range(60))))
    model.export_function(tmp_path / "m.onnx")
    served = OnnxModel((tmp_path / "m.onnx").read_bytes(), "m")
    return ModelCase(
        spec=make_spec(),
        bundle=ModelBundle("m", "onnx", (), facts={"classes": 2}),
        file=tmp_path / "m.onnx",
        served=served,
        rows={"holdout": rows},
        predicted={"holdout": served.predict(rows.inputs).label},
        columns=cast("Any", None),
        candidate=lambda: model,
        training=lambda: rows,
        store=cast("Store", None),
        workdir=tmp_path,
        say=lambda _: None,
    )


def test_what_turns_images_brighter_or_darker_costs_accuracy_and_fine_noise_does_not(tmp_path: Path) -> None:
    found = examine_corruption(case_of(Brightness(), tmp_path))
    assert found.checks[0].verdict is Verdict.PASSED
    facts = cast("dict[str, Any]", found.facts)
    by = {(one["name"], one["severity"]): one["accuracy"] for one in facts["by"]}
    assert by["gaussian_noise", 1] > 0.95 and by["brightness", 5] < 0.7
    assert facts["mean_accuracy"] == pytest.approx(np.mean(list(by.values())))
    low, high = found.ci95["corruption_accuracy"]
    assert low < found.metrics["corruption_accuracy"] < high


def test_rows_that_are_no_images_are_told(tmp_path: Path) -> None:
    class Table(Brightness):
        def to_model_space(self, inputs: np.ndarray) -> np.ndarray:
            return super().to_model_space(inputs).reshape(len(inputs), -1)

    found = examine_corruption(case_of(Table(), tmp_path))
    assert found.checks[0].verdict is Verdict.NOT_CHECKED and "(60, 144)" in found.checks[0].detail
