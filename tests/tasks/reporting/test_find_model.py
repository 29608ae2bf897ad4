"""Which model a person means: what serves, is registered, was examined; never what the registry alone says."""

from dataclasses import replace
from pathlib import Path

import pytest

from assay.errors import IntegrityError, SpecError
from assay.records import Step
from assay.registry import MODEL_TAG, ONNX_TAG, open_registry
from assay.settings import Settings
from assay.workbench import Workbench
from tasks.reporting.find_model import find_model
from tests.tasks.promotion_story import Story, make_spec
from tests.tasks.reporting.life_story import deploy, register, state


def told(bench: Workbench, shift: float, name: str = "two") -> Story:
    return Story(bench, make_spec(name), shift).tell()


def found(bench: Workbench, reference: str) -> str:
    return find_model(reference, bench.ledger, bench.settings).sha256


def test_name_means_what_serves_then_what_is_registered_then_what_was_examined(bench: Workbench) -> None:
    first, second, third = (told(bench, shift) for shift in (0.1, 0.2, 0.3))
    assert found(bench, "two") == third.subjects["model"].sha256
    register(first, 1)
    register(second, 2)
    assert found(bench, "two") == second.subjects["model"].sha256
    deploy(first, 1)
    assert found(bench, "two") == first.subjects["model"].sha256
    state(first, Step.CUT_OUT, reason="leaks")
    assert found(bench, "two") == second.subjects["model"].sha256


def test_version_and_champion_are_what_was_signed(bench: Workbench) -> None:
    first, second = told(bench, 0.1), told(bench, 0.2)
    register(first, 1)
    register(second, 2)
    deploy(first, 1)
    deploy(second, 2)
    state(first, Step.ROLLBACK, version=1)
    assert found(bench, "two:2") == second.subjects["model"].sha256
    assert found(bench, "two@champion") == first.subjects["model"].sha256


def test_refused_model_is_found_by_its_digest_or_the_beginning_of_it(bench: Workbench) -> None:
    told(bench, 0.1)
    model = told(bench, 0.2, "other").subjects["model"]
    assert found(bench, model.sha256) == found(bench, model.sha256[:12]) == model.sha256


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("tow", "did you mean 'two'"),
        ("two:7", "registered are 1"),
        ("two@champion", "nothing of two serves"),
        ("ffffffffffff", "no model of this digest"),
        ("f" * 64, "no model of this digest"),
        ("../etc/passwd", "expected NAME, NAME:VERSION"),
        ("", "expected NAME, NAME:VERSION"),
        ("two@challenger", "ASSAY_MLFLOW_URL"),
    ],
)
def test_reference_to_nothing_is_one_clear_error(bench: Workbench, reference: str, words: str) -> None:
    register(told(bench, 0.1), 1)
    with pytest.raises(SpecError, match=words):
        found(bench, reference)


def test_empty_ledger_says_so_and_knows_the_specs(bench: Workbench, tmp_path: Path) -> None:
    bench = replace(bench, settings=bench.settings.model_copy(update={"pipelines": tmp_path}))
    with pytest.raises(SpecError, match="run a pipeline first"):
        found(bench, "two")
    (tmp_path / "two.yaml").write_text("name: two")
    with pytest.raises(SpecError, match="run it with `assay run two`"):
        found(bench, "two")
    with pytest.raises(SpecError, match="did you mean 'two'"):
        found(bench, "twoo")


def test_dataset_digest_is_no_model(bench: Workbench) -> None:
    train = told(bench, 0.1).subjects["train"]
    with pytest.raises(SpecError, match="no model of this digest"):
        found(bench, train.sha256)


@pytest.mark.engines
def test_alias_that_was_moved_by_hand_is_not_believed(bench: Workbench, mlflow_url: str) -> None:
    settings: Settings = bench.settings.model_copy(update={"mlflow_url": mlflow_url})
    story = told(bench, 0.1, "moved")
    registry, folder = open_registry(settings), bench.workdir / "story-0.1"
    tags = {MODEL_TAG: story.subjects["model"].sha256, ONNX_TAG: "0" * 64}
    version = registry.register("moved", folder / "model.onnx", tags).version
    with pytest.raises(IntegrityError, match="no signed statement does"):
        find_model("moved@challenger", bench.ledger, settings)
    register(story, version)
    assert find_model("moved@challenger", bench.ledger, settings) == story.subjects["model"]
    other = registry.register("moved", folder / "model.onnx", {MODEL_TAG: "e" * 64, ONNX_TAG: "0" * 64}).version
    registry.set_alias("moved", "challenger", other)
    with pytest.raises(IntegrityError, match="no signed statement does"):
        find_model("moved@challenger", bench.ledger, settings)
    with pytest.raises(SpecError, match="did you mean 'challenger'"):
        find_model("moved@chalenger", bench.ledger, settings)
