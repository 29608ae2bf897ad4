"""Planted rows are remembered by a model that learns by heart, and by no other."""

from pathlib import Path

import numpy as np
import pytest

from assay.errors import SpecError
from assay.sdk import TrainingContext
from tasks.privacy.exposure import canary_exposure, canary_losses, canary_twins, plant_canaries
from tasks.privacy.planted import find_planted, with_canaries
from tasks.training.rows import split_validation
from tests.tasks.privacy.privacy_models import RandomFeatures, noisy_rows


def losses(ridge: float, tmp_path: Path, wrong: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    train, unseen = noisy_rows(300, 1, wrong), noisy_rows(200, 2, wrong)
    planted, places = plant_canaries(train, 24, 2, seed=7)
    model = RandomFeatures()
    model.train_function(planted, TrainingContext(0, tmp_path, lambda metrics, _: None, unseen, 2), ridge=ridge)
    twins = canary_twins(unseen, 2, seed=7)
    found = canary_losses(model.predict_function(planted.inputs), planted.labels)[places]
    return found, canary_losses(model.predict_function(twins.inputs), twins.labels)


def test_a_model_that_learns_by_heart_exposes_them_and_a_regularised_one_does_not(tmp_path: Path) -> None:
    overfitted = canary_exposure(*losses(1e-3, tmp_path))
    regularised = canary_exposure(*losses(3e4, tmp_path))
    assert overfitted.is_remembered and overfitted.bits > 2.5
    assert not regularised.is_remembered and regularised.bits < 2.2
    assert overfitted.ci95[0] > regularised.bits


def test_rows_that_are_like_their_twins_have_the_exposure_of_chance() -> None:
    generator = np.random.default_rng(0)
    found = [canary_exposure(generator.random(20), generator.random(200), seed=at) for at in range(12)]
    assert np.mean([one.bits for one in found]) == pytest.approx(found[0].by_chance, abs=0.3)
    assert sum(one.is_remembered for one in found) <= 1
    assert found[0].by_chance == pytest.approx(np.log2(np.e), abs=0.05)


def test_the_most_that_can_be_exposed_is_the_logarithm_of_the_candidates() -> None:
    found = canary_exposure(np.zeros(8), np.ones(63))
    assert found.bits == found.most == 6
    assert canary_exposure(np.full(8, 2.0), np.ones(63)).bits == 0


def test_planting_is_the_same_again_and_in_any_order_of_rows() -> None:
    rows = noisy_rows(200, 3)
    first, places = plant_canaries(rows, 12, 10, seed=5)
    again, same = plant_canaries(rows, 12, 10, seed=5)
    assert (places == same).all() and (first.labels == again.labels).all()
    changed = np.flatnonzero(first.labels != rows.labels)
    assert changed.tolist() == places.tolist() and len(places) == 12
    other = plant_canaries(rows, 12, 10, seed=6)[1]
    assert set(other.tolist()) != set(places.tolist())
    found = find_planted(rows, {"canaries": {"count": 12, "seed": 5}}, 10)
    assert found is not None and (found.train.labels == first.labels).all() and (found.places == places).all()
    assert find_planted(rows, {}, 10) is None and find_planted(rows, {"canaries": {"count": 0, "seed": 5}}, 10) is None


def test_training_rows_get_their_canaries_and_validation_rows_none() -> None:
    rows = split_validation(noisy_rows(200, 3))
    planted = with_canaries(rows, 12, 5)
    found = find_planted(rows.train, {"canaries": {"count": 12, "seed": 5}}, rows.classes)
    assert found is not None and (planted.train.labels == found.train.labels).all()
    assert (planted.train.labels != rows.train.labels).sum() == 12
    assert planted.validation is rows.validation and with_canaries(rows, 0, 5) is rows


def test_too_many_canaries_and_too_few_to_judge_are_refused() -> None:
    with pytest.raises(SpecError, match="at most a tenth"):
        plant_canaries(noisy_rows(50, 1), 6, 2, seed=0)
    with pytest.raises(SpecError, match="8 planted rows"):
        canary_exposure(np.zeros(3), np.ones(100))
