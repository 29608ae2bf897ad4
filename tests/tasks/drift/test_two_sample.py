"""The statistics agree with scipy, keep their false-alarm rate, and see what they claim to see."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from assay.spec import MonitorSpec
from tasks.drift.features import drift_features
from tasks.drift.judge import holm, judge_features, judge_performance
from tasks.drift.two_sample import accuracy_loss, class_shift, fourier_mmd, kolmogorov_smirnov


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_kolmogorov_distance_equals_scipy(seed):
    random = np.random.default_rng(seed)
    first, second = random.integers(0, 9, (80, 1)).astype(float), random.normal(4, 2, (50, 1))
    ours, theirs = kolmogorov_smirnov(first, second)[0], ks_2samp(first[:, 0], second[:, 0], method="asymp")
    assert ours.statistic == pytest.approx(theirs.statistic)
    assert ours.p_value == pytest.approx(theirs.pvalue, abs=0.05)


def test_mmd_sees_a_changed_correlation_that_columns_cannot():
    random = np.random.default_rng(0)
    independent = random.normal(size=(400, 2))
    correlated = random.multivariate_normal([0, 0], [[1, 0.9], [0.9, 1]], size=400)
    assert min(result.p_value for result in kolmogorov_smirnov(independent, correlated)) > 0.01
    assert fourier_mmd(independent, correlated, seed=1).p_value < 0.01


def test_false_alarms_stay_rare_on_equal_distributions():
    random = np.random.default_rng(3)
    monitor = MonitorSpec(effect=0.0, significance=0.05)
    alarms = sum(
        any(
            f.drifted
            for f in judge_features(
                random.normal(size=(150, 6)),
                random.normal(size=(100, 6)),
                [str(c) for c in range(6)],
                monitor,
                seed=run,
            )
        )
        for run in range(60)
    )
    assert alarms <= 12  # 2 families at 5 % each: 6 expected, 12 is beyond the 99th percentile


def test_significance_without_effect_is_no_alarm():
    random = np.random.default_rng(4)
    first, second = random.normal(0, 1, (20_000, 1)), random.normal(0.08, 1, (20_000, 1))
    findings = judge_features(first, second, ["x"], MonitorSpec(effect=0.2), seed=0)
    assert findings[1].p_value < 1e-6
    assert not any(finding.drifted for finding in findings)


def test_class_shift_measures_total_variation():
    result = class_shift(np.array([0] * 60 + [1] * 40), np.array([0] * 10 + [1] * 90))
    assert result.effect == pytest.approx(0.5)
    assert result.p_value < 1e-6


def test_accuracy_loss_is_one_sided():
    better = accuracy_loss(0.8, np.ones(100, dtype=bool))
    assert (better.effect, better.p_value > 0.99) == (0.0, True)


def test_performance_alarms_only_beyond_the_allowed_loss():
    correct = np.array([True] * 900 + [False] * 100)
    assert judge_performance(0.99, correct, MonitorSpec(max_accuracy_loss=0.05)).drifted
    assert not judge_performance(0.99, correct, MonitorSpec(max_accuracy_loss=0.2)).drifted


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(p_values):
    corrected = holm(p_values)
    assert all(after >= before for before, after in zip(p_values, corrected, strict=True))
    assert np.all(np.diff(np.array(corrected)[np.argsort(p_values)]) >= 0)


def test_text_becomes_length_and_word_shares():
    matrix, names = drift_features(np.array(["win money now money", ""], dtype=object))
    assert matrix.shape == (2, len(names))
    assert matrix[0, 1:].sum() == pytest.approx(1.0)
    assert matrix[1].sum() == 0


def test_wide_inputs_are_averaged_in_blocks():
    matrix, names = drift_features(np.ones((3, 28, 28), dtype=np.float32))
    assert matrix.shape == (3, 256) == (3, len(names))
    assert np.allclose(matrix, 1.0)
