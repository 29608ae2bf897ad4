"""Adversarial training stays in its ball, follows the published update, and vanishes with epsilon."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from assay.robust import adversarial_batch, epsilon_at
from assay.spec import RobustSpec


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(4 * 36, 3)
    )


def batch(rows: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(rows, 1, 8, 8, generator=generator), torch.randint(0, 3, (rows,), generator=generator)


@settings(max_examples=20, deadline=None)
@given(method=st.sampled_from(["fgsm_rs", "pgd"]), epsilon=st.floats(0.001, 0.5), seed=st.integers(0, 100))
def test_moved_rows_stay_in_the_ball_and_in_the_unit_box(method: str, epsilon: float, seed: int) -> None:
    inputs, labels = batch()
    robust = RobustSpec(method=method, epsilon=epsilon, steps=3)
    generator = torch.Generator().manual_seed(seed)
    moved = adversarial_batch(network(), inputs, labels, robust, epsilon, generator=generator)
    assert float((moved - inputs).abs().max()) <= epsilon + 1e-6
    assert float(moved.min()) >= 0 and float(moved.max()) <= 1


@pytest.mark.parametrize("method", ["fgsm_rs", "pgd"])
def test_moved_rows_have_a_higher_loss_than_random_ones(method: str) -> None:
    inputs, labels = batch(64)
    module, robust = network(), RobustSpec(method=method, epsilon=0.2)
    moved = adversarial_batch(module, inputs, labels, robust, 0.2, generator=torch.Generator().manual_seed(0))
    noise = torch.empty_like(inputs).uniform_(-0.2, 0.2, generator=torch.Generator().manual_seed(0))
    random = (inputs + noise).clamp(0, 1)
    assert cross_entropy(module(moved), labels) > cross_entropy(module(random), labels)
    assert cross_entropy(module(moved), labels) > cross_entropy(module(inputs), labels)


def test_fgsm_rs_is_the_published_update() -> None:
    """Wong, Rice & Kolter 2020, algorithm 3, written out: one step of 1.25 epsilon from a uniform start."""
    inputs, labels = batch()
    module, epsilon = network(), 0.1
    delta = torch.empty_like(inputs).uniform_(-epsilon, epsilon, generator=torch.Generator().manual_seed(7))
    delta.requires_grad_(True)
    cross_entropy(module(inputs + delta), labels).backward()
    assert delta.grad is not None
    stepped = (delta.detach() + 1.25 * epsilon * delta.grad.sign()).clamp(-epsilon, epsilon)
    expected = inputs + torch.max(torch.min(1 - inputs, stepped), 0 - inputs)
    moved = adversarial_batch(
        module, inputs, labels, RobustSpec(method="fgsm_rs", epsilon=epsilon), epsilon,
        generator=torch.Generator().manual_seed(7),
    )  # fmt: skip
    torch.testing.assert_close(moved, expected)


@pytest.mark.parametrize(("method", "epsilon"), [("none", 0.0), ("fgsm_rs", 0.3), ("pgd", 0.3)])
def test_without_epsilon_rows_are_untouched(method: str, epsilon: float) -> None:
    inputs, labels = batch()
    moved = adversarial_batch(network(), inputs, labels, RobustSpec(method=method, epsilon=epsilon), 0.0)
    assert moved is inputs


def test_parameter_gradients_are_left_as_they_were() -> None:
    inputs, labels = batch()
    module = network()
    cross_entropy(module(inputs), labels).backward()
    before = [parameter.grad.clone() for parameter in module.parameters() if parameter.grad is not None]
    adversarial_batch(module, inputs, labels, RobustSpec(method="pgd", epsilon=0.1), 0.1)
    for parameter, gradient in zip(module.parameters(), before, strict=True):
        assert parameter.grad is not None and torch.equal(parameter.grad, gradient)


def test_epsilon_grows_over_the_warm_up_and_then_stays() -> None:
    robust = RobustSpec(method="pgd", epsilon=0.3, warmup=0.4)
    assert epsilon_at(robust, 0, 100) == 0
    assert epsilon_at(robust, 20, 100) == pytest.approx(0.15)
    assert epsilon_at(robust, 40, 100) == epsilon_at(robust, 99, 100) == 0.3
    assert epsilon_at(RobustSpec(method="pgd", epsilon=0.3, warmup=0), 0, 100) == 0.3
