"""A copy is judged on rows it never asked about, and beside what knowledge of the task gives."""

from collections.abc import Callable

import numpy as np
import pytest

from tasks.privacy.copies import train_copy
from tasks.privacy.extraction import LEAST_OF_PLANE, Halves, Stolen, plane_fidelity, questions, steal


def plane(columns: int = 5, rows: int = 800) -> Halves:
    inputs = np.random.default_rng(0).normal(size=(rows, columns)).astype(np.float32)
    labels = (inputs.sum(1) > 0).astype(np.int64)
    return Halves(inputs[: rows // 2], labels[: rows // 2], inputs[rows // 2 :])


def along(inputs: np.ndarray) -> np.ndarray:
    odds = 1 / (1 + np.exp(-2 * inputs.sum(1)))
    return np.column_stack([1 - odds, odds])


def stolen(ask: Callable[[np.ndarray], np.ndarray]) -> Stolen:
    (found,) = steal(ask, plane(), (400,), seed=0)
    return found


def dealt(inputs: np.ndarray) -> np.ndarray:
    """Answers that follow from the bits of a row: no copy can learn them from other rows."""
    bits = np.array([hash(row.tobytes()) % 2 for row in inputs])
    return np.eye(2)[bits] * 0.8 + 0.1


def test_more_questions_make_a_better_copy_of_a_plane() -> None:
    few, many = steal(along, plane(), (400, 20), seed=0)
    assert (few.queries, many.queries) == (20, 400)
    assert few.best.value + 0.05 < many.best.value
    assert many.best.value > 0.9
    low, high = many.best.ci95
    assert low < many.best.value < high
    assert many.to_json()["rows"] == 400


def test_answers_that_follow_no_rule_are_not_copied() -> None:
    found = stolen(dealt)
    assert max(found.by_probabilities.value, found.by_labels.value, found.by_truth.value) < 0.6


def test_a_model_that_knows_the_task_is_no_secret_to_who_knows_it_too() -> None:
    found = stolen(along)
    assert found.by_truth.value == pytest.approx(found.by_labels.value, abs=0.02)


def test_labels_of_another_task_are_stolen_beyond_the_truth() -> None:
    found = stolen(lambda rows: along(rows * [1, -1, 1, -1, 1]))
    assert found.best.value > found.by_truth.value + 0.2


def test_when_rows_run_out_they_are_asked_again_with_noise() -> None:
    halves = plane(rows=200)
    inputs, labels = questions(halves, 250, seed=1)
    assert (inputs[:100] == halves.asked).all() and (labels[100:200] == halves.labels).all()
    assert not (inputs[100:200] == halves.asked).all(axis=1).any()
    assert np.abs(inputs[100:200] - halves.asked).max() < 1
    for count in (30, 120):
        fewer, _ = questions(halves, count, seed=1)
        assert (fewer == inputs[:count]).all()


def test_copies_of_pictures_and_texts_learn_too() -> None:
    generator = np.random.default_rng(3)
    pictures = generator.random((300, 8, 8)).astype(np.float32)
    sides = generator.integers(0, 2, 300)
    pictures[sides == 1, :4] += 0.5
    picture_halves = Halves(pictures[:150], sides[:150], pictures[150:])
    texts = np.array([f"buy now {at}" if side else f"dear friend {at}" for at, side in enumerate(sides)], dtype=object)
    for inputs in (pictures, texts):
        copy = train_copy(inputs[:150], np.eye(2)[sides[:150]], seed=0)
        assert (copy(inputs[150:]) == sides[150:]).mean() > 0.95
    again, same = (train_copy(pictures[:40], np.eye(2)[sides[:40]], seed=0)(pictures[150:]) for _ in range(2))
    assert (again == same).all()
    assert plane_fidelity(picture_halves, 0) >= LEAST_OF_PLANE


def test_a_constant_is_copied_and_rows_all_alike_make_the_copy_blind() -> None:
    constant = train_copy(np.zeros((40, 3)), np.tile([0.0, 1.0, 0.0], (40, 1)), seed=0)
    assert (constant(np.ones((7, 3))) == 1).all()
    noise = np.random.default_rng(0).normal(size=(400, 300)).astype(np.float32)
    hopeless = Halves(noise[:20], np.zeros(20, np.int64), noise[20:])
    assert plane_fidelity(hopeless, 0) < LEAST_OF_PLANE
