"""An attack ends early only when more rows could hardly change the gate's answer."""

import numpy as np
import pytest

from assay.spec import PipelineSpec
from tasks.examination.looks import bounds_on, is_certain, looks, rows_wanted
from tests.tasks.model_story import make_spec


def gated(*bounds: float) -> PipelineSpec:
    rules = [{"metric": "robust_accuracy", "min": bound} for bound in bounds]
    return make_spec(assay={"threat_models": [{"epsilon": 0.1}]}, gate=[*rules, {"metric": "accuracy", "min": 0.5}])


def test_without_a_bound_all_rows_are_attacked_at_once() -> None:
    assert bounds_on(gated(), "robust_accuracy") == ()
    assert list(looks(700, ())) == [slice(0, 700)]
    assert not is_certain(0, 700, ())


def test_parts_cover_every_row_once() -> None:
    for rows in (1, 99, 100, 101, 399, 400, 1000, 2401):
        parts = [np.arange(rows)[part] for part in looks(rows, (0.5,))]
        assert np.array_equal(np.concatenate(parts), np.arange(rows))


@pytest.mark.parametrize(("bound", "rows"), [(0.5, 2401), (0.85, 1225), (0.99, 100)])
def test_rows_resolve_the_bound_to_two_points(bound: float, rows: int) -> None:
    assert rows_wanted(None, bounds_on(gated(bound), "robust_accuracy")) == pytest.approx(rows, abs=1)
    assert rows_wanted(300, (bound,)) == 300


def test_looking_early_seldom_turns_the_answer() -> None:
    """A model exactly at the bound is on either side half of the time; looks before the end must not stop there."""
    generator, bound, stopped = np.random.default_rng(0), 0.85, 0
    for _ in range(2000):
        stands = generator.random(1225) < bound
        stopped += any(
            is_certain(int(stands[: part.stop].sum()), part.stop, (bound,))
            for part in looks(1225, (bound,))
            if part.stop < 1225
        )
    assert stopped / 2000 < 0.005


def test_a_weak_model_is_known_after_the_first_look() -> None:
    first = next(looks(1225, (0.85,)))
    assert is_certain(3, first.stop, (0.85,)) and first.stop < 400
