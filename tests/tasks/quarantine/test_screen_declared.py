"""The screen keeps out what people declared bad, whatever its detectors say."""

import contextlib
from collections.abc import Iterator

import pytest

from assay.dataset import load_dataset, read_table
from assay.lineage.store import LineageStore
from assay.lineage.sync import sync_from_ledger
from assay.records import RunContext, Step, StepReport, Subject, Verdict
from assay.spec import PipelineSpec
from assay.station import StepRequest, run_station
from assay.workbench import Workbench
from tasks.quarantine.quarantine import Quarantine
from tests.tasks.test_release_rows import SPEC, kept_out, release, save, screen


@pytest.fixture
def raw(bench: Workbench) -> Subject:
    """Collected, so that the ledger knows the version."""
    subject = save(bench)
    facts = {"sources": [{"uri": "s3://bucket/raw.csv", "sha256": "c" * 64}]}
    report = StepReport(Step.COLLECT, "set", Verdict.PASSED, products={"raw": subject}, facts=facts)
    request = StepRequest(PipelineSpec.model_validate(SPEC), RunContext(run_id="collect"))
    run_station(lambda _request, _bench: report, request, bench)
    return subject


@pytest.fixture
def desk(bench: Workbench, raw: Subject) -> Iterator[Quarantine]:
    with contextlib.closing(LineageStore.open(bench.settings)) as lineage:
        sync_from_ledger(bench.ledger, lineage)
        yield Quarantine(bench, lineage, RunContext(run_id="by hand", trigger="manual", actor="ann"))


def admitted(bench: Workbench, report: StepReport) -> set[str]:
    version = load_dataset(report.products["admitted"], bench.store)
    return set(read_table(version, bench.store, bench.workdir, ["row_id"])["row_id"].to_pylist())


def test_rows_declared_bad_are_kept_out_and_nothing_else_is(bench: Workbench, raw: Subject, desk: Quarantine) -> None:
    before = admitted(bench, screen(bench, raw, "before"))
    desk.declare("dataset/set", "one contributor", rows=["r100", "r101"])
    report = screen(bench, raw, "after")
    assert before - admitted(bench, report) == {"r100", "r101"}
    assert {"r100", "r101"} <= kept_out(bench, report)
    assert any(check.name == "declared bad" and "2 rows" in check.detail for check in report.checks)


def test_a_declaration_is_stronger_than_a_release(bench: Workbench, raw: Subject, desk: Quarantine) -> None:
    kept = kept_out(bench, screen(bench, raw, "before"))
    one = sorted(kept)[0]
    release(bench, one)
    assert one in admitted(bench, screen(bench, raw, "released"))
    desk.declare(f"row/set/{one}", "bought")
    assert one not in admitted(bench, screen(bench, raw, "declared"))


@pytest.mark.parametrize("reference", ["source/s3://bucket/raw.csv", "dependency/numpy", "raw"])
def test_a_version_of_a_bad_source_is_refused_whole(
    bench: Workbench, raw: Subject, desk: Quarantine, reference: str
) -> None:
    desk.declare(raw.sha256 if reference == "raw" else reference, "the bucket was open")
    report = screen(bench, raw, "after")
    assert report.verdict is Verdict.FAILED
    assert "admitted" not in report.products
    assert any("the bucket was open" in check.detail for check in report.checks)
