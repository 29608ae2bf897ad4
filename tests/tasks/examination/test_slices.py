"""Slices that are worse are found and told in words; chance is not."""

import numpy as np
import pyarrow as pa
from scipy.stats import binomtest

from tasks.examination.slices import MOST_TOLD, find_worst_slices


def table(count: int, seed: int) -> pa.Table:
    generator = np.random.default_rng(seed)
    columns = {f"number {at}": generator.normal(size=count) for at in range(6)}
    words = {f"word {at}": generator.choice(["red", "green", "blue"], count) for at in range(4)}
    return pa.table(columns | {"age": generator.integers(18, 80, count)} | words)


def test_a_slice_of_two_columns_that_is_worse_is_told_first_in_words() -> None:
    rows = table(6000, 0)
    age, colour = rows["age"].to_numpy(), np.array(rows["word 0"].to_pylist())
    inside = (age > np.quantile(age, 0.75, method="inverted_cdf")) & (colour == "red")
    wrong = np.random.default_rng(1).random(6000) < np.where(inside, 0.4, 0.1)
    found = find_worst_slices(rows, wrong)
    worst = found.found[0]
    assert worst.conditions == (f"age > {age[~inside & (colour == 'red')].max()}", "word 0 = red")
    assert (worst.rows, worst.errors) == (inside.sum(), wrong[inside].sum())
    plain = binomtest(int(worst.errors), int(worst.rows), wrong.mean(), alternative="greater").pvalue
    assert np.isclose(worst.p, plain * found.tested)
    error = f"error {wrong[inside].mean():.3f} against {wrong.mean():.3f}, {inside.sum()} rows, p "
    assert f"and word 0 = red: {error}" in str(worst)


def test_errors_by_chance_are_told_at_most_one_time_in_twenty() -> None:
    told = 0
    for seed in range(60):
        wrong = np.random.default_rng(1000 + seed).random(1500) < 0.15
        told += bool(find_worst_slices(table(1500, seed), wrong).found)
    assert told <= 7


def test_a_bad_column_is_not_told_again_with_every_other_column() -> None:
    rows = table(6000, 2)
    red = np.array(rows["word 0"].to_pylist()) == "red"
    wrong = np.random.default_rng(3).random(6000) < np.where(red, 0.4, 0.1)
    found = find_worst_slices(rows, wrong).found
    assert found[0].conditions == ("word 0 = red",)
    assert len(found) <= MOST_TOLD // 2


def test_the_same_rows_under_two_names_are_told_once() -> None:
    colour = np.random.default_rng(4).choice(["red", "green"], 2000)
    wrong = np.random.default_rng(5).random(2000) < np.where(colour == "red", 0.4, 0.1)
    copied = pa.table({"one": colour, "two": colour})
    assert [one.conditions for one in find_worst_slices(copied, wrong).found] == [("one = red",)]


def test_slices_of_fewer_than_30_rows_are_not_tested() -> None:
    rare = np.array(["rare"] * 29 + ["common"] * 971)
    found = find_worst_slices(pa.table({"word": rare}), rare == "rare")
    assert (found.found, found.tested) == ((), 1)


def test_no_columns_no_errors_and_ids_are_no_slices() -> None:
    wrong = np.zeros(100, dtype=bool)
    assert find_worst_slices(pa.table({}), ~wrong).found == ()
    assert find_worst_slices(table(100, 6), wrong).found == ()
    names = find_worst_slices(pa.table({"name": [f"n{at}" for at in range(100)]}), ~wrong)
    assert names.skipped == ("name",)
    assert names.to_json() == {"worst": [], "tested": 0, "skipped": ["name"]}


def test_whole_numbers_beyond_floats_and_missing_values_are_cut_too() -> None:
    big = pa.array([None if at < 10 else 2**62 + at for at in range(1000)])
    wrong = np.arange(1000) < 200
    found = find_worst_slices(pa.table({"big": big, "all_missing": pa.nulls(1000, pa.float64())}), wrong)
    assert found.skipped[-1] == "all_missing"
