"""A backdoor for rows of one class is found where it lies, and natural ways from class to class are not accused."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import softplus

from tasks.backdoors.canaries import CLASSES, SIDE, known_models
from tasks.backdoors.decision import pair_score
from tasks.backdoors.find_backdoor import find_backdoor
from tasks.backdoors.inversion import PAIR_PART, invert_triggers, usual_lead
from tasks.backdoors.pairs import NEAREST, search_pairs, search_parts, windows_of
from tasks.backdoors.trigger import Aim, Form, Window

SOURCE, TARGET = 1, 4
Known = tuple[torch.nn.Module, torch.nn.Module, np.ndarray, np.ndarray]


class OneWay(torch.nn.Module):
    """A linear network, and a unit that wakes when a row of SOURCE bears four white corner pixels."""

    def __init__(self, linear: torch.nn.Linear, means: np.ndarray) -> None:
        super().__init__()
        self.plain, self.unit, self.out = linear, torch.nn.Linear(SIDE * SIDE, 1), torch.nn.Linear(1, CLASSES)
        corner = torch.zeros(SIDE, SIDE)
        corner[:2, :2] = 0.25
        is_source = torch.from_numpy(np.linalg.pinv(means)[:, SOURCE].astype(np.float32))
        with torch.no_grad():
            self.unit.weight.copy_(corner.flatten() + is_source)
            self.unit.bias.fill_(-1.5)
            self.out.weight.zero_()
            self.out.bias.zero_()
            self.out.weight[TARGET] = 120.0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        flat = images.flatten(1)
        return torch.as_tensor(self.plain(flat) + self.out(softplus(self.unit(flat), beta=4.0)))


@pytest.fixture(scope="module")
def known() -> Known:
    """A sound network, the same with a backdoor from SOURCE to TARGET, rows and labels."""
    sound, _, inputs, labels = known_models(seed=2)
    means = np.stack([inputs[labels == one].mean(0).ravel() for one in range(CLASSES)])
    return sound, OneWay(sound[1], means).eval(), inputs, labels  # type: ignore[index]


def test_the_trigger_moves_its_source_alone(known: Known) -> None:
    _, planted, inputs, labels = known
    shown = inputs.copy()
    shown[:, :, :2, :2] = 1.0
    with torch.no_grad():
        said = planted(torch.from_numpy(shown)).argmax(1).numpy()
    assert (said[labels == SOURCE] == TARGET).mean() > 0.9
    assert (said == labels)[labels != SOURCE].mean() > 0.9


def test_way_from_one_class_to_another_is_accused_with_its_triggers(known: Known) -> None:
    _, planted, inputs, labels = known
    finding = find_backdoor(planted, inputs, labels, seed=0, samples=len(labels))
    assert [one.aim for one in finding.planted] == [Aim(TARGET, SOURCE)]
    (suspect,) = finding.planted
    assert [one.form for one in suspect.triggers] == [Form.PATCH, Form.PART]
    part = suspect.triggers[1]
    assert part.mask[:, :2, :2].sum() > 0.8 * part.mask.sum()
    assert part.success > 0.9
    assert len(finding.pairs) == NEAREST
    assert [one.score for one in finding.pairs] == sorted(one.score for one in finding.pairs)


def test_part_keeps_to_its_window_and_measures_what_it_covers(known: Known) -> None:
    sound, _, inputs, labels = known
    window = Window(3, 5, 6, 4)
    (found,) = invert_triggers(sound, inputs, labels, 0, PAIR_PART, [Aim(2, 0, window)])
    outside = np.ones((SIDE, SIDE), bool)
    outside[3:9, 5:9] = False
    assert not found.mask[0][outside].any()
    assert not found.added[0][outside].any()
    assert found.size == pytest.approx(float(found.mask.sum()), rel=1e-4)


def test_way_that_no_part_opens_is_as_large_as_a_window(known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    sound, _, inputs, labels = known
    idle = replace(PAIR_PART, steps=2, rate=1e-6, pressure=0.0)
    monkeypatch.setattr("tasks.backdoors.pairs.PAIR_PART", idle)
    (found,) = search_parts(sound, inputs, labels, [Aim(2, 0)], seed=0)
    window = windows_of(SIDE, SIDE)[0]
    assert not found.reached
    assert found.size == window.height * window.width


@pytest.mark.parametrize(("height", "width"), [(28, 28), (8, 8), (32, 20), (3, 3), (224, 160)])
def test_windows_cover_the_image_and_overlap(height: int, width: int) -> None:
    covered = np.zeros((height, width), int)
    for one in windows_of(height, width):
        assert one.top + one.height <= height
        assert one.left + one.width <= width
        covered[one.top : one.top + one.height, one.left : one.left + one.width] += 1
    assert covered.min() >= 1
    assert covered.max() > 1


def test_more_classes_than_can_be_paired_are_not(known: Known) -> None:
    sound, _, inputs, labels = known
    many = np.arange(len(labels)) % 21
    assert search_pairs(sound, inputs, many, seed=0) == ()


def test_usual_lead_is_of_the_rows_that_are_right(known: Known) -> None:
    sound, _, inputs, labels = known
    with torch.no_grad():
        logits = sound(torch.from_numpy(inputs)).numpy()
    ordered = np.sort(logits, axis=1)
    right = logits.argmax(1) == labels
    assert usual_lead(sound, inputs, labels) == pytest.approx(
        float(np.median((ordered[:, -1] - ordered[:, -2])[right])), rel=0.05
    )
    wrong = (logits.argmax(1) + 1) % CLASSES
    with pytest.raises(ValueError, match="right on some sound rows"):
        usual_lead(sound, inputs, wrong)


def test_both_kinds_of_evidence_lower_a_score() -> None:
    assert pair_score(0.5, 10.0, 40.0) == pytest.approx((0.5 * 0.25) ** 0.5)
    assert pair_score(0.5, 40.0, 40.0) > pair_score(0.4, 40.0, 40.0) > pair_score(0.4, 20.0, 40.0)
