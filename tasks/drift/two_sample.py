"""Two-sample statistics on arrays; no I/O, no thresholds, randomness only from the seed given.

A p-value alone is no alarm: with enough rows every difference is significant. Each function
therefore also returns an effect size in [0, 1] that does not grow with the number of rows.
"""

import math
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class TestResult:
    """statistic: the test's own; effect in [0, 1]; p_value in [0, 1], not yet corrected."""

    statistic: float
    effect: float
    p_value: float


def kolmogorov_smirnov(reference: Floats, current: Floats) -> list[TestResult]:
    """Per column: D = sup |F1 - F2| and its asymptotic p-value (Smirnov 1948). Effect = D.

    reference: (n, d); current: (m, d). Ties are handled by evaluating both distribution functions
    at every observed value.
    """
    n, m = len(reference), len(current)
    root = math.sqrt(n * m / (n + m))
    results = []
    for column in range(reference.shape[1]):
        first, second = np.sort(reference[:, column]), np.sort(current[:, column])
        grid = np.concatenate([first, second])
        gap = np.abs(np.searchsorted(first, grid, side="right") / n - np.searchsorted(second, grid, side="right") / m)
        distance = float(gap.max())
        results.append(TestResult(distance, distance, _kolmogorov_tail((root + 0.12 + 0.11 / root) * distance)))
    return results


def _kolmogorov_tail(value: float) -> float:
    """P(K > value) for Kolmogorov's distribution; Stephens' correction is in the argument."""
    if value < 0.2:
        return 1.0
    terms = (2 * (-1) ** (k - 1) * math.exp(-2 * (k * value) ** 2) for k in range(1, 101))
    return min(1.0, max(0.0, float(sum(terms))))


def fourier_mmd(
    reference: Floats, current: Floats, *, seed: int, components: int = 256, permutations: int = 200
) -> TestResult:
    """Maximum mean discrepancy with random Fourier features (Gretton 2012; Rahimi & Recht 2007), O(n).

    Gaussian kernel, bandwidth by the median heuristic on the reference. The p-value is by permutation;
    the effect is the square root of MMD² above its permutation mean, so it is near 0 without drift.
    Sees joint changes (correlations) that column-wise tests cannot.
    """
    random = np.random.default_rng(seed)
    scale = reference.std(axis=0)
    keep = scale > 0
    if not keep.any():
        return TestResult(0.0, 0.0, 1.0)
    first, second = reference[:, keep] / scale[keep], current[:, keep] / scale[keep]
    frequencies = random.normal(size=(first.shape[1], components)) / _median_distance(first, random)
    pooled = np.concatenate([_fourier(first, frequencies), _fourier(second, frequencies)])
    n, total = len(first), pooled.sum(axis=0)
    observed = _squared_gap(pooled[:n].sum(axis=0), total, n, len(pooled))
    null = np.array(
        [
            _squared_gap(pooled[random.permutation(len(pooled))[:n]].sum(axis=0), total, n, len(pooled))
            for _ in range(permutations)
        ]
    )
    p_value = (1 + int((null >= observed).sum())) / (1 + permutations)
    effect = math.sqrt(max(0.0, observed - float(null.mean())))
    return TestResult(observed, min(1.0, effect), p_value)


def _fourier(values: Floats, frequencies: Floats) -> Floats:
    angles = values @ frequencies
    waves = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
    return cast(Floats, waves / math.sqrt(frequencies.shape[1]))


def _median_distance(values: Floats, random: np.random.Generator) -> float:
    left = values[random.integers(0, len(values), 1000)]
    right = values[random.integers(0, len(values), 1000)]
    return float(np.median(np.linalg.norm(left - right, axis=1))) or 1.0


def _squared_gap(first_sum: Floats, total: Floats, n: int, size: int) -> float:
    gap = first_sum / n - (total - first_sum) / (size - n)
    return float(gap @ gap)


def class_shift(reference: NDArray[np.int64], current: NDArray[np.int64]) -> TestResult:
    """Pearson's chi² on class counts; effect = total variation distance between the two shares."""
    from scipy.stats import chi2_contingency

    classes = np.union1d(reference, current)
    table = np.array([[np.sum(side == c) for c in classes] for side in (reference, current)])
    shares = table / table.sum(axis=1, keepdims=True)
    effect = float(np.abs(shares[0] - shares[1]).sum() / 2)
    if len(classes) < 2:
        return TestResult(0.0, effect, 1.0)
    test = chi2_contingency(table)
    return TestResult(float(test.statistic), effect, float(test.pvalue))


def accuracy_loss(expected: float, correct: NDArray[np.bool_]) -> TestResult:
    """One-sided exact binomial test that accuracy fell below `expected`; effect = the loss in [0, 1]."""
    from scipy.stats import binomtest

    found = int(correct.sum())
    test = binomtest(found, len(correct), p=min(max(expected, 1e-9), 1 - 1e-9), alternative="less")
    return TestResult(found / len(correct), max(0.0, expected - found / len(correct)), float(test.pvalue))
