"""The expected calibration error is that of its definition."""

import numpy as np
import pytest

from tasks.examination.calibration import reliability


def test_every_row_is_in_one_bin_and_an_honest_model_has_no_error() -> None:
    generator = np.random.default_rng(0)
    confidence = generator.uniform(0.1, 1.0, 20_000).astype(np.float32)
    right = generator.random(20_000) < confidence
    bins = reliability(confidence, right)
    assert sum(rows for rows, _, _ in bins) == 20_000
    assert max(abs(said - was) for _, said, was in bins) < 0.05
    assert [said for _, said, _ in bins] == sorted(said for _, said, _ in bins)


def test_boasting_shows() -> None:
    bins = reliability(np.full(100, 0.99, np.float32), np.arange(100) < 60)
    assert bins == [(100, pytest.approx(0.99), 0.6)]


def test_full_and_no_confidence_have_a_bin() -> None:
    bins = reliability(np.array([0.0, 1.0], np.float32), np.array([False, True]))
    assert bins == [(1, 0.0, 0.0), (1, 1.0, 1.0)]
