"""Events and statements are held against each other: what one lacks is filled or named, what differs is an alarm."""

import contextlib
import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner

from assay.cli.lineage import lineage as lineage_command
from assay.lineage.emit import step_event
from assay.lineage.openlineage import canonical_event
from assay.lineage.receive import keep_event
from assay.lineage.reconcile import HoleKind, Reconciliation, reconcile
from assay.lineage.store import LineageStore
from assay.lineage.walk import Direction, walk
from assay.records import RunContext, Step, StepReport, Subject, Verdict
from assay.settings import Settings
from assay.spec import PipelineSpec
from assay.station import StepRequest, run_station
from assay.workbench import Workbench

SPEC = PipelineSpec.model_validate(
    {
        "name": "digits",
        "data": {
            "collector": {"sources": [{"source": "path", "path": "digits.csv"}]},
            "loader": "models.digits:Loader",
        },
        "train": {"model": "models.digits:Model"},
    }
)
NOW = datetime(2026, 11, 22, tzinfo=UTC)
DAY = timedelta(days=1)
RAW, MODEL = Subject("dataset/digits", "a" * 64), Subject("model/digits", "c" * 64)
SOURCE = {"uri": "s3://b/raw.csv", "sha256": "d" * 64, "etag": "v7"}
COLLECT = StepReport(Step.COLLECT, "digits", Verdict.PASSED, {"raw": RAW}, facts={"sources": [SOURCE]})
TRAIN = StepReport(Step.TRAIN, "digits", Verdict.PASSED, {"candidate": MODEL}, {"train": RAW})
APPROVE = StepReport(
    Step.APPROVE, "digits", Verdict.PASSED, {}, {"model": MODEL}, ("model",), facts={"responder": "bob"}
)
CONTEXT = RunContext("run-1", "manual", "ada")


@pytest.fixture
def lineage(settings: Settings) -> Iterator[LineageStore]:
    with contextlib.closing(LineageStore.open(settings)) as lineage:
        yield lineage


def sign(bench: Workbench, *reports: StepReport) -> None:
    for report in reports:
        run_station(lambda request, bench, told=report: told, StepRequest(SPEC, CONTEXT), bench)


def event_of(report: StepReport, **change: Any) -> dict[str, Any]:
    return {**step_event(report, CONTEXT, NOW - 2 * DAY), **change}


def tell(lineage: LineageStore, *events: dict[str, Any]) -> None:
    for event in events:
        keep_event(lineage, canonical_event(event))


def found(bench: Workbench, lineage: LineageStore) -> Reconciliation:
    return reconcile(bench.ledger, lineage, NOW, DAY)


def told(reconciled: Reconciliation) -> list[tuple[str, str, bool]]:
    return [(hole.kind.value, hole.job, hole.filled) for hole in reconciled.holes]


def test_honest_events_agree_with_their_statements(bench: Workbench, lineage: LineageStore) -> None:
    sign(bench, COLLECT, TRAIN, APPROVE)
    tell(lineage, event_of(COLLECT), event_of(TRAIN), event_of(APPROVE))
    reconciled = found(bench, lineage)
    assert (told(reconciled), reconciled.entries, reconciled.contradicts) == ([], 3, False)


def test_lost_event_is_named_once_and_the_graph_is_filled(bench: Workbench, lineage: LineageStore) -> None:
    sign(bench, COLLECT, TRAIN)
    tell(lineage, event_of(COLLECT))
    assert told(found(bench, lineage)) == [("statement_without_event", "digits.train", True)]
    walked = walk(lineage, Direction.UP, MODEL.sha256)
    assert {node.name for node in walked.nodes} == {MODEL.name, RAW.name, "s3://b/raw.csv", "user/ada"}
    again = found(bench, lineage)
    assert (told(again), again.entries) == ([], 0)


def test_forged_version_of_assays_namespace_is_an_alarm_until_it_is_signed(
    bench: Workbench, lineage: LineageStore
) -> None:
    sign(bench, COLLECT)
    tell(lineage, event_of(COLLECT), event_of(TRAIN))
    for _ in range(2):
        reconciled = found(bench, lineage)
        assert {kind for kind, *_ in told(reconciled)} == {"claim_without_statement"}
        assert reconciled.contradicts
    assert any(f"model/digits@{'c' * 16}" in hole.detail for hole in reconciled.holes)
    sign(bench, TRAIN)
    assert told(found(bench, lineage)) == []


