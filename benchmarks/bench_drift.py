"""Drift tests against scipy's `ks_2samp` loop and an exact quadratic MMD: same rows, same machine, same run."""

import time
from collections.abc import Callable

import numpy as np
from scipy.stats import ks_2samp

from tasks.drift.two_sample import fourier_mmd, kolmogorov_smirnov


def exact_mmd(first: np.ndarray, second: np.ndarray, permutations: int = 200) -> float:
    """Gaussian-kernel MMD² with permutations on the full kernel matrix: O(n²) memory and time."""
    pooled = np.concatenate([first, second])
    squares = (pooled**2).sum(axis=1)
    distances = squares[:, None] + squares[None, :] - 2 * pooled @ pooled.T
    kernel = np.exp(-distances / (2 * np.median(distances)))
    random, n = np.random.default_rng(0), len(first)
    sign = np.concatenate([np.full(n, 1 / n), np.full(len(second), -1 / len(second))])
    observed = sign @ kernel @ sign
    null = [(shuffled := random.permutation(sign)) @ kernel @ shuffled for _ in range(permutations)]
    return float((1 + np.sum(np.array(null) >= observed)) / (1 + permutations))


def seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """Best of `repeats`."""
    best = float("inf")
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    return best


def main() -> None:
    for rows in (1_000, 4_000):
        compare(rows)


def compare(rows: int) -> None:
    """Both families on one pair of samples."""
    random = np.random.default_rng(0)
    first, second = random.normal(size=(rows, 20)), random.normal(0.1, 1, size=(rows, 20))
    ours = seconds(lambda: kolmogorov_smirnov(first, second))
    peer = seconds(lambda: [ks_2samp(first[:, c], second[:, c], method="asymp") for c in range(20)])
    print(f"KS   {rows:>6} rows x 20: ours {ours:.3f} s, scipy {peer:.3f} s, ratio {ours / peer:.2f}")
    ours = seconds(lambda: fourier_mmd(first, second, seed=0), repeats=1)
    peer = seconds(lambda: exact_mmd(first, second), repeats=1)
    print(f"MMD  {rows:>6} rows x 20: ours {ours:.3f} s, exact {peer:.3f} s, ratio {ours / peer:.2f}")


if __name__ == "__main__":
    main()
