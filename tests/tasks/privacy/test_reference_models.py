"""Reference models are what the candidate is: its class, executor and parameters, on as many rows."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.errors import SpecError
from assay.sdk import StopTraining
from assay.spec import PipelineSpec
from tasks.privacy.audited import AuditedRows, audit_rows
from tasks.privacy.reference_models import Recipe, ReferenceFit
from tasks.training.rows import split_validation
from tests.tasks.privacy.privacy_models import Recorder, noisy_rows

MODELS = "tests.tasks.privacy.privacy_models:"


def audited_rows() -> AuditedRows:
    return audit_rows(split_validation(noisy_rows(200, 1)).train, noisy_rows(60, 2), 50)


def fit_of(folder: Path, train: dict[str, Any], deadline: float = float("inf")) -> ReferenceFit:
    data = {"collector": {"sources": [{"source": "path", "path": "rows"}]}}
    spec = PipelineSpec.model_validate({"name": "story", "data": data, "train": train})
    recipe = Recipe(spec, {"ridge": 5.0}, {"method": "none"}, noisy_rows(20, 3), 2)
    return ReferenceFit(recipe, audited_rows(), folder, deadline)


def test_a_reference_sees_the_rest_and_its_half_with_the_candidates_parameters(tmp_path: Path) -> None:
    Recorder.seen.clear()
    fit, audited = fit_of(tmp_path, {"model": MODELS + "Recorder"}), audited_rows()
    places = np.array([0, 3, 70])
    answers = fit(places, 17)
    ((ids, seed, ridge, device, robust),) = Recorder.seen
    assert answers.shape == (100, 2)
    assert ids == set(audited.rest.row_ids) | {audited.rows.row_ids[at] for at in places}
    assert (seed, ridge, device, robust) == (17, 5.0, "cpu", {"method": "none"})
    assert not list(tmp_path.iterdir())


def test_an_executor_of_ones_own_trains_them_with_all_its_roles(tmp_path: Path) -> None:
    train = {
        "model": MODELS + "RandomFeatures",
        "executor": MODELS + "WithTeacher",
        "models": {"teacher": MODELS + "RandomFeatures"},
    }
    taught, plain = fit_of(tmp_path, train), fit_of(tmp_path, {"model": MODELS + "RandomFeatures"})
    places = np.arange(50)
    assert not np.allclose(taught(places, 1), plain(places, 1))
    assert np.allclose(taught(places, 1), taught(places, 1))


def test_a_training_past_the_deadline_ends_at_its_next_report(tmp_path: Path) -> None:
    with pytest.raises(StopTraining):
        fit_of(tmp_path, {"model": MODELS + "RandomFeatures"}, deadline=0.0)(np.arange(50), 1)


def test_answers_of_another_shape_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"expected probabilities of shape \(100, 2\), found \(100, 1\)"):
        fit_of(tmp_path, {"model": MODELS + "Short"})(np.arange(50), 1)
