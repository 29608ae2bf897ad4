"""What answers tell of an attribute is told as the difference to what the other columns tell."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from tasks.privacy.attributes import LEAST_OF_ANSWER, AttributeLeak, difference_interval, guess_attribute, other_columns

ROWS = 600


def people(seed: int = 0) -> tuple[pa.Table, np.ndarray]:
    """race follows half from town; the model's answer follows race or not, as one likes."""
    generator = np.random.default_rng(seed)
    race = generator.choice(["a", "b", "c"], ROWS, p=[0.6, 0.3, 0.1])
    town = np.where(generator.random(ROWS) < 0.5, race, generator.choice(["a", "b", "c"], ROWS))
    table = pa.table({"race": race, "town": town, "age": generator.integers(18, 80, ROWS)})
    return table, (race == "a").astype(float)


def guess(table: pa.Table, answers: np.ndarray, column: str = "race") -> AttributeLeak:
    found = guess_attribute(column, table, answers, seed=0)
    assert isinstance(found, AttributeLeak)
    return found


def two_classes(share: np.ndarray) -> np.ndarray:
    return np.column_stack([1 - share, share])


def test_answers_that_follow_the_attribute_have_an_advantage() -> None:
    table, is_a = people()
    found = guess(table, two_classes(0.2 + 0.6 * is_a))
    assert found.advantage > 0.1
    assert found.ci95[0] > 0
    assert found.told >= LEAST_OF_ANSWER
    assert found.groups == ("a", "b", "c")


def test_answers_that_know_nothing_have_none() -> None:
    table, _ = people()
    found = guess(table, two_classes(np.random.default_rng(1).random(ROWS)))
    assert found.ci95[0] < 0.02 and found.advantage < 0.05


def test_what_the_other_columns_tell_is_not_the_models_doing() -> None:
    table, is_a = people()
    told = table.append_column("copy", table["race"])
    found = guess(told, two_classes(0.2 + 0.6 * is_a))
    assert found.without > 0.99
    assert found.advantage == pytest.approx(0, abs=0.01)


def test_without_other_columns_the_guess_is_chance() -> None:
    table, is_a = people()
    assert guess(table.select(["race"]), two_classes(is_a)).without == pytest.approx(1 / 3)


def test_small_groups_are_left_out_and_told() -> None:
    table, is_a = people()
    rare = table["race"].to_pylist()[:-5] + ["rare"] * 5
    found = guess(table.set_column(0, "race", pa.array(rare)), two_classes(is_a))
    assert found.left_out == ("rare",)
    assert found.rows == ROWS - 5


@pytest.mark.parametrize("values", [["x"] * ROWS, [f"name {at}" for at in range(ROWS)], [None] * ROWS])
def test_a_column_that_makes_no_groups_is_refused_in_words(values: list[str | None]) -> None:
    table, is_a = people()
    found = guess_attribute("odd", table.append_column("odd", pa.array(values, pa.string())), two_classes(is_a), 0)
    assert isinstance(found, str) and "odd" in found


def test_columns_of_every_kind_become_numbers() -> None:
    days = [date(2020, 1, 1) + timedelta(days=at) for at in range(3)]
    table = pa.table({"day": days, "yes": [True, False, None], "word": ["b", "b", None], "number": [1, None, 3]})
    numbers, words = other_columns(table)
    assert numbers.shape == (3, 4) and words == [1, 2]
    assert (np.diff(numbers[:, 0]) > 0).all()
    assert np.isnan(numbers).sum() == 3


def test_the_interval_is_of_paired_rows() -> None:
    codes = np.repeat([0, 1], 200)
    right = np.random.default_rng(0).random(400) < 0.5
    assert difference_interval(right, right, codes, 0) == (0.0, 0.0)
    better = right | (np.random.default_rng(1).random(400) < 0.2)
    low, high = difference_interval(right, better, codes, 0)
    assert 0.05 < low < 0.1 < high < 0.15
