"""A weakness of the data is shared by sound twins; what was planted in one network is foreign to them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tasks.backdoors.canaries import PLANTED, known_models
from tasks.backdoors.decision import CLASS_BOUND, TRANSFER_BOUND
from tasks.backdoors.find_backdoor import find_backdoor
from tasks.backdoors.finding import Reference, Suspect
from tasks.backdoors.pairs import suspect_pairs
from tasks.backdoors.reference import make_reference, search_classes, witnesses
from tasks.backdoors.transfer import transfer
from tasks.backdoors.trigger import Aim, Form, Trigger

Known = tuple[torch.nn.Module, torch.nn.Module, np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def known() -> Known:
    return known_models(seed=5)


@pytest.fixture(scope="module")
def reference(known: Known) -> Reference:
    sound, _, inputs, labels = known
    return make_reference(sound, inputs, labels, 0, len(labels))


def shares(module: torch.nn.Module, known: Known, reference: Reference) -> dict[tuple[Form, int], float]:
    _, _, inputs, labels = known
    return {
        (one.form, one.aim.target): transfer(
            one, reference.triggers[one.form, one.aim], reference.twins, inputs[labels != one.aim.target]
        )
        for one in search_classes(module, inputs, labels, 1)
    }


def test_sound_network_shares_its_weaknesses_and_a_planted_one_does_not(known: Known, reference: Reference) -> None:
    sound, planted, _, _ = known
    assert min(shares(sound, known, reference).values()) >= TRANSFER_BOUND
    foreign = shares(planted, known, reference)
    assert max(foreign[form, PLANTED] for form in (Form.PATCH, Form.OVERLAY)) < TRANSFER_BOUND


def test_a_way_within_the_bound_is_held_to_be_natural_where_its_part_transfers(monkeypatch: pytest.MonkeyPatch) -> None:
    sound, planted, inputs, labels = known_models(seed=3)
    natural = make_reference(sound, inputs, labels, 0, len(labels))
    monkeypatch.setattr("tasks.backdoors.pairs.PAIR_BOUND", 0.8)
    near = [one for one in suspect_pairs(sound, natural, inputs, labels, 0) if one.score <= 0.8]
    assert [(one.aim.source, one.aim.target, one.is_shared) for one in near] == [(2, 5, True)]
    monkeypatch.setattr("tasks.backdoors.decision.CHANCE_BOUND", 0.0)
    into = [one for one in suspect_pairs(planted, natural, inputs, labels, 0) if one.aim.target == PLANTED]
    assert into
    assert all(one.is_planted and one.transfer < TRANSFER_BOUND for one in into)


def test_class_within_the_bound_is_asked_and_one_that_chance_does_not_reach_is_not(
    known: Known, reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound, planted, inputs, labels = known
    monkeypatch.setattr("tasks.backdoors.find_backdoor.CLASS_BOUND", 1.1)
    clear = find_backdoor(sound, inputs, labels, 0, samples=len(labels), reference=reference)
    asked = [one for one in clear.classes if one.score <= 1.1]
    assert asked
    assert all(one.is_shared and not one.is_planted for one in asked)
    found = find_backdoor(planted, inputs, labels, 0, samples=len(labels), reference=reference)
    (suspect,) = (one for one in found.classes if one.aim.target == PLANTED)
    assert (suspect.transfer, suspect.is_planted) == (0.0, True)


def test_what_is_shared_is_not_planted() -> None:
    trigger = Trigger(Form.PATCH, Aim(1), 4.0, 0.9, True, np.ones((1, 4, 4)), np.ones((1, 4, 4)))
    suspect = Suspect(Aim(1), CLASS_BOUND, CLASS_BOUND, (trigger,), (9.0,))
    assert suspect.is_planted
    assert not replace(suspect, transfer=TRANSFER_BOUND).is_planted
    assert replace(suspect, transfer=TRANSFER_BOUND).is_shared
    assert "sound twins share" in replace(suspect, transfer=TRANSFER_BOUND).excuse
    assert suspect.excuse == ""
    assert not replace(suspect, transfer=1.0, score=CLASS_BOUND + 0.01).is_shared


@pytest.mark.parametrize("factor", [1.0, 1.5, 4.0])
def test_enlarged_trigger_covers_more_of_the_same(factor: float) -> None:
    mask = np.array([[[0.0, 0.5], [0.25, 1.0]]], dtype=np.float32)
    pattern = np.array([[[0.3, 0.2], [1.0, 0.6]]], dtype=np.float32)
    patch = Trigger(Form.PATCH, Aim(0), 1.75, 0.9, True, mask, mask * pattern)
    larger = patch.enlarged(factor)
    np.testing.assert_allclose(larger.mask, np.minimum(mask * factor, 1))
    np.testing.assert_allclose(larger.added, np.minimum(mask * factor, 1) * pattern, rtol=1e-6)
    assert larger.size == pytest.approx(float(larger.mask.sum()))
    overlay = Trigger(Form.OVERLAY, Aim(0), 2.0, 0.9, True, np.zeros_like(mask), pattern)
    np.testing.assert_allclose(overlay.enlarged(factor).added, pattern * factor, rtol=1e-6)
    assert overlay.enlarged(factor).size == pytest.approx(2.0 * factor)


def test_witnesses_are_new_twins_and_leave_the_sizes(known: Known, reference: Reference) -> None:
    sound, _, inputs, labels = known
    wider = witnesses(reference, [PLANTED], sound, inputs, labels, 0, len(labels))
    assert wider.twins[:2] == reference.twins
    assert len({float(next(twin.module.parameters()).detach().sum()) for twin in wider.twins}) == 6
    assert {key: len(own) for key, own in wider.triggers.items()} == {
        (Form.PATCH, Aim(PLANTED)): 6,
        (Form.OVERLAY, Aim(PLANTED)): 6,
    }
    assert wider.sizes == reference.sizes
