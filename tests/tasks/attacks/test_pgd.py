"""The attack stays within its threat model, finds what exists, and does no work on rows that fell."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.attacks.pgd import Pgd, attack_pgd


def linear(features: int = 20) -> tuple[torch.nn.Module, np.ndarray, np.ndarray]:
    """A linear two-class model, rows in [0.3, 0.7] and the labels it gives them."""
    torch.manual_seed(0)
    module = torch.nn.Linear(features, 2)
    inputs = np.random.default_rng(0).uniform(0.3, 0.7, (100, features)).astype(np.float32)
    with torch.no_grad():
        labels = module(torch.from_numpy(inputs)).argmax(1).numpy()
    return module, inputs, labels


def exact_robust(module: torch.nn.Module, inputs: np.ndarray, labels: np.ndarray, epsilon: float) -> np.ndarray:
    """For a linear model the worst case is known: the margin minus epsilon times the gradient's L1 norm."""
    weight, bias = module.weight.detach().numpy(), module.bias.detach().numpy()
    sign = np.where(labels == 1, 1, -1)
    margin = sign * (inputs @ (weight[1] - weight[0]) + bias[1] - bias[0])
    return margin > epsilon * np.abs(weight[1] - weight[0]).sum()


@pytest.mark.parametrize("epsilon", [0.01, 0.03, 0.08])
def test_finds_exactly_the_rows_that_can_fall_of_a_linear_model(epsilon: float) -> None:
    module, inputs, labels = linear()
    result = attack_pgd(module, inputs, labels, Pgd(epsilon, steps=20, restarts=2))
    expected = exact_robust(module, inputs, labels, epsilon)
    assert 0 < expected.sum() < 100
    assert (result.robust == expected).mean() >= 0.99


@settings(max_examples=15, deadline=None)
@given(epsilon=st.floats(0.01, 1), seed=st.integers(0, 9))
def test_adversarial_rows_stay_in_the_ball_and_in_the_unit_box(epsilon: float, seed: int) -> None:
    module, inputs, labels = linear()
    moved = attack_pgd(module, inputs, labels, Pgd(epsilon, steps=3, restarts=2, seed=seed)).adversarial
    assert np.abs(moved - inputs).max() <= epsilon + 1e-6
    assert moved.min() >= 0 and moved.max() <= 1


def test_fallen_rows_are_proved_by_their_adversarial_row() -> None:
    module, inputs, labels = linear()
    result = attack_pgd(module, inputs, labels, Pgd(0.05, steps=10, restarts=3))
    with torch.no_grad():
        right = module(torch.from_numpy(result.adversarial)).argmax(1).numpy() == labels
    assert not right[~result.robust].any()
    assert right[result.robust].all()


def test_loss_rises_and_an_unbounded_attack_wins() -> None:
    module, inputs, labels = linear()
    result = attack_pgd(module, inputs, labels, Pgd(1.0, steps=20))
    assert result.loss_after > result.loss_before
    assert result.robust_accuracy == 0


def test_rows_that_are_wrong_already_are_not_attacked() -> None:
    module, inputs, labels = linear()
    result = attack_pgd(module, inputs, 1 - labels, Pgd(0.3, steps=40, restarts=5))
    assert not result.clean.any() and not result.robust.any()
    assert result.backward_passes == 0 and result.forward_passes == 100


def test_worst_case_over_restarts_only_falls() -> None:
    module, inputs, labels = linear()
    accuracies = [
        attack_pgd(module, inputs, labels, Pgd(0.03, steps=2, restarts=count)).robust_accuracy for count in (1, 2, 6)
    ]
    assert accuracies == sorted(accuracies, reverse=True)


def test_module_comes_back_as_it_was() -> None:
    module, inputs, labels = linear()
    module.train()
    attack_pgd(module, inputs, labels, Pgd(0.1, steps=2))
    assert module.training and all(parameter.requires_grad for parameter in module.parameters())
    assert all(parameter.grad is None for parameter in module.parameters())


def test_equal_seeds_give_equal_answers() -> None:
    module, inputs, labels = linear()
    first, second = (attack_pgd(module, inputs, labels, Pgd(0.04, steps=3, seed=5)) for _ in range(2))
    np.testing.assert_array_equal(first.adversarial, second.adversarial)
