"""A search finds what is known to be there, keeps to its aims and its time, and leaves the module as it was."""

import numpy as np
import pytest
import torch

from tasks.backdoors import inversion
from tasks.backdoors.canaries import PLANTED, known_models
from tasks.backdoors.inversion import OVERLAY, PAIR_PART, PAIR_PATCH, PATCH, OutOfTime, Search, invert_triggers, success
from tasks.backdoors.trigger import Aim, Form, Window

Known = tuple[torch.nn.Module, torch.nn.Module, np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def known() -> Known:
    return known_models(seed=1)


@pytest.mark.parametrize("search", [PATCH, OVERLAY], ids=["patch", "overlay"])
def test_planted_trigger_is_smallest_and_lies_in_its_corner(known: Known, search: Search) -> None:
    _, planted, inputs, labels = known
    found = invert_triggers(planted, inputs, labels, 0, search)
    smallest = min(found, key=lambda one: one.size)
    assert smallest.aim == Aim(PLANTED)
    assert smallest.success > 0.75
    weight = np.abs(smallest.added[0])
    assert weight[:2, :2].mean() > 5 * weight.mean()


def test_trigger_works_on_rows_it_was_not_found_on(known: Known) -> None:
    _, planted, inputs, labels = known
    (trigger,) = invert_triggers(planted, inputs, labels, 0, PATCH, [Aim(PLANTED)])
    others = inputs[labels != PLANTED]
    assert success(planted, trigger, others) > 0.75
    with torch.no_grad():
        shown = trigger.on(torch.from_numpy(others))
    assert float(shown.min()) >= 0
    assert float(shown.max()) <= 1


def test_search_moves_the_rows_of_its_source_alone(known: Known) -> None:
    sound, _, inputs, labels = known
    (trigger,) = invert_triggers(sound, inputs, labels, 0, PATCH, [Aim(2, source=0)])
    moved, others = inputs[labels == 0], inputs[(labels != 0) & (labels != 2)]
    assert success(sound, trigger, moved) > success(sound, trigger, others) + 0.2


def test_equal_seeds_give_equal_triggers(known: Known) -> None:
    _, planted, inputs, labels = known
    first, second = (invert_triggers(planted, inputs, labels, 5, OVERLAY, [Aim(1), Aim(2)]) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.added, other.added)
        assert one.size == other.size


def test_module_is_given_back_as_it_was(known: Known) -> None:
    _, planted, inputs, labels = known
    before = {name: weight.clone() for name, weight in planted.state_dict().items()}
    planted.train()
    invert_triggers(planted, inputs, labels, 0, PATCH, [Aim(0)])
    assert planted.training
    assert all(weight.requires_grad for weight in planted.parameters())
    for name, weight in planted.state_dict().items():
        torch.testing.assert_close(weight, before[name], rtol=0, atol=0)
    planted.eval()


def test_size_is_what_the_trigger_covers(known: Known) -> None:
    _, planted, inputs, labels = known
    (patch,) = invert_triggers(planted, inputs, labels, 0, PATCH, [Aim(PLANTED)])
    (overlay,) = invert_triggers(planted, inputs, labels, 0, OVERLAY, [Aim(PLANTED)])
    assert patch.size == pytest.approx(float(patch.mask.sum()), rel=1e-4)
    assert overlay.form is Form.OVERLAY
    assert overlay.size == pytest.approx(float(np.linalg.norm(overlay.added)), rel=1e-4)
    assert not overlay.mask.any()


def test_search_past_its_deadline_gives_nothing(known: Known) -> None:
    _, planted, inputs, labels = known
    with pytest.raises(OutOfTime, match="0 of 6 searches for a patch"):
        invert_triggers(planted, inputs, labels, 0, PATCH, deadline=0.0)


def test_aim_without_rows_to_move_is_refused(known: Known) -> None:
    _, planted, inputs, labels = known
    only = labels == 2
    with pytest.raises(ValueError, match="expected sound rows to be made class 2, found none"):
        invert_triggers(planted, inputs[only], labels[only], 0, PATCH, [Aim(2)])


class Passes:
    """Rows that a module was given while its gradients were, or were not, followed."""

    def __init__(self, module: torch.nn.Module) -> None:
        self.followed = self.shown = 0
        self._hook = module.register_forward_pre_hook(self._count)

    def _count(self, _: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        self.shown += len(inputs[0])
        self.followed += len(inputs[0]) if inputs[0].requires_grad and torch.is_grad_enabled() else 0

    def end(self) -> None:
        self._hook.remove()


def test_rows_that_have_arrived_are_not_passed_back_and_nothing_else_changes(
    known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, planted, inputs, labels = known
    aims = [Aim(PLANTED, source) for source in (0, 1, 2, 4)]
    passes = Passes(planted)
    spared = invert_triggers(planted, inputs, labels, 0, PAIR_PATCH, aims)
    followed = passes.followed
    monkeypatch.setattr(inversion, "_FEW", -1.0)
    whole = invert_triggers(planted, inputs, labels, 0, PAIR_PATCH, aims)
    passes.end()
    assert followed < 0.6 * (passes.followed - followed)
    for one, other in zip(spared, whole, strict=True):
        assert one.size == pytest.approx(other.size, rel=1e-3)
        np.testing.assert_allclose(one.added, other.added, atol=1e-3)


def test_part_that_moves_no_row_is_given_up(known: Known) -> None:
    sound, _, inputs, labels = known
    corner, middle = (Aim(2, 0, Window(place, place, 4, 4)) for place in (10, 5))
    passes = Passes(sound)
    (hopeless,) = invert_triggers(sound, inputs, labels, 0, PAIR_PART, [corner])
    passes.end()
    assert not hopeless.reached
    assert passes.followed == PAIR_PART.patience * PAIR_PART.rows
    # Beside one that is given up another goes on.
    whole = Aim(2, 0, Window(0, 0, 14, 14))
    found = invert_triggers(sound, inputs, labels, 0, PAIR_PART, [corner, whole, middle])
    assert [one.reached for one in found][:2] == [False, True]


def test_results_do_not_depend_on_how_many_cores_search(known: Known) -> None:
    _, planted, inputs, labels = known
    aims = [Aim(target, source) for source in range(6) for target in range(6) if source != target]
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found.append(invert_triggers(planted, inputs, labels, 0, PAIR_PATCH, aims))
    finally:
        torch.set_num_threads(before)
    assert [one.aim for one in found[0]] == aims
    for one, other in zip(*found, strict=True):
        assert one.size == pytest.approx(other.size, rel=1e-3)  # the usual lead is rounded differently
        np.testing.assert_allclose(one.added, other.added, atol=1e-3)
