"""Missing values a column, and how far their share moved since the newest version that passed validation."""

from typing import TYPE_CHECKING

from assay.records import Check, Verdict

if TYPE_CHECKING:
    import pandas as pd

MOST_SHIFT = 0.1
SIGNIFICANCE = 0.001


def missing_shares(frame: "pd.DataFrame") -> dict[str, float]:
    """Column -> share of its cells that are missing, in [0, 1]."""
    return {str(name): float(frame[name].isna().mean()) if len(frame) else 0.0 for name in frame.columns}


def judge_missing_shift(frame: "pd.DataFrame", trusted: tuple[dict[str, float], str] | None) -> Check:
    """Fails when a column's missing share moved by more than ten points, and not by chance (binomial test)."""
    if trusted is None:
        return Check("missing_shift", Verdict.PASSED, "no earlier trusted version to compare with", None, MOST_SHIFT)
    before, sha256 = trusted
    shares = missing_shares(frame)
    shifts = {name: abs(shares[name] - before[name]) for name in shares if name in before}
    ranked = sorted(shifts, key=lambda one: -shifts[one])
    moved = [name for name in ranked if _is_shift(len(frame), shares, before, name)]
    worst = max(shifts.values(), default=0.0)
    if not moved:
        words = f"no column's missing share moved by more than {MOST_SHIFT:.0%} since {sha256[:12]}"
        return Check("missing_shift", Verdict.PASSED, words, worst, MOST_SHIFT)
    told = ", ".join(f"{name} ({before[name]:.1%} → {shares[name]:.1%})" for name in moved[:5])
    words = f"missing values since the trusted version {sha256[:12]}: {told}; mend the source"
    return Check("missing_shift", Verdict.FAILED, words, worst, MOST_SHIFT)


def _is_shift(rows: int, shares: dict[str, float], before: dict[str, float], name: str) -> bool:
    from scipy.stats import binomtest

    if abs(shares[name] - before[name]) <= MOST_SHIFT:
        return False
    missing, expected = round(shares[name] * rows), min(max(before[name], 1e-6), 1 - 1e-6)
    return bool(binomtest(missing, rows, expected).pvalue < SIGNIFICANCE / len(shares))
