"""Attacks on the drift trigger: only a signed statement that demands a retraining, and only once."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from assay.errors import PolicyViolation
from assay.json_types import Json
from assay.records import RunContext, Step, StepReport, Subject, Verdict
from assay.spec import PipelineSpec
from assay.station import StepRequest, run_station
from assay.workbench import Workbench
from operators.assets import drift_asset
from operators.triggers import trigger_of

WINDOW = Subject("dataset/toy.window", "d" * 64)


@dataclass(frozen=True)
class _Asset:
    name: str


@dataclass(frozen=True)
class _Event:
    extra: Mapping[str, Json]
    asset: _Asset = _Asset(drift_asset("toy").name)


@dataclass(frozen=True)
class _Run:
    run_type: str = "asset_triggered"
    run_id: str = "run-1"
    triggering_user_name: str | None = None
    consumed_asset_events: tuple[_Event, ...] = field(default=())


def _spec(name: str = "toy") -> PipelineSpec:
    return PipelineSpec.model_validate(
        {
            "name": name,
            "data": {"collector": {"sources": [{"source": "path", "path": "/nowhere"}]}},
            "train": {"model": "models.toy:Toy"},
        }
    )


def _append(bench: Workbench, report: StepReport, context: RunContext, pipeline: str = "toy") -> str:
    """Run a station that reports just this; the ledger entry's sha256."""
    run_station(lambda request, bench: report, StepRequest(_spec(pipeline), context), bench)
    return bench.ledger.find(step=report.step, pipeline=pipeline, newest_first=True, limit=1)[0].sha256


def _watched(
    bench: Workbench, verdict: Verdict = Verdict.FAILED, retrain: bool = True, pipeline: str = "toy", run: str = "w1"
) -> str:
    report = StepReport(
        Step.WATCH, pipeline, verdict, products={"window": WINDOW}, facts={"retrain": retrain, "retrain_reason": "x"}
    )
    return _append(bench, report, RunContext(run_id=run, trigger="schedule"), pipeline)


def _run(*statements: Json) -> _Run:
    return _Run(consumed_asset_events=tuple(_Event({"statement": statement}) for statement in statements))


def test_drift_that_is_signed_names_its_statement_as_actor(bench: Workbench) -> None:
    statement = _watched(bench)
    assert trigger_of(_run(statement), "toy", bench.ledger) == ("drift", statement)


def test_forged_event_beside_a_proven_one_does_not_speak(bench: Workbench) -> None:
    statement = _watched(bench)
    assert trigger_of(_run("f" * 64, statement), "toy", bench.ledger) == ("drift", statement)


@pytest.mark.parametrize("forged", [None, "", "f" * 64, 7])
def test_event_without_a_known_statement_is_refused(bench: Workbench, forged: Json) -> None:
    _watched(bench)
    with pytest.raises(PolicyViolation, match="signed watch statement"):
        trigger_of(_run(forged), "toy", bench.ledger)


def test_run_without_any_event_is_refused(bench: Workbench) -> None:
    with pytest.raises(PolicyViolation, match="found none"):
        trigger_of(_run(), "toy", bench.ledger)


def test_event_that_cites_a_calm_watch_is_refused(bench: Workbench) -> None:
    with pytest.raises(PolicyViolation):
        trigger_of(_run(_watched(bench, Verdict.PASSED, retrain=False)), "toy", bench.ledger)


def test_event_that_cites_a_drift_within_the_cooldown_is_refused(bench: Workbench) -> None:
    with pytest.raises(PolicyViolation):
        trigger_of(_run(_watched(bench, retrain=False)), "toy", bench.ledger)


def test_event_that_cites_another_pipelines_drift_is_refused(bench: Workbench) -> None:
    with pytest.raises(PolicyViolation):
        trigger_of(_run(_watched(bench, pipeline="other")), "toy", bench.ledger)


def test_event_of_another_asset_is_refused(bench: Workbench) -> None:
    event = _Event({"statement": _watched(bench)}, _Asset("other_drift"))
    with pytest.raises(PolicyViolation):
        trigger_of(_Run(consumed_asset_events=(event,)), "toy", bench.ledger)


def test_replayed_event_is_refused_but_the_run_it_started_may_go_on(bench: Workbench) -> None:
    statement = _watched(bench)
    collected = StepReport(Step.COLLECT, "toy", Verdict.PASSED, products={"raw": Subject("dataset/toy", "a" * 64)})
    _append(bench, collected, RunContext(run_id="run-1", trigger="drift", actor=statement))
    assert trigger_of(_run(statement), "toy", bench.ledger) == ("drift", statement)
    with pytest.raises(PolicyViolation, match="answered by run run-1"):
        trigger_of(replace(_run(statement), run_id="run-2"), "toy", bench.ledger)


def test_clock_and_people_are_named(bench: Workbench) -> None:
    assert trigger_of(_Run(run_type="scheduled"), "toy", bench.ledger) == ("schedule", "scheduler")
    assert trigger_of(_Run(run_type="manual", triggering_user_name="carol"), "toy", bench.ledger) == ("manual", "carol")


def test_who_asked_for_a_backfill_is_its_requester_and_no_clock(bench: Workbench) -> None:
    asked = trigger_of(_Run(run_type="backfill", triggering_user_name="carol"), "toy", bench.ledger)
    assert asked == ("manual", "carol")
