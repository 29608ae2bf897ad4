"""Labels alone give memory away, on numbers, pictures and texts."""

import numpy as np
import pytest

from tasks.privacy.curve import area
from tasks.privacy.label_only import keep_labels
from tasks.privacy.leaks import ByHeart, feature_space, membership_sight, plane_labels
from tasks.privacy.perturbation import measure_noise


def rows_of(kind: str, count: int = 120) -> np.ndarray:
    generator = np.random.default_rng(5)
    if kind == "text":
        words = np.array([f"word{at}" for at in range(300)])
        texts = np.empty(count, dtype=object)
        texts[:] = [" ".join(generator.choice(words, 25)) for _ in range(count)]
        return texts
    if kind == "image":
        return generator.uniform(0, 255, (count, 8, 8)).astype(np.float32)
    return generator.normal(size=(count, 6)).astype(np.float32) * [1, 10, 100, 0.1, 1, 0]


@pytest.mark.parametrize("kind", ["text", "image", "table"])
def test_rows_known_by_heart_keep_their_labels_under_noise(kind: str) -> None:
    inputs = rows_of(kind)
    labels = np.random.default_rng(1).integers(0, 5, len(inputs))
    members = np.arange(len(inputs)) % 2 == 0
    space = feature_space(inputs)
    model = ByHeart(space, space(inputs[members]), labels[members], 5)
    found = keep_labels(lambda rows: model(rows).argmax(1), inputs, labels)
    assert found.queries == 17
    assert area(found.scores, members) > 0.85
    assert area(found.scores, np.random.default_rng(2).permutation(members)) < 0.65


@pytest.mark.parametrize("kind", ["text", "image", "table"])
def test_noise_keeps_shape_type_and_range(kind: str) -> None:
    inputs = rows_of(kind)
    changed = measure_noise(inputs).apply(inputs, 0.5, np.random.default_rng(0))
    assert (changed.shape, changed.dtype) == (inputs.shape, inputs.dtype)
    assert (changed != inputs).mean() > 0.5
    if kind != "text":
        assert changed.min() >= inputs.min() and changed.max() <= inputs.max()
    else:
        assert all(set(str(new).split()) <= set(str(old).split()) for new, old in zip(changed, inputs, strict=True))


def test_a_spent_budget_still_asks_once_with_noise() -> None:
    inputs = rows_of("table")
    labels = plane_labels(inputs, 0)
    assert keep_labels(lambda rows: np.zeros(len(rows)), inputs, labels, budget_seconds=0.0).queries == 2


@pytest.mark.parametrize("kind", ["text", "image", "table"])
@pytest.mark.parametrize("classes", [2, 10])
def test_the_tests_of_membership_see_a_model_that_leaks(kind: str, classes: int) -> None:
    by_references, by_labels = membership_sight(rows_of(kind, 160), classes, seed=0)
    assert by_references.sees and by_labels.sees


def test_rows_that_are_all_alike_make_the_test_blind() -> None:
    by_references, by_labels = membership_sight(np.ones((160, 5), np.float32), 4, seed=0)
    assert not by_references.sees and not by_labels.sees
