"""From rows to a candidate to an examined ONNX file, on a real Ray."""

from typing import Any

import pytest

from assay.bundle import load_bundle
from assay.errors import PolicyViolation, SpecError
from assay.records import Step, Subject, Verdict
from assay.workbench import Workbench
from tasks.assay_model import assay_model
from tasks.export_model import export_model
from tasks.train_model import train_model
from tasks.training.candidate import load_candidate
from tests.tasks.model_story import image_rows, make_spec, request_for, split

DIGITS = "models.digits:DigitsModel"


@pytest.mark.engines
def test_one_run_makes_a_candidate_that_exports_and_is_examined(bench: Workbench) -> None:
    subjects = split(bench, image_rows, "image")
    spec = make_spec(
        DIGITS,
        collector={"kind": "image"},
        train={"parameters": {"epochs": 4, "learning_rate": 0.01}},
        assay={"threat_models": [{"epsilon": 0.05, "steps": 5, "restarts": 2, "samples": 50}]},
    )
    trained = train_model(request_for(bench, spec, subjects, epochs=5), bench)
    assert trained.verdict is Verdict.PASSED, trained.checks
    assert trained.facts["stopped_by"] == "finished"
    best: Any = trained.facts["best"]
    assert best["parameters"]["epochs"] == 5 and best["metrics"]["accuracy"] > 0.9
    bundle = load_bundle(trained.products["candidate"], bench.store)
    assert [file.name for file in bundle.files] == ["weights.safetensors"]
    assert bundle.facts["trained_on"] == subjects["train"].sha256

    subjects |= trained.products
    exported = export_model(request_for(bench, spec, subjects), bench)
    assert exported.verdict is Verdict.PASSED, exported.checks
    assert exported.facts["max_difference"] <= 1e-5
    assert exported.facts["input"] == {"name": "input", "dtype": "FP32", "shape": [-1, 8, 8]}
    model = load_bundle(exported.products["model"], bench.store)
    assert model.exported_from == subjects["candidate"].sha256
    assert model.facts["onnx_sha256"] == model.file("model.onnx").sha256

    subjects |= exported.products
    assayed = assay_model(request_for(bench, spec, subjects), bench)
    assert assayed.verdict is Verdict.PASSED, assayed.checks
    metrics: Any = assayed.facts["metrics"]
    assert metrics["accuracy"] > 0.9 and 0 <= metrics["robust_accuracy"] <= metrics["accuracy"] + 0.1
    assert assayed.judged == ("model",) and assayed.step is Step.ASSAY
    evasion: Any = assayed.facts["evasion"]
    assert evasion[0]["robust_accuracy_onnx"] == pytest.approx(evasion[0]["robust_accuracy_framework"], abs=0.02)


@pytest.mark.engines
def test_grid_keeps_the_best_trial_and_repeats_itself_exactly(bench: Workbench) -> None:
    subjects = split(bench)
    spec = make_spec(train={"executor": "grid", "search": {"cut": [0.3, 0.5]}, "budget": {"trials": 2}})
    first = train_model(request_for(bench, spec, subjects), bench)
    best: Any = first.facts["best"]
    assert best["parameters"] == {"cut": 0.5}
    again = train_model(request_for(bench, spec, subjects), bench)
    assert again.facts["ray"] == {"place": "local", "resumed": True}
    assert again.products == first.products


@pytest.mark.engines
def test_planted_rows_are_known_to_the_candidate_and_found_again_by_the_examination(bench: Workbench) -> None:
    subjects = split(bench)
    spec = make_spec(train={"parameters": {"cut": 0.5}}, assay={"privacy": {"canaries": 12}})
    trained = train_model(request_for(bench, spec, subjects), bench)
    assert load_bundle(trained.products["candidate"], bench.store).facts["canaries"] == {"count": 12, "seed": 0}
    subjects |= trained.products
    subjects |= export_model(request_for(bench, spec, subjects), bench).products
    assayed = assay_model(request_for(bench, spec, subjects), bench)
    privacy: Any = assayed.facts["privacy"]
    # One threshold cannot learn a row by heart.
    exposure = privacy["canaries"]
    assert exposure["planted"] == 12 and exposure["bits"] == pytest.approx(exposure["by_chance"], abs=1.5)


@pytest.mark.engines
def test_model_that_always_fails_is_a_failed_report_with_its_error(bench: Workbench) -> None:
    spec = make_spec("tests.tasks.training.trial_models:Fragile", train={"parameters": {"cut": 0.9}})
    report = train_model(request_for(bench, spec, split(bench)), bench)
    assert report.verdict is Verdict.FAILED and not report.products
    assert "a cut above 0.8 is nonsense" in report.checks[0].detail


def test_rows_outside_the_role_train_cannot_get_in(bench: Workbench) -> None:
    subjects = split(bench)
    del subjects["train"]
    with pytest.raises(PolicyViolation, match="'train'"):
        train_model(request_for(bench, make_spec(), subjects), bench)


def test_unknown_parameter_is_refused_before_anything_runs(bench: Workbench) -> None:
    with pytest.raises(SpecError, match="cut"):
        train_model(request_for(bench, make_spec(), split(bench), cutt=0.4), bench)


def test_candidate_of_another_class_is_not_loaded(bench: Workbench, tmp_path: Any) -> None:
    from assay.bundle import save_bundle
    from assay.errors import IntegrityError

    folder = tmp_path / "candidate"
    folder.mkdir()
    (folder / "cut.json").write_text("0.5")
    subject = save_bundle("story", "candidate", folder, bench.store, facts={"model": "os:system"})
    assert isinstance(subject, Subject)
    with pytest.raises(IntegrityError, match="os:system"):
        load_candidate(subject, make_spec(), bench)
