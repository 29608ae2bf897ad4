"""Clean numbers and their intervals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from tasks.examination.clean import clean_metrics, wilson


@given(rows=st.integers(1, 3000), share=st.floats(0, 1))
def test_wilson_interval_is_scipys(rows: int, share: float) -> None:
    hits = round(rows * share)
    expected = binomtest(hits, rows).proportion_ci(method="wilson")
    assert wilson(hits, rows) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_binary_numbers_are_those_of_the_confusion_table() -> None:
    labels = np.array([1] * 10 + [0] * 30)
    predicted = np.array([1] * 8 + [0] * 2 + [1] * 3 + [0] * 27)
    metrics = clean_metrics(labels, predicted, 2, seed=0)
    assert metrics.values["accuracy"] == 35 / 40
    assert metrics.values["recall"] == 0.8
    assert metrics.values["false_positive_rate"] == pytest.approx(0.1)
    assert metrics.values["precision"] == pytest.approx(8 / 11)
    assert metrics.values["f1"] == pytest.approx(2 * 8 / (2 * 8 + 3 + 2))
    assert metrics.values["balanced_accuracy"] == pytest.approx(0.85)
    assert metrics.class_prior == (0.75, 0.25)
    assert set(metrics.ci95) == set(metrics.values)
    assert all(low <= metrics.values[name] <= high for name, (low, high) in metrics.ci95.items())


def test_class_without_rows_has_no_recall_and_does_not_count() -> None:
    metrics = clean_metrics(np.array([0, 0, 2]), np.array([0, 1, 2]), 3, seed=0)
    assert metrics.class_recall == (0.5, None, 1.0)
    assert metrics.values["balanced_accuracy"] == 0.75
    assert "recall" not in metrics.values
