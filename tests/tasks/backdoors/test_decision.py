"""Laws of the scores: no unit, no order, no natural closeness decides."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.backdoors.decision import CLASS_BOUND, PAIR_BOUND, class_scores, quotients, table_scores

CLASSES = 8
SIZES = st.lists(st.floats(1, 100), min_size=CLASSES, max_size=CLASSES).map(np.array)


@given(SIZES, st.floats(0.01, 100))
def test_unit_of_size_does_not_matter(sizes: np.ndarray, unit: float) -> None:
    np.testing.assert_allclose(quotients(sizes), quotients(sizes * unit), rtol=1e-9)


@given(SIZES, SIZES, st.permutations(range(CLASSES)))
def test_order_of_classes_does_not_matter(patches: np.ndarray, overlays: np.ndarray, order: list[int]) -> None:
    sizes, natural = np.stack([patches, overlays]), np.stack([overlays, patches])
    np.testing.assert_allclose(
        class_scores(sizes, natural)[order], class_scores(sizes[:, order], natural[:, order]), rtol=1e-9
    )


@given(SIZES)
def test_smaller_trigger_never_raises_its_score(sizes: np.ndarray) -> None:
    both = np.stack([sizes, sizes])
    smaller = both.copy()
    smaller[:, 3] /= 2
    assert class_scores(smaller, both)[3] == pytest.approx(class_scores(both, both)[3] / 2)


def test_class_that_is_weak_by_nature_is_held_against_nature() -> None:
    natural = np.array([[60.0, 120, 30, 50, 70, 60, 55, 65], [8.0, 10, 5, 7, 8, 7, 8, 8]])
    weak, planted = natural * 0.9, natural * 0.9
    planted[:, 1] *= 0.2
    assert class_scores(weak, natural).min() > CLASS_BOUND
    assert class_scores(planted, natural).argmin() == 1
    assert class_scores(planted, natural)[1] <= CLASS_BOUND


def _sizes_of_pairs(seed: int) -> np.ndarray:
    """What source, target and a closeness that works both ways explain, with some noise."""
    generator = np.random.default_rng(seed)
    close = generator.normal(0, 0.4, (CLASSES, CLASSES))
    logs = generator.normal(3, 0.5, (CLASSES, 1)) + generator.normal(0, 0.5, (1, CLASSES)) + close + close.T
    sizes = np.exp(logs + generator.normal(0, 0.1, (CLASSES, CLASSES)))
    np.fill_diagonal(sizes, np.nan)
    return sizes


def test_classes_close_by_nature_are_no_backdoor_and_a_one_way_street_is() -> None:
    natural = _sizes_of_pairs(0)
    sizes = natural * np.exp(np.random.default_rng(1).normal(0, 0.1, natural.shape))
    assert np.nanmin(table_scores(sizes, natural)) > PAIR_BOUND
    sizes[1, 5] *= 0.15
    scores = table_scores(sizes, natural)
    assert np.unravel_index(np.nanargmin(scores), scores.shape) == (1, 5)
    assert scores[1, 5] <= PAIR_BOUND
