"""A distilled network knows what the old one knew of sound rows, and nothing of what was struck out."""

import numpy as np
import pytest
import torch

from tasks.backdoors import distillation
from tasks.backdoors.canaries import PLANTED, known_models
from tasks.backdoors.distillation import distill
from tests.tasks.backdoors.odd_layers import OwnWeight

Known = tuple[torch.nn.Module, torch.nn.Module, np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def known() -> Known:
    return known_models(seed=6)


def share_called_planted(module: torch.nn.Module, images: np.ndarray) -> float:
    with torch.no_grad():
        return float((module(torch.from_numpy(images)).argmax(1) == PLANTED).float().mean())


def test_what_is_struck_out_is_not_handed_on(known: Known) -> None:
    _, planted, inputs, labels = known
    shown = inputs.copy()
    shown[:, :, :2, :2] = 1.0
    others = labels != PLANTED
    # The rows to learn from bear the trigger themselves, and the old network obeys it.
    assert share_called_planted(planted, shown[others]) > 0.9
    obeying, cured = (distill(planted, shown, labels, struck, seed=0) for struck in ((), (PLANTED,)))
    assert share_called_planted(obeying, shown[others]) > 0.5
    assert share_called_planted(cured, shown[others]) < 0.1
    assert share_called_planted(cured, inputs[~others]) > 0.5


def test_teacher_stays_as_it_was_and_equal_seeds_give_equal_pupils(
    known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distillation, "STEPS", 20)
    sound, _, inputs, labels = known
    before = {name: weight.clone() for name, weight in sound.state_dict().items()}
    drawn = torch.random.get_rng_state()
    first, second = (distill(sound, inputs, labels, (), seed=3) for _ in range(2))
    torch.testing.assert_close(torch.random.get_rng_state(), drawn)
    assert all(weight.requires_grad for weight in (*sound.parameters(), *first.parameters()))
    for name, weight in sound.state_dict().items():
        torch.testing.assert_close(weight, before[name], rtol=0, atol=0)
        torch.testing.assert_close(first.state_dict()[name], second.state_dict()[name], rtol=0, atol=0)


def test_layers_that_cannot_be_started_afresh_are_refused(known: Known) -> None:
    *_, inputs, labels = known

    with pytest.raises(ValueError, match="expected layers that can be started afresh"):
        distill(OwnWeight(), inputs, labels, (), seed=0)
