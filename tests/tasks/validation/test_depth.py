"""Leakage by one column, values that go missing, and columns whose meaning jumps at a date."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from assay.records import Verdict
from tasks.validation.leakage import judge_leakage
from tasks.validation.missingness import judge_missing_shift, missing_shares
from tasks.validation.time_jumps import judge_time_jumps


def frame(rows: int = 1000, **columns: Any) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    signal = generator.normal(size=rows)
    label = (signal + generator.normal(size=rows) > 0).astype(int)
    days = pd.date_range("2002-01-01", periods=rows, freq="D")
    return pd.DataFrame({"signal": signal, "noise": generator.normal(size=rows), "at": days, "label": label, **columns})


def test_honest_signal_is_no_leakage() -> None:
    found = judge_leakage(frame(), "label", ["signal", "noise"], ())
    assert found.verdict is Verdict.PASSED
    assert found.measured is not None and 0.2 < found.measured < 0.7


@pytest.mark.parametrize("kind", ["number", "word"])
def test_a_column_written_after_the_outcome_is_named(kind: str) -> None:
    data = frame()
    noise = np.random.default_rng(1).uniform(0, 0.4, len(data))
    data["refund"] = data["label"] + noise if kind == "number" else data["label"].map({0: "none", 1: "paid"})
    found = judge_leakage(data, "label", ["signal", "noise", "refund"], ())
    assert found.verdict is Verdict.FAILED and "refund" in found.detail and "noise" not in found.detail
    assert judge_leakage(data, "label", ["signal", "noise", "refund"], ["refund"]).verdict is Verdict.PASSED


def test_ids_that_are_all_different_tell_nothing() -> None:
    data = frame(ids=[f"id-{index}" for index in range(1000)])
    found = judge_leakage(data, "label", ["ids"], ())
    assert found.verdict is Verdict.PASSED and abs(found.measured or 0) < 0.2


def test_values_that_go_missing_since_the_trusted_version_are_named() -> None:
    trusted = (missing_shares(frame()), "f" * 64)
    data = frame()
    data.loc[data.index[:200], "noise"] = np.nan
    found = judge_missing_shift(data, trusted)
    assert found.verdict is Verdict.FAILED and "noise (0.0% → 20.0%)" in found.detail
    data.loc[data.index[50:200], "noise"] = 0.0
    assert judge_missing_shift(data, trusted).verdict is Verdict.PASSED
    assert judge_missing_shift(data, None).verdict is Verdict.PASSED


def test_a_unit_that_changes_is_named_with_its_date() -> None:
    data = frame()
    data["weight"] = np.random.default_rng(2).normal(70, 10, 1000) * np.where(np.arange(1000) < 600, 1.0, 2.2)
    found = judge_time_jumps(data.sample(frac=1.0, random_state=3), "at", ["signal", "noise", "weight"])
    assert found.verdict is Verdict.FAILED
    assert found.detail.startswith("weight changes its meaning at 2003-08-2")


def test_a_slow_trend_and_a_season_are_no_jump() -> None:
    data = frame()
    data["trend"] = np.arange(1000) / 300 + np.random.default_rng(2).normal(size=1000)
    data["season"] = np.sin(np.arange(1000) / 58) + np.random.default_rng(3).normal(0, 0.7, 1000)
    assert judge_time_jumps(data, "at", ["trend", "season", "noise"]).verdict is Verdict.PASSED


def test_a_time_column_of_words_is_refused() -> None:
    found = judge_time_jumps(frame(at="yesterday"), "at", ["noise"])
    assert found.verdict is Verdict.FAILED and "1000 values are no time" in found.detail
