"""A file that answers otherwise under attack alone is caught."""

from pathlib import Path

import numpy as np
import pytest
import torch

from assay.inference import OnnxModel, Predictions
from assay.records import Verdict
from assay.torch_export import export_classifier
from tasks.attacks.pgd import Pgd, attack_pgd
from tasks.stress.parity import MOST_APART, parity_under_attack

EDGE = 0.72


class Backdoored(torch.nn.Module):
    """Answers as `honest` does unless a value leaves [1 - EDGE, EDGE], where clean rows never go."""

    def __init__(self, honest: torch.nn.Module) -> None:
        super().__init__()
        self.honest = honest

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        outside = ((inputs - 0.5).abs().amax(dim=1, keepdim=True) > EDGE - 0.5).float()
        return self.honest(inputs) * (1 - 2 * outside)


def probabilities(module: torch.nn.Module, rows: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        answers: np.ndarray = module(torch.from_numpy(rows)).softmax(1).numpy()
    return answers


def served(module: torch.nn.Module, folder: Path) -> OnnxModel:
    export_classifier(module, folder / "m.onnx", input_shape=(6,), scale=1.0)
    return OnnxModel((folder / "m.onnx").read_bytes(), "m")


@pytest.fixture
def attacked() -> tuple[torch.nn.Module, np.ndarray, np.ndarray]:
    """A linear model, clean rows and adversarial ones."""
    torch.manual_seed(0)
    honest = torch.nn.Linear(6, 2)
    clean = np.random.default_rng(0).uniform(0.3, 0.7, (60, 6)).astype(np.float32)
    labels = probabilities(honest, clean).argmax(1)
    return honest, clean, attack_pgd(honest, clean, labels, Pgd(0.2, 10, 1, seed=0)).adversarial


def test_an_honest_file_answers_alike_under_attack(
    attacked: tuple[torch.nn.Module, np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    honest, _, adversarial = attacked
    found = parity_under_attack(
        "linf 0.2", probabilities(honest, adversarial), served(honest, tmp_path).predict(adversarial)
    )
    assert found.check.verdict is Verdict.PASSED and found.facts["label_disagreements"] == 0
    assert found.check.threshold == MOST_APART


def test_a_file_that_answers_otherwise_on_adversarial_rows_alone_fails(
    attacked: tuple[torch.nn.Module, np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    honest, clean, adversarial = attacked
    file = served(Backdoored(honest), tmp_path)
    on_clean = parity_under_attack("clean", probabilities(honest, clean), file.predict(clean))
    assert on_clean.check.verdict is Verdict.PASSED
    found = parity_under_attack("linf 0.2", probabilities(honest, adversarial), file.predict(adversarial))
    assert found.check.verdict is Verdict.FAILED and int(str(found.facts["label_disagreements"])) > 10


def test_a_label_that_belies_its_probabilities_fails() -> None:
    same = np.array([[0.9, 0.1], [0.2, 0.8]], np.float32)
    found = parity_under_attack("linf", same, Predictions(np.array([0, 0]), same))
    assert found.check.verdict is Verdict.FAILED and found.facts["max_difference"] == 0


def test_a_tie_is_no_disagreement() -> None:
    framework, file = np.array([[0.50001, 0.49999]]), np.array([[0.49999, 0.50001]], np.float32)
    found = parity_under_attack("linf", framework, Predictions(np.array([1]), file))
    assert found.check.verdict is Verdict.PASSED and (found.facts["ties"], found.facts["label_disagreements"]) == (1, 0)


@pytest.mark.parametrize("broken", [np.array([[np.nan, 1.0]]), np.array([[np.inf, 0.0]])])
def test_answers_that_are_no_numbers_fail(broken: np.ndarray) -> None:
    answers = Predictions(np.array([1]), broken.astype(np.float32))
    assert parity_under_attack("linf", np.array([[0.3, 0.7]]), answers).check.verdict is Verdict.FAILED


def test_other_shapes_fail_and_no_rows_are_not_checked() -> None:
    none = Predictions(np.zeros(0, np.int64), np.zeros((0, 2), np.float32))
    assert parity_under_attack("linf", np.zeros((0, 2)), none).check.verdict is Verdict.NOT_CHECKED
    assert parity_under_attack("linf", np.zeros((1, 2)), none).check.verdict is Verdict.FAILED
