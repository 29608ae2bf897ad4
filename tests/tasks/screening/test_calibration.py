"""p-values and expected false rates that hold what they promise."""

import numpy as np
import pytest

from tasks.screening.calibration import bulk_null, calibrate, expected_false_rate, tail_p


@pytest.mark.parametrize("law", ["standard_normal", "standard_exponential"])
def test_tail_p_values_hold_far_beyond_what_the_null_resolves(law: str) -> None:
    generator = np.random.default_rng(0)
    null = getattr(generator, law)(500)
    fresh = np.sort(getattr(generator, law)(200_000))[::-1]
    for place in (20_000, 2_000, 200):  # true p of 0.1, 0.01, 0.001; 500 rows resolve 0.002
        (p,) = tail_p(fresh[[place]], null)
        assert 0.4 * place / 200_000 < p < 4 * place / 200_000


@pytest.mark.parametrize("seed", range(5))
def test_sound_rows_alone_lose_no_more_than_the_rate(seed: int) -> None:
    generator = np.random.default_rng(seed)
    found = calibrate(generator.standard_normal(20_000), generator.standard_normal(500), rate=0.01)
    assert found.quarantined.mean() <= 0.01


@pytest.mark.parametrize("bad", [20, 200, 2000])
def test_rows_far_out_are_kept_out_and_hardly_a_sound_one(bad: int) -> None:
    generator = np.random.default_rng(0)
    statistic = np.concatenate([generator.standard_normal(20_000), generator.normal(8, 1, bad)])
    found = calibrate(statistic, generator.standard_normal(500), rate=0.01)
    assert found.quarantined[20_000:].mean() > 0.99
    assert found.quarantined[:20_000].mean() <= 0.012
    assert found.score[20_000:].min() > np.quantile(found.score[:20_000], 0.995)


def test_the_bulk_stands_in_for_a_null_when_a_few_rows_are_bad() -> None:
    generator = np.random.default_rng(0)
    sound = np.exp(generator.standard_normal(10_000) / 2)
    statistic = np.concatenate([sound, np.full(500, 40.0)])
    found = calibrate(statistic, None, rate=0.01)
    assert found.quarantined[10_000:].all()
    assert found.quarantined[:10_000].mean() <= 0.01
    assert len(bulk_null(statistic)) == 20_000


def test_expected_false_rates_are_those_of_benjamini_and_hochberg() -> None:
    p = np.array([0.01, 0.04, 0.03, 0.5])
    assert np.allclose(expected_false_rate(p), [0.04, 0.04 * 4 / 3, 0.04 * 4 / 3, 0.5])


def test_a_null_of_equal_values_neither_divides_by_zero_nor_accuses_its_like() -> None:
    found = calibrate(np.array([0.0] * 99 + [5.0]), np.zeros(100), rate=0.02)
    assert np.isfinite(found.p).all() and not found.quarantined[:99].any()
