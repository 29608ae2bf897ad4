"""Attributions are those of the definitions."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tasks.explanation.gradients import TOLERANCE, Path, integrate_gradients
from tasks.explanation.images import grid_parts, picture_facts, pixel_values
from tasks.explanation.known import commonest_half, known_word_answer
from tasks.explanation.score import centred
from tasks.explanation.shapley import Parts, sample_shapley
from tasks.explanation.similarity import parts_of
from tasks.explanation.words import leave_out_words

GENERATOR = np.random.default_rng(0)
ROWS = GENERATOR.uniform(0, 1, (60, 4)).astype(np.float32)
COLUMNS = Parts(np.arange(4))


def interacting(rows: np.ndarray) -> np.ndarray:
    """Two classes; the score has an interaction and a column that does nothing."""
    wide = rows.astype(np.float64)
    logit = 2 * wide[:, 0] - 3 * wide[:, 1] * wide[:, 2]
    return np.stack([1 / (1 + np.exp(logit)), 1 / (1 + np.exp(-logit))], axis=1)


def exact_shapley(answer: Callable[[np.ndarray], np.ndarray], row: np.ndarray, background: np.ndarray) -> np.ndarray:
    """By all subsets, over all background rows (Shapley 1953)."""
    count, target = len(row), answer(row[None]).argmax(1)

    def worth(kept: tuple[int, ...]) -> float:
        mixed = background.copy()
        mixed[:, list(kept)] = row[list(kept)]
        return float(centred(answer(mixed), np.repeat(target, len(mixed))).mean())

    values = np.zeros(count)
    for part in range(count):
        others = [at for at in range(count) if at != part]
        for size in range(count):
            weight = math.factorial(size) * math.factorial(count - size - 1) / math.factorial(count)
            for kept in itertools.combinations(others, size):
                values[part] += weight * (worth((*kept, part)) - worth(kept))
    return values


def test_shapley_values_are_those_of_all_subsets() -> None:
    few = np.repeat(ROWS[:2], 300, axis=0)
    found = sample_shapley(interacting, few, ROWS, COLUMNS, seed=1)
    for row in range(2):
        sampled = found.values[row * 300 : (row + 1) * 300].mean(axis=0)
        assert sampled == pytest.approx(exact_shapley(interacting, ROWS[row], ROWS), abs=0.04)
    assert np.abs(found.values[:, 3]).max() < 1e-12
    assert found.total is not None and np.allclose(found.values.sum(axis=1), found.total)


def test_values_that_belong_to_one_part_move_together() -> None:
    parts = Parts(np.array([0, 1, 1, 0]))
    found = sample_shapley(interacting, ROWS, ROWS, parts)
    assert found.values.shape == (60, 2) and parts.count == 2


def test_integrated_gradients_of_a_linear_model_are_weight_times_distance() -> None:
    torch.manual_seed(0)
    linear = torch.nn.Linear(4, 3)
    targets = np.arange(60) % 3
    found = integrate_gradients(linear, Path(ROWS, ROWS.mean(axis=0), targets))
    weights = linear.weight.detach().numpy()
    expected = (weights - weights.mean(axis=0))[targets] * (ROWS - ROWS.mean(axis=0))
    assert found.values == pytest.approx(expected, abs=1e-5)


def test_integrated_gradients_of_a_curved_model_add_up_and_leave_the_module_as_it_was() -> None:
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(4, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2)).train()
    found = integrate_gradients(module, Path(ROWS, ROWS.mean(axis=0), np.zeros(60, dtype=np.int64)))
    assert found.total is not None
    assert np.abs(found.values.sum(axis=1) - found.total).mean() <= TOLERANCE * np.abs(found.total).mean()
    assert module.training and all(parameter.requires_grad for parameter in module.parameters())
    nothing, everything = np.zeros_like(found.present), found.present
    assert found.without(nothing) - found.without(everything) == pytest.approx(found.total, abs=1e-5)


def test_words_left_out_show_the_word_that_decides() -> None:
    texts = ["a cheap pill", "see a friend", "cheap cheap!", "no news, friend"]
    left_out = leave_out_words(known_word_answer("cheap"), texts)
    words, values = left_out.by_word()
    assert words == ["a", "cheap", "friend", "news", "no", "pill", "see"]
    others = [at for at in range(7) if at != 1]
    assert (np.abs(values[:, others]) < 1e-12).all() and (values[[0, 2], 1] > 1).all()
    assert commonest_half(texts) in {"a", "cheap", "friend"}
    first = left_out.words[0].index("cheap")
    taken = np.zeros_like(left_out.explained.present)
    taken[0, first] = True
    left = left_out.explained.without(taken) - left_out.explained.without(np.zeros_like(taken))
    assert left[0] == pytest.approx(-values[0, 1]) and (left[1:] == 0).all()


def test_long_texts_are_explained_by_a_draw_of_their_words_and_empty_ones_by_none() -> None:
    left_out = leave_out_words(known_word_answer("w1"), [" ".join(f"w{at}" for at in range(300)), ""])
    assert len(left_out.words[0]) == 40 and left_out.words[1] == ()


@pytest.mark.parametrize("shape", [(28, 28), (3, 32, 32), (20, 30, 3), (8, 8), (5, 5)])
def test_a_grid_covers_every_value_of_an_image_and_keeps_channels_together(shape: tuple[int, ...]) -> None:
    parts = grid_parts(shape)
    cells = min(7, sorted(shape)[-2]) * min(7, sorted(shape)[-1])
    assert parts.count == cells and len(np.unique(parts.number)) == cells
    assert parts_of(np.zeros((1, *shape))).count == cells
    assert pixel_values(np.ones((2, math.prod(shape))), shape).sum() == pytest.approx(2 * math.prod(shape))


def test_facts_of_pictures_tell_where_the_weight_lies_in_few_numbers() -> None:
    values = np.full((6, 28 * 28), 1e-4)
    values[:, 3 * 28 + 24] = 1.0
    found = sample_shapley(interacting, ROWS[:6], ROWS, COLUMNS)
    facts: Any = picture_facts(found, values.reshape(6, 28, 28))
    assert facts["regions"][0]["rows"] == [0, 6] and facts["regions"][0]["columns"] == [21, 27]
    assert facts["regions"][0]["share"] > 0.9 and facts["map"][3][24] > 0.9 and facts["border"] < 0.02
    assert len(facts["map"]) == 28 and all(len(rows) == 7 for rows in facts["by_class"].values())
