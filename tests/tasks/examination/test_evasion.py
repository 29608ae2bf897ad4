"""Robustness that cannot be believed is not checked, never passed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from assay.inference import OnnxModel
from assay.records import Verdict
from assay.sdk import GradientModel, Rows, TrainingContext
from assay.spec import ThreatModel
from assay.torch_export import export_classifier
from tasks.examination.attack_views import worst_pictures
from tasks.examination.evasion import EvasionResult, examine_evasion

THREAT = ThreatModel(epsilon=0.05, steps=10, restarts=2, samples=60)


class Linear(GradientModel):
    """Rows of 6 features in [0, 1]; `masked` hides the gradient behind a step of no slope."""

    def __init__(self, masked: bool = False, halved: bool = False) -> None:
        torch.manual_seed(0)
        linear = torch.nn.Linear(6, 2)
        with torch.no_grad():
            # The middle of the box lies on the boundary, so that some rows are near it.
            linear.bias.copy_(-linear.weight.sum(1) / 2)
        self.module = torch.nn.Sequential(Rounded(), linear) if masked else linear
        self.halved = halved

    def train_function(self, train: Rows, context: TrainingContext) -> None: ...

    def predict_function(self, inputs: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            answers: np.ndarray = self.module(torch.from_numpy(inputs)).softmax(1).numpy()
        return answers

    def save_function(self, folder: Path) -> None: ...

    def load_function(self, folder: Path) -> None: ...

    def export_function(self, path: Path) -> None:
        export_classifier(self.module, path, input_shape=(6,), scale=1.0)

    def module_function(self) -> torch.nn.Module:
        return self.module

    def to_model_space(self, inputs: np.ndarray) -> np.ndarray:
        return inputs / 2 if self.halved else inputs


class Rounded(torch.nn.Module):
    """Quantises: the gradient is zero everywhere, the function is not."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return (inputs * 20).round() / 20


def examine(model: Linear, tmp_path: Path, threat: ThreatModel = THREAT) -> EvasionResult:
    inputs = np.random.default_rng(0).uniform(0.3, 0.7, (80, 6)).astype(np.float32)
    labels = model.predict_function(inputs).argmax(1)
    model.export_function(tmp_path / "m.onnx")
    served = OnnxModel((tmp_path / "m.onnx").read_bytes(), "m")
    return examine_evasion(model, served, Rows(inputs, labels, tuple(map(str, range(80)))), threat, seed=0)


def test_honest_model_is_examined_on_framework_and_file(tmp_path: Path) -> None:
    result = examine(Linear(), tmp_path)
    assert {check.verdict for check in result.checks} == {Verdict.PASSED}
    assert result.samples == 60 and 0 < result.robust_accuracy < 1
    assert result.facts["robust_accuracy_onnx"] == pytest.approx(result.robust_accuracy, abs=0.02)
    assert result.ci95[0] < result.robust_accuracy < result.ci95[1]


def test_masked_gradients_are_not_robustness(tmp_path: Path) -> None:
    result = examine(Linear(masked=True), tmp_path)
    verdicts = {check.name: check.verdict for check in result.checks}
    assert verdicts["linf 0.05: unbounded attack wins"] is Verdict.NOT_CHECKED


def test_wrong_way_back_to_raw_inputs_is_noticed(tmp_path: Path) -> None:
    result = examine(Linear(halved=True), tmp_path)
    verdicts = {check.name: check.verdict for check in result.checks}
    assert verdicts["linf 0.05: examined on the ONNX file"] is Verdict.NOT_CHECKED


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_suite_is_at_least_as_hard_as_projected_gradients_and_each_attack_sees(tmp_path: Path, norm: str) -> None:
    threat = ThreatModel(norm=norm, epsilon=0.05, suite="quick", samples=60)  # type: ignore[arg-type]
    result = examine(Linear(), tmp_path, threat)
    assert {check.verdict for check in result.checks} == {Verdict.PASSED}
    assert {f"{norm} 0.05: {name} sees" for name in ("apgd-ce", "apgd-t", "square")} <= {c.name for c in result.checks}
    assert 0 < result.robust_accuracy < 1
    if norm == "linf":
        assert result.robust_accuracy <= examine(Linear(), tmp_path).robust_accuracy + 0.02


def test_masked_gradients_do_not_pass_a_suite_either(tmp_path: Path) -> None:
    result = examine(Linear(masked=True), tmp_path, ThreatModel(epsilon=0.05, suite="quick", samples=60))
    assert Verdict.NOT_CHECKED in {check.verdict for check in result.checks}


def test_what_people_look_at_agrees_with_the_numbers(tmp_path: Path) -> None:
    result = examine(Linear(), tmp_path)
    assert result.attacked is not None
    curve = result.facts["curve"]
    accuracies = [point["robust_accuracy"] for point in curve]  # type: ignore[index, union-attr]
    assert accuracies == sorted(accuracies, reverse=True) and accuracies[0] > accuracies[-1]
    at_epsilon = next(point for point in curve if point["epsilon"] == 0.05)  # type: ignore[index, union-attr]
    assert at_epsilon["robust_accuracy"] == result.robust_accuracy  # type: ignore[index, call-overload]
    tables: Any = result.facts["confusion"]
    assert np.sum(tables["attacked"]) == np.sum(tables["clean"]) == 60
    assert np.trace(tables["attacked"]) / 60 == pytest.approx(result.robust_accuracy)
    assert worst_pictures(result.attacked) is None


def test_attack_ends_when_the_gate_is_certain_to_refuse(tmp_path: Path) -> None:
    model = Linear()
    inputs = np.random.default_rng(0).uniform(0.3, 0.7, (900, 6)).astype(np.float32)
    rows = Rows(inputs, model.predict_function(inputs).argmax(1), tuple(map(str, range(900))))
    model.export_function(tmp_path / "m.onnx")
    served = OnnxModel((tmp_path / "m.onnx").read_bytes(), "m")
    threat = ThreatModel(epsilon=0.2, steps=10, restarts=2)
    result = examine_evasion(model, served, rows, threat, seed=0, bounds=(0.9,))
    assert result.samples == 216 and result.facts["planned"] == 864 and result.robust_accuracy < 0.5
    assert "certain after 216 of 864 rows" in result.checks[0].detail
