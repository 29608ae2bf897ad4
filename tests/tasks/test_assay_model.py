"""The examination on real files: what it measures, and what it refuses to call examined."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from assay.bundle import load_bundle, save_bundle
from assay.errors import IntegrityError
from assay.records import StepReport, Subject, Verdict
from assay.sdk import GradientModel
from assay.spec import PipelineSpec
from assay.workbench import Workbench
from tasks.assay_model import assay_model
from tasks.examination.row_columns import row_columns
from tasks.export_model import export_model
from tests.tasks.model_story import THRESHOLD, image_rows, make_spec, request_for, split, uniform_rows
from tests.tasks.training.trial_models import Threshold


@pytest.fixture
def subjects(bench: Workbench, tmp_path: Path) -> dict[str, Subject]:
    """Train, holdout and recent rows, and a candidate that is right on all but those between 0.5 and 0.6."""
    return {**split(bench), "candidate": candidate(bench, tmp_path / "candidate", 0.6)}


def candidate(bench: Workbench, folder: Path, cut: float, model: str = THRESHOLD) -> Subject:
    trained = Threshold()
    trained.cut = cut
    trained.save_function(folder)
    facts = {"model": model, "classes": 2, "trained_on": "0" * 64}
    return save_bundle("story", "candidate", folder, bench.store, facts=facts)


def examine(bench: Workbench, subjects: dict[str, Subject], spec: PipelineSpec | None = None) -> StepReport:
    spec = spec or make_spec()
    exported = export_model(request_for(bench, spec, subjects), bench)
    assert exported.verdict is Verdict.PASSED, exported.checks
    return assay_model(request_for(bench, spec, {**subjects, **exported.products}), bench)


def test_metrics_are_those_of_the_predictions_that_the_gate_reads(
    bench: Workbench, subjects: dict[str, Subject]
) -> None:
    report = examine(bench, subjects)
    assert report.verdict is Verdict.PASSED, report.checks
    table = pq.read_table(io.BytesIO(bench.store.read(str(report.facts["predictions"])))).to_pandas()
    assert table.groupby("segment").size().to_dict() == {"holdout": 120, "recent": 60}
    holdout = table[table["segment"] == "holdout"]
    metrics: Any = report.facts["metrics"]
    assert metrics["accuracy"] == pytest.approx((holdout["label"] == holdout["predicted"]).mean())
    assert metrics["accuracy"] < 1 and metrics["false_positive_rate"] == 0
    recent: Any = report.facts["recent"]
    assert recent["rows"] == 60
    ci95: Any = report.facts["ci95"]
    assert set(ci95) == set(metrics)
    left_out: Any = report.facts["not_examined"]
    assert {"evasion", "privacy", "stress"} <= set(left_out) and all(left_out.values())


def test_stress_is_part_of_every_examination_unless_turned_off(bench: Workbench, subjects: dict[str, Subject]) -> None:
    report = examine(bench, subjects, make_spec(assay={"stress": True}))
    stressed = [check.name for check in report.checks if check.name.startswith("stress")]
    assert len(stressed) == 4 and report.verdict is Verdict.PASSED, report.checks


def test_threat_model_on_a_model_without_gradients_is_not_checked(
    bench: Workbench, subjects: dict[str, Subject]
) -> None:
    spec = make_spec(assay={"threat_models": [{"epsilon": 0.1}]})
    report = examine(bench, subjects, spec)
    assert report.verdict is Verdict.NOT_CHECKED
    (check,) = [check for check in report.checks if check.verdict is Verdict.NOT_CHECKED]
    assert check.name == "linf 0.1: examined" and "GradientModel" in check.detail
    metrics: Any = report.facts["metrics"]
    assert "robust_accuracy" not in metrics


def test_every_kind_of_threat_is_attacked_or_told(bench: Workbench, subjects: dict[str, Subject]) -> None:
    threats = [{"norm": "features", "epsilon": 0.2, "most": 1, "samples": 60, "queries": 200}, {"norm": "words"}]
    report = examine(bench, subjects, make_spec(assay={"threat_models": threats}))
    checks = {check.name: check for check in report.checks}
    assert checks["features 0.2: examined"].verdict is Verdict.PASSED
    assert checks["words 0.1: examined"].verdict is Verdict.NOT_CHECKED and report.verdict is Verdict.NOT_CHECKED
    evasion: Any = report.facts["evasion"]
    assert [told["norm"] for told in evasion] == ["features"]
    outcomes = pq.read_table(io.BytesIO(bench.store.read(evasion[0]["outcomes"]))).to_pydict()
    assert len(set(outcomes["row_id"])) == 60 and sum(outcomes["robust"]) == 60 * evasion[0]["robust_accuracy"]
    metrics: Any = report.facts["metrics"]
    # The model looks at one column alone; within a fifth of its range of the cut, rows fall.
    assert metrics["robust_accuracy"] == pytest.approx(metrics["accuracy"] - 0.4, abs=0.15)


def test_privacy_and_explanations_stand_in_the_statement(bench: Workbench, subjects: dict[str, Subject]) -> None:
    asked = {"privacy": {"extraction": {"queries": [50]}}, "explanations": {"samples": 60}}
    report = examine(bench, subjects, make_spec(assay=asked))
    assert report.verdict is Verdict.PASSED, [check for check in report.checks if check.verdict is not Verdict.PASSED]
    metrics: Any = report.facts["metrics"]
    assert metrics["extraction_fidelity"] > 0.7 and metrics["attribution_concentration"] > 0.9
    explanations: Any = report.facts["explanations"]
    assert explanations["concentration"]["input"] == "a" and "shortcut" in explanations["concentration"]["note"]


def test_class_that_raises_under_examination_leaves_one_check_and_the_other_numbers(
    bench: Workbench, subjects: dict[str, Subject], tmp_path: Path
) -> None:
    asked = {"threat_models": [{"epsilon": 0.1}], "privacy": {"extraction": {"queries": [50]}}}
    model = "tests.tasks.test_assay_model:Bent"
    bent = {**subjects, "candidate": candidate(bench, tmp_path / "bent", 0.5, model)}
    report = examine(bench, bent, make_spec(model, assay=asked))
    (check,) = [check for check in report.checks if check.verdict is not Verdict.PASSED]
    assert check.verdict is report.verdict is Verdict.NOT_CHECKED and check.name == "evasion"
    assert "test_assay_model.py" in check.detail and "module_function: no module today" in check.detail
    metrics: Any = report.facts["metrics"]
    assert "extraction_fidelity" in metrics and "robust_accuracy" not in metrics


def test_class_that_training_never_saw_is_no_attacked_class(bench: Workbench, tmp_path: Path) -> None:
    def with_third_class(count: int, seed: int) -> Any:
        rows = uniform_rows(count, seed)
        return {**rows, "label": np.where(np.arange(count) < 7, 2, rows["label"])}

    model = "tests.tasks.test_assay_model:Bent"
    subjects = {**split(bench, with_third_class), "candidate": candidate(bench, tmp_path / "bent", 0.5, model)}
    report = examine(bench, subjects, make_spec(model, assay={"threat_models": [{"epsilon": 0.1}]}))
    told = [check.detail for check in report.checks if check.verdict is Verdict.NOT_CHECKED]
    assert told == ["7 holdout rows are of a class that training never saw; train on rows of it"]


def test_model_of_another_candidate_is_refused(bench: Workbench, subjects: dict[str, Subject], tmp_path: Path) -> None:
    exported = export_model(request_for(bench, make_spec(), subjects), bench)
    other = candidate(bench, tmp_path / "other", 0.1)
    mixed = {**subjects, **exported.products, "candidate": other}
    with pytest.raises(IntegrityError, match="exported from"):
        assay_model(request_for(bench, make_spec(), mixed), bench)


def test_tampered_model_file_is_noticed_before_it_is_opened(bench: Workbench, subjects: dict[str, Subject]) -> None:
    exported = export_model(request_for(bench, make_spec(), subjects), bench)
    digest = load_bundle(exported.products["model"], bench.store).file("model.onnx").sha256
    path: Path = bench.store._path(digest)  # type: ignore[attr-defined]  # the attacker knows the folder
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(IntegrityError, match=digest):
        assay_model(request_for(bench, make_spec(), {**subjects, **exported.products}), bench)


def test_export_that_answers_otherwise_than_the_model_is_refused(
    bench: Workbench, subjects: dict[str, Subject], tmp_path: Path
) -> None:
    spec = make_spec("tests.tasks.test_assay_model:Liar")
    liar = {**subjects, "candidate": candidate(bench, tmp_path / "liar", 0.5, "tests.tasks.test_assay_model:Liar")}
    report = export_model(request_for(bench, spec, liar), bench)
    assert report.verdict is Verdict.FAILED
    failed = {check.name for check in report.checks if check.verdict is Verdict.FAILED}
    assert failed == {"same probabilities", "same labels"}


class Bent(Threshold, GradientModel):
    """Has gradients, it says."""

    def module_function(self) -> Any:
        raise ValueError("no module today")

    def to_model_space(self, inputs: np.ndarray) -> np.ndarray:
        return inputs


class Liar(Threshold):
    """Exports another threshold than it predicts with."""

    def predict_function(self, inputs: np.ndarray) -> np.ndarray:
        answers: np.ndarray = super().predict_function(inputs)[:, ::-1]
        return np.ascontiguousarray(answers)


def sexed(count: int, seed: int) -> dict[str, Any]:
    """The rows of the story, with a column aside: those that the model selects are men twice as often."""
    rows = uniform_rows(count, seed)
    men = np.random.default_rng(seed).random(count) < np.where(rows["a"] > 0.6, 0.67, 0.33)
    return {**rows, "row_aside_sex": np.where(men, "m", "f")}


def test_fairness_is_measured_on_a_column_that_the_model_never_sees(bench: Workbench, tmp_path: Path) -> None:
    subjects = {**split(bench, sexed), "candidate": candidate(bench, tmp_path / "candidate", 0.6)}
    report = examine(bench, subjects, make_spec(assay={"fairness": [{"column": "sex"}, {"column": "race"}]}))
    holdout = sexed(120, 1)
    shares = [(holdout["a"] > 0.6)[holdout["row_aside_sex"] == sex].mean() for sex in "fm"]
    fairness: Any = report.facts["fairness"]
    ratio = fairness["sex"]["measures"]["selection_rate_ratio"]
    assert ratio["value"] == pytest.approx(min(shares) / max(shares))
    checks = {check.name: check for check in report.checks}
    assert checks["fairness by sex"].verdict is Verdict.PASSED
    assert checks["fairness by race"].verdict is Verdict.NOT_CHECKED and "'race'" in fairness["race"]["problem"]
    assert report.verdict is Verdict.NOT_CHECKED
    slices: Any = report.facts["slices"]
    assert slices["skipped"] == [] and slices["tested"] > 0


def test_columns_follow_the_rows_of_a_loader_that_orders_and_drops(bench: Workbench) -> None:
    holdout = split(bench, sexed)["holdout"]
    columns = row_columns(holdout, ("story.holdout-7", "story.holdout-0", "nobody"), bench)
    values = sexed(120, 1)["row_aside_sex"]
    assert columns["sex"].to_pylist() == [values[7], values[0], None]
    assert columns.column_names == ["a", "b", "c", "sex"]


def test_images_have_no_columns_to_slice(bench: Workbench) -> None:
    holdout = split(bench, image_rows, "image")["holdout"]
    assert row_columns(holdout, ("story.holdout-7",), bench).column_names == []
