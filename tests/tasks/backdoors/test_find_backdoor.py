"""A planted class is named, a sound model is not accused, and what could not be searched is told in words."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tasks.backdoors import canaries
from tasks.backdoors.canaries import CLASSES, PLANTED, SIDE, known_models, see_backdoors
from tasks.backdoors.find_backdoor import find_backdoor
from tasks.backdoors.inversion import Search
from tasks.backdoors.trigger import Form
from tasks.backdoors.twin import fresh_copy, train_twins
from tests.tasks.backdoors.odd_layers import OwnWeight

Known = tuple[torch.nn.Module, torch.nn.Module, np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def known() -> Known:
    return known_models(seed=2)


def test_planted_class_is_named_and_its_twin_is_sound(known: Known) -> None:
    _, planted, inputs, labels = known
    finding = find_backdoor(planted, inputs, labels, seed=0)
    assert [one.aim.target for one in finding.planted] == [PLANTED]
    (suspect,) = finding.planted
    assert suspect.score < suspect.bound / 2
    assert len(finding.classes) == 6
    assert finding.reference is not None
    assert finding.reference.same_layers
    assert suspect.triggers[0].size < suspect.natural[0] / 5


def test_sound_model_is_not_accused(known: Known) -> None:
    sound, _, inputs, labels = known
    assert find_backdoor(sound, inputs, labels, seed=0).planted == ()


def test_trigger_that_works_on_no_other_row_is_no_evidence(known: Known) -> None:
    _, planted, inputs, labels = known
    (suspect,) = find_backdoor(planted, inputs, labels, seed=0).planted
    failing = replace(suspect, triggers=tuple(replace(one, success=0.2) for one in suspect.triggers))
    assert suspect.is_planted
    assert not failing.is_planted


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x, y: (x.reshape(len(x), -1), y), "expected images"),
        (lambda x, y: (x * 255, y), "expected pixels in"),
        (lambda x, y: (x[y < 3], y[y < 3]), "3 classes have no middle"),
        (lambda x, y: (x[:20], y[:20]), "8 are needed"),
        (lambda x, y: (x, np.roll(y, 1)), "the model is right on"),
    ],
)
def test_what_cannot_be_searched_is_a_problem_in_words(known: Known, change: object, words: str) -> None:
    _, planted, inputs, labels = known
    finding = find_backdoor(planted, *change(inputs, labels), seed=0)  # type: ignore[operator]
    assert words in finding.problem
    assert finding.planted == ()


def test_search_that_runs_out_of_time_knows_nothing(known: Known) -> None:
    _, planted, inputs, labels = known
    finding = find_backdoor(planted, inputs, labels, seed=0, budget=0.0)
    assert "0 s were too few" in finding.problem
    assert finding.classes == ()


def test_canary_believes_the_search_and_notices_a_blind_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert see_backdoors() == ""
    blind = Search(Form.PATCH, steps=1, rows=16, rate=1e-6, pressure=0.0)
    monkeypatch.setattr("tasks.backdoors.reference.PATCH", blind)
    monkeypatch.setattr("tasks.backdoors.pairs.PAIR_PATCH", blind)
    assert "was not found" in see_backdoors()


def test_canary_notices_a_search_that_accuses_the_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.backdoors.find_backdoor.CLASS_BOUND", 1.0)
    monkeypatch.setattr("tasks.backdoors.finding.TRANSFER_BOUND", float("inf"))
    assert "small sound network is accused" in canaries.see_backdoors()


def test_canary_notices_a_transfer_that_excuses_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.backdoors.canaries.transfer", lambda *_: 1.0)
    assert "held to be natural" in canaries.see_backdoors()


def test_twin_has_new_weights_and_leaves_the_model_alone(known: Known) -> None:
    _, planted, inputs, labels = known
    before = planted[1].weight.clone()  # type: ignore[index]
    (twin,) = train_twins(planted, inputs, labels, [0])
    assert twin.same_layers
    assert not torch.equal(twin.module[1].weight, before)  # type: ignore[index]
    torch.testing.assert_close(planted[1].weight, before, rtol=0, atol=0)  # type: ignore[index]
    with torch.no_grad():
        assert float((twin.module(torch.from_numpy(inputs)).argmax(1).numpy() == labels).mean()) > 0.95


def test_layers_that_cannot_start_afresh_get_a_plain_twin(known: Known) -> None:
    _, _, inputs, labels = known
    assert fresh_copy(OwnWeight()) is None
    (twin,) = train_twins(OwnWeight(), inputs, labels, [0])
    assert not twin.same_layers
    with torch.no_grad():
        assert float((twin.module(torch.from_numpy(inputs)).argmax(1).numpy() == labels).mean()) > 0.95


def with_dropout() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Dropout(0.3), torch.nn.Linear(SIDE * SIDE, CLASSES))


@pytest.mark.parametrize("draws", [False, True], ids=["plain", "dropout"])
def test_twin_is_the_same_alone_and_beside_others(known: Known, draws: bool) -> None:
    sound, _, inputs, labels = known
    module = with_dropout() if draws else sound
    drawn = torch.get_rng_state()
    (alone,) = train_twins(module, inputs, labels, [2])
    _, beside = train_twins(module, inputs, labels, [1, 2])
    for one, other in zip(alone.module.parameters(), beside.module.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)
    assert torch.equal(torch.get_rng_state(), drawn)