def test_forged_step_without_a_product_is_an_alarm(bench: Workbench, lineage: LineageStore) -> None:
    gate = StepReport(Step.GATE, "digits", Verdict.PASSED, {}, {"model": MODEL}, ("model",))
    tell(lineage, event_of(gate))
    assert told(found(bench, lineage)) == [("claim_without_statement", "digits.gate", False)]


def test_events_of_airflow_in_the_same_namespace_are_no_claim_of_a_step(
    bench: Workbench, lineage: LineageStore
) -> None:
    event = event_of(TRAIN, outputs=[], run={"runId": str(uuid.uuid4())})
    event["job"] = {"namespace": "assay", "name": "train_digits.train"}
    tell(lineage, event)
    assert told(found(bench, lineage)) == []


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"inputs": []}, None),
        ({"eventType": "FAIL"}, "an event tells FAIL, the statement COMPLETE"),
        ("inputs", "an event tells input dataset/digits@bbbbbbbbbbbbbbbb, the statement does not"),
        ("outputs", "an event tells output dataset/digits@bbbbbbbbbbbbbbbb, the statement does not"),
    ],
)
def test_event_that_tells_otherwise_than_its_statement_is_an_alarm(
    bench: Workbench, lineage: LineageStore, change: Any, detail: str | None
) -> None:
    sign(bench, TRAIN)
    event = event_of(TRAIN)
    if isinstance(change, str):
        other = StepReport(Step.TRAIN, "digits", Verdict.PASSED, {}, {"train": Subject("dataset/digits", "b" * 64)})
        event[change] = [*event[change], *event_of(other)["inputs"]]
    else:
        event |= change
    tell(lineage, event)
    holes = found(bench, lineage).holes
    assert [hole.detail for hole in holes] == ([detail] if detail else [])
    assert all(hole.kind is HoleKind.CONTRADICTS_STATEMENT for hole in holes)


def test_run_without_an_end_is_named_when_it_is_old(bench: Workbench, lineage: LineageStore) -> None:
    spark = {"namespace": "spark", "name": "etl"}
    old, new, done = (str(uuid.UUID(int=number)) for number in (1, 2, 3))
    at = {old: NOW - 3 * DAY, new: NOW - DAY / 2, done: NOW - 3 * DAY}
    for run, moment in at.items():
        tell(lineage, event_of(TRAIN, run={"runId": run}, job=spark, eventType="START", eventTime=moment.isoformat(),
                               inputs=[], outputs=[]))  # fmt: skip
    tell(lineage, event_of(TRAIN, run={"runId": done}, job=spark, inputs=[], outputs=[]))
    reconciled = found(bench, lineage)
    assert [(hole.kind.value, hole.run, hole.job) for hole in reconciled.holes] == [
        ("unfinished_run", old, "spark/etl")
    ]
    assert not reconciled.contradicts


def test_command_exits_with_three_on_a_contradiction(
    bench: Workbench, lineage: LineageStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assay.cli.lineage_reconcile.load_settings", lambda: settings)
    sign(bench, COLLECT)
    agreeing = CliRunner().invoke(lineage_command, ["reconcile", "--json"])
    assert (agreeing.exit_code, json.loads(agreeing.stdout)["filled"]) == (0, 1)
    tell(lineage, event_of(TRAIN))
    alarming = CliRunner().invoke(lineage_command, ["reconcile"])
    assert (alarming.exit_code, "claim_without_statement digits.train" in alarming.output) == (3, True)


@pytest.mark.parametrize("verdict", [Verdict.PASSED, Verdict.FAILED])
def test_no_step_contradicts_its_own_statement(bench: Workbench, lineage: LineageStore, verdict: Verdict) -> None:
    products = {
        Step.REGISTER: "registered",
        Step.DEPLOY: "deployment",
        Step.ROLLBACK: "deployment",
        Step.WATCH: "window",
    }
    judging = (Step.GATE, Step.APPROVE)
    for step in Step:
        made = {} if step in judging else {products.get(step, "made"): Subject(f"dataset/{step.value}", "e" * 64)}
        facts = {"version": 3, "alias": "challenger", "responder": "bob"}
        report = StepReport(step, "digits", verdict, made, {"model": MODEL}, ("model",), facts=facts)
        sign(bench, report)
        tell(lineage, event_of(report))
    reconciled = found(bench, lineage)
    assert (told(reconciled), reconciled.entries) == ([], len(Step))
