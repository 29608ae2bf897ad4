"""One number far beyond its own column's tail, beside columns whose tails are far longer."""

import numpy as np
import pytest

from tasks.screening.outliers import column_excess

ROWS, RATE = 4_000, 0.005


def columns() -> np.ndarray:
    """Ages, money that few have and some have much of, heavy tails, a code for "unknown", a flag."""
    generator = np.random.default_rng(5)
    ages = generator.uniform(17, 90, ROWS)
    money = np.where(generator.random(ROWS) < 0.05, generator.lognormal(8, 1, ROWS), 0)
    heavy = generator.standard_t(2, ROWS)
    coded = np.where(generator.random(ROWS) < 0.03, 999, generator.integers(0, 9, ROWS))
    flag = generator.random(ROWS) < 0.02
    return np.column_stack([ages, money, heavy, coded, flag]).astype(np.float32)


def test_sound_tails_modes_and_flags_are_left_alone() -> None:
    excess, _ = column_excess(columns(), RATE)
    assert (excess > 1).mean() <= RATE


@pytest.mark.parametrize(("column", "value"), [(0, 480.0), (0, -300.0), (1, 1e9), (2, 1e5)])
def test_an_impossible_number_is_named(column: int, value: float) -> None:
    numbers = columns()
    numbers[77, column] = value
    excess, values = column_excess(numbers, RATE)
    assert excess[77] > 1
    assert values[77] == np.float32(value)
    assert int(excess.argmax()) == 77


def test_few_rows_and_constant_columns_accuse_nobody() -> None:
    assert not column_excess(np.full((500, 3), 7, np.float32), RATE)[0].any()
    assert not column_excess(columns()[:60], RATE)[0].any()
