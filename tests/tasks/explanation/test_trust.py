"""Explanations that say nothing about the model are not checked."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from assay.records import Verdict
from tasks.explanation.explained import Explained
from tasks.explanation.gradients import Path, integrate_gradients
from tasks.explanation.trust import (
    check_canary,
    check_deletion,
    check_shuffled,
    check_stable,
    check_sum,
    rank_correlation,
    shuffle_last_weights,
)

ROWS = np.random.default_rng(0).uniform(0, 1, (80, 30)).astype(np.float32)


@pytest.fixture
def module() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(30, 24), torch.nn.ReLU(), torch.nn.Linear(24, 3)).eval()


def explain(module: torch.nn.Module) -> Explained:
    with torch.no_grad():
        targets = module(torch.from_numpy(ROWS)).argmax(1).numpy()
    return integrate_gradients(module, Path(ROWS, ROWS.mean(axis=0), targets))


def noise(like: Explained) -> Explained:
    return replace(like, values=np.random.default_rng(1).normal(size=like.values.shape))


def test_integrated_gradients_pass_every_check(module: torch.nn.Module) -> None:
    found = explain(module)
    checks = (
        check_sum(found),
        check_deletion(found, 0),
        check_shuffled(found, module, explain, 0),
        check_stable(found.values),
    )
    assert {check.verdict for check in checks} == {Verdict.PASSED}, checks


def test_attributions_that_are_noise_pass_none(module: torch.nn.Module) -> None:
    found = noise(explain(module))
    assert check_sum(found).verdict is Verdict.NOT_CHECKED
    assert check_deletion(found, 0).verdict is Verdict.NOT_CHECKED


def test_attributions_of_the_wrong_sign_do_not_pass_deletion(module: torch.nn.Module) -> None:
    found = explain(module)
    assert check_deletion(replace(found, values=-found.values), 0).verdict is Verdict.NOT_CHECKED


def test_attributions_that_look_at_the_input_alone_do_not_follow_the_weights(module: torch.nn.Module) -> None:
    """As an edge detector does (Adebayo et al. 2018)."""
    outline = replace(explain(module), values=(ROWS - ROWS.mean(axis=0)).astype(np.float64))
    check = check_shuffled(outline, module, lambda _: outline, 0)
    assert check.verdict is Verdict.NOT_CHECKED and check.measured == pytest.approx(1.0)


def test_a_module_without_weights_cannot_be_shuffled(module: torch.nn.Module) -> None:
    found = explain(module)
    assert check_shuffled(found, torch.nn.Flatten(), explain, 0).verdict is Verdict.NOT_CHECKED


def test_shuffling_keeps_the_numbers_and_the_module_itself(module: torch.nn.Module) -> None:
    before = module[2].weight.detach().clone()  # type: ignore[index]
    shuffled = shuffle_last_weights(module, 0)
    assert shuffled is not None and torch.equal(module[2].weight, before)  # type: ignore[index]
    after = shuffled[2].weight.detach()  # type: ignore[index]
    assert not torch.equal(after, before) and torch.equal(after.flatten().sort()[0], before.flatten().sort()[0])


def test_halves_that_disagree_are_not_stable() -> None:
    values = np.zeros((40, 20))
    values[::2, :10], values[1::2, 10:] = 1.0, 1.0
    assert check_stable(values).verdict is Verdict.NOT_CHECKED
    assert check_stable(np.ones((40, 3)) + np.random.default_rng(0).normal(0, 0.05, (40, 3))).verdict is Verdict.PASSED


def test_a_blind_canary_is_not_checked() -> None:
    assert (
        check_canary(0.5).verdict is Verdict.NOT_CHECKED and check_canary(float("nan")).verdict is Verdict.NOT_CHECKED
    )
    assert check_canary(1.0).verdict is Verdict.PASSED


def test_rank_correlation_is_spearmans() -> None:
    from scipy.stats import spearmanr

    left, right = np.random.default_rng(0).integers(0, 5, (2, 40)).astype(float)
    assert rank_correlation(left, right) == pytest.approx(spearmanr(left, right).statistic)
    assert rank_correlation(np.ones(5), left[:5]) == 0
