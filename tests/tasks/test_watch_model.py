"""A window is judged against trusted rows; drift alarms, too few rows never pass, retraining keeps its limits."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.capture import append_labels, requests_folder
from assay.errors import NothingServed
from assay.records import Step, StepReport, Subject, Verdict
from assay.spec import PipelineSpec
from assay.station import StepRequest, run_station
from assay.workbench import Workbench
from tasks.watch_model import watch_model
from tests.tasks.promotion_story import Story, make_spec

ROWS = 240


def spec(**retrain: object) -> PipelineSpec:
    limits = {"min_samples": 100, "cooldown_minutes": 0, "max_per_day": 9, **retrain}
    return make_spec(monitor={"window": {"rows": ROWS}, "retrain": limits})


@pytest.fixture
def story(bench: Workbench) -> Story:
    """A model that serves as version 1."""
    told = Story(bench, spec()).tell()
    deployment = Subject("deployment/two", "d" * 64)
    inputs = {"model": told.subjects["model"]}
    facts = {"version": 1, "onnx_sha256": told.onnx.sha256 if hasattr(told.onnx, "sha256") else "e" * 64}
    report = StepReport(Step.DEPLOY, "two", Verdict.PASSED, {"deployment": deployment}, inputs, facts=facts)
    run_station(lambda request, bench: report, told.request, bench)
    return told


def serve(story: Story, shift: float = 0.0, wrong: float = 0.0, version: int = 1, labelled: bool = True) -> None:
    """Capture ROWS answers of the story's model on rows moved by `shift`; people find a share `wrong` of them so."""
    random = np.random.default_rng(5)
    inputs = (random.normal(size=(ROWS, 2)) + shift).astype(np.float32)
    answers = story.onnx.predict(inputs)
    folder = requests_folder(story.bench.settings, "two")
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    table = pa.table(
        {
            "request_id": [f"r{now.timestamp()}"] * ROWS,
            "row": pa.array(range(ROWS), pa.int64()),
            "at": pa.array([now] * ROWS, pa.timestamp("us", tz="UTC")),
            "version": pa.array([version] * ROWS, pa.int64()),
            "input": pa.array(inputs.tolist(), pa.list_(pa.float32())),
            "label": pa.array(answers.label, pa.int64()),
            "probabilities": pa.array(answers.probabilities.tolist(), pa.list_(pa.float32())),
        }
    )
    pq.write_table(table, folder / f"{len(list(folder.iterdir())):020d}.parquet")
    if labelled:
        flips = random.random(ROWS) < wrong
        labels = np.where(flips, 1 - answers.label, answers.label)
        append_labels(
            story.bench.settings,
            "two",
            [
                {"request_id": f"r{now.timestamp()}", "row": row, "label": int(label)}
                for row, label in enumerate(labels)
            ],
        )


def watch(story: Story, run: str = "watch", **retrain: object) -> StepReport:
    context = story.context.__class__(run_id=run)
    return run_station(watch_model, StepRequest(spec(**retrain), context), story.bench)


def test_traffic_like_the_trusted_rows_passes(story: Story) -> None:
    serve(story)
    report = watch(story)
    assert (report.verdict, report.facts["retrain"]) == (Verdict.PASSED, False)
    assert report.products["window"].name == "dataset/two.window"


def test_moved_inputs_alarm_and_ask_for_retraining(story: Story) -> None:
    serve(story, shift=1.5)
    report = watch(story)
    assert (report.verdict, report.facts["retrain"]) == (Verdict.FAILED, True)
    assert "features" in report.facts["alarms"]


def test_lost_accuracy_alarms_although_inputs_look_the_same(story: Story) -> None:
    serve(story, wrong=0.4)
    report = watch(story)
    assert report.verdict is Verdict.FAILED
    assert "performance" in report.facts["alarms"]


def test_too_few_rows_are_not_checked(story: Story) -> None:
    report = watch(story)
    assert (report.verdict, report.facts["retrain"]) == (Verdict.NOT_CHECKED, False)


def test_rows_of_an_earlier_version_do_not_count(story: Story) -> None:
    serve(story, shift=1.5, version=7)
    assert watch(story).verdict is Verdict.NOT_CHECKED


def test_an_alarm_the_spec_does_not_name_does_not_retrain(story: Story) -> None:
    serve(story, shift=1.5)
    report = watch(story, alarms=["performance"])
    assert (report.verdict, report.facts["retrain"]) == (Verdict.FAILED, False)
    assert "retrains on performance" in report.facts["retrain_reason"]


@pytest.mark.parametrize(
    ("limits", "labelled", "reason"),
    [
        ({"min_samples": 100}, False, "0 labelled rows"),
        ({"cooldown_minutes": 60}, True, "cooldown of 60 minutes"),
        ({"max_per_day": 1}, True, "1 allowed"),
    ],
)
def test_retraining_keeps_its_limits(story: Story, limits: dict[str, object], labelled: bool, reason: str) -> None:
    serve(story, shift=1.5, labelled=labelled)
    first = watch(story, "first")
    second = watch(story, "second", **limits)
    assert first.facts["retrain"] is labelled
    assert second.facts["retrain"] is False
    assert reason in str(second.facts["retrain_reason"])


def test_nothing_serving_is_said_so(bench: Workbench) -> None:
    with pytest.raises(NothingServed, match="found none"):
        watch_model(StepRequest(spec(), Story(bench, spec()).context), bench)
