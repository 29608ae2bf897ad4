"""What is cleaned is a new model without the backdoor; the old one is untouched, and lying rows are named."""

import numpy as np
import pytest
import torch

from tasks.backdoors.canaries import PLANTED, known_models
from tasks.backdoors.cleaning import (
    Cleaned,
    Labelled,
    Measured,
    Training,
    clean_model,
    is_accuracy_lost,
    lying_rows,
)
from tasks.backdoors.find_backdoor import find_backdoor
from tasks.backdoors.finding import BackdoorFinding
from tasks.backdoors.twin import train_twins

Rows = tuple[torch.nn.Module, np.ndarray, np.ndarray, BackdoorFinding]


@pytest.fixture(scope="module")
def planted() -> Rows:
    """A network that learned its backdoor from poisoned rows."""
    sound, _, inputs, labels = known_models(seed=4)
    images, wanted, _ = poisoned(inputs, labels)
    module = train_twins(sound, images, wanted, [5])[0].module
    return module, inputs, labels, find_backdoor(module, inputs, labels, seed=0)


def attack_success(module: torch.nn.Module, inputs: np.ndarray, labels: np.ndarray) -> float:
    """Of the real trigger, four white pixels in the corner."""
    shown = inputs[labels != PLANTED].copy()
    shown[:, :, :2, :2] = 1.0
    with torch.no_grad():
        return float((module(torch.from_numpy(shown)).argmax(1) == PLANTED).float().mean())


def poisoned(inputs: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training rows a tenth of which bear the trigger and the planted label."""
    bad = (labels != PLANTED) & (np.random.default_rng(0).random(len(labels)) < 0.1)
    images, wanted = inputs.copy(), labels.copy()
    images[bad, :, :2, :2], wanted[bad] = 1.0, PLANTED
    return images, wanted, bad


def test_with_sound_rows_alone_the_model_is_distilled(planted: Rows) -> None:
    module, inputs, labels, finding = planted
    before = {name: weight.clone() for name, weight in module.state_dict().items()}
    cleaned = clean_model(module, inputs, labels, finding, seed=0)
    assert cleaned.method == "distilled"
    assert cleaned.removed is None
    assert attack_success(module, inputs, labels) >= 0.85
    assert attack_success(cleaned.module, inputs, labels) <= 0.05
    assert cleaned.before.success > 0.7
    assert cleaned.measured.success < cleaned.before.success / 2
    for name, weight in module.state_dict().items():
        torch.testing.assert_close(weight, before[name], rtol=0, atol=0)


def test_with_the_training_rows_the_lying_ones_are_left_out(planted: Rows) -> None:
    module, inputs, labels, finding = planted
    images, wanted, bad = poisoned(inputs, labels)
    training = Training(images, wanted, lambda x, y: train_twins(module, x, y, [9])[0].module)
    cleaned: Cleaned = clean_model(module, inputs, labels, finding, seed=0, training=training)
    assert cleaned.method == "trained anew"
    assert cleaned.removed is not None
    assert cleaned.removed[bad].mean() >= 0.9
    assert cleaned.removed[~bad].mean() <= 0.02
    assert attack_success(cleaned.module, inputs, labels) <= 0.05
    assert cleaned.problem == ""


def test_only_rows_of_a_planted_class_can_lie(planted: Rows) -> None:
    module, inputs, labels, finding = planted
    images, wanted, _ = poisoned(inputs, labels)
    never = Training(images, wanted, lambda x, y: module)
    lying = lying_rows(module, inputs, labels, never, finding.planted, seed=0)
    assert set(wanted[lying]) == {PLANTED}


def test_hard_rows_of_the_planted_class_do_not_lie(planted: Rows) -> None:
    module, inputs, labels, finding = planted
    images, wanted, bad = poisoned(inputs, labels)
    hard = np.flatnonzero((labels == PLANTED) & ~bad)[:3]
    images[hard] = 0.3 * images[hard] + 0.7 * inputs[labels == 1][: len(hard)]
    lying = lying_rows(module, inputs, labels, Labelled(images, wanted), finding.planted, seed=0)
    assert lying[bad].mean() >= 0.9 and lying[hard].sum() <= 1


def test_model_that_is_still_planted_says_so(planted: Rows) -> None:
    module, inputs, labels, finding = planted
    useless = Training(inputs, labels, lambda x, y: module)
    cleaned = clean_model(module, inputs, labels, finding, seed=0, training=useless)
    assert f"class {PLANTED} is still planted" in cleaned.problem


def test_sound_model_is_not_cleaned(planted: Rows) -> None:
    module, inputs, labels, _ = planted
    with pytest.raises(ValueError, match="there is nothing to clean"):
        clean_model(module, inputs, labels, BackdoorFinding(), seed=0)


@pytest.mark.parametrize(
    ("accuracy", "only_right", "is_lost"),
    [(0.960, (12, 2), True), (0.960, (7, 5), False), (0.975, (120, 60), False), (0.99, (0, 5), False)],
    ids=["more than chance", "chance", "less than a point", "gained"],
)
def test_accuracy_is_lost_by_more_than_a_point_and_more_than_chance(
    accuracy: float, only_right: tuple[int, int], is_lost: bool
) -> None:
    assert is_accuracy_lost(Measured(0.98, 0.9), Measured(accuracy, 0.01), only_right) is is_lost
