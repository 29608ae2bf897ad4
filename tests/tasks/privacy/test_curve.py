"""Rates, areas and their intervals against sklearn, against known laws, and where hardly anything is to be seen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from tasks.privacy.curve import area, area_interval, clopper_pearson, curve_points, true_positive_rate


def drawn(seed: int, shift: float, rows: int = 300) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    members = np.arange(2 * rows) < rows
    return generator.normal(size=2 * rows) + shift * members, members


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.floats(0, 3))
def test_rates_are_those_of_the_curve_of_sklearn(seed: int, shift: float) -> None:
    scores, members = drawn(seed, shift)
    wrong, right, _ = roc_curve(members, scores, drop_intermediate=False)
    for rate, found in curve_points(scores, members):
        assert found == pytest.approx(right[wrong <= rate + 1e-6].max())
    assert curve_points(scores, members)[-1] == (1.0, 1.0)


def test_ties_find_nobody() -> None:
    members = np.arange(200) < 100
    share, (low, high) = true_positive_rate(np.ones(200), members, 0.01)
    assert (share, low) == (0.0, 0.0)
    assert high == pytest.approx(clopper_pearson(0, 100)[1])
    assert area(np.ones(200), members) == 0.5


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    truth_area = float(np.mean(drawn(0, 1.0, 200_000)[0][:200_000] > drawn(1, 0.0, 200_000)[0][:200_000]))
    truth_rate = float((np.random.default_rng(2).normal(1, 1, 400_000) > 1.6449).mean())
    areas = rates = 0
    for seed in range(60):
        scores, members = drawn(10 + seed, 1.0)
        low, high = area_interval(scores, members)
        areas += low <= truth_area <= high
        _, (low, high) = true_positive_rate(scores, members, 0.05, seed)
        rates += low <= truth_rate <= high
    assert areas >= 52
    assert rates >= 52


def test_an_interval_of_no_hits_does_not_shrink_to_nothing() -> None:
    assert clopper_pearson(0, 50) == (0.0, pytest.approx(0.0711, abs=1e-4))
    assert clopper_pearson(50, 50) == (pytest.approx(0.9289, abs=1e-4), 1.0)
