"""Each kind of hole, from statements made for it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from assay.digests import canonical_json
from assay.errors import SpecError
from assay.json_types import JsonObject
from assay.ledger import LedgerEntry
from assay.ledger_entry import role_of
from assay.lineage.sync import sync_from_ledger
from assay.provenance import Provenance
from assay.questions.coverage import Kind, coverage
from assay.questions.sources import Sources, open_sources
from assay.records import Check, RunContext, Step, StepReport, Subject, Verdict
from assay.settings import Settings
from assay.signing import KeyRing
from assay.statement import StepRecord, build_statement

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
RAW = Subject("dataset/toy", "a" * 64)
ADMITTED = Subject("dataset/toy.admitted", "b" * 64)
TRAIN = Subject("dataset/toy.train", "c" * 64)
CANDIDATE = Subject("model/toy", "d" * 64)
MODEL = Subject("model/toy", "e" * 64)
DEPLOYMENT = Subject("deployment/toy", "f" * 64)
FACTS: JsonObject = {"not_examined": {}}
State = Callable[..., LedgerEntry]


@pytest.fixture
def opened(settings: Settings, keys: KeyRing) -> Iterator[Sources]:
    with open_sources(settings) as sources:
        yield sources


@pytest.fixture
def state(opened: Sources, keys: KeyRing) -> State:
    """Append a statement of a step; each an hour after the one before."""

    def append(step: Step, verdict: Verdict = Verdict.PASSED, **report: object) -> LedgerEntry:
        number = opened.ledger.size()
        told = StepReport(step, "toy", verdict, **report)  # type: ignore[arg-type]
        at = NOON + timedelta(hours=number)
        record = StepRecord(told, RunContext(run_id=f"run-{number}"), Provenance("", False, "e"), {}, 0, at, at)
        return opened.ledger.append(keys.sign(canonical_json(build_statement(record)), role_of(step)))

    return append


def holes(opened: Sources, reference: str = MODEL.sha256) -> list[tuple[Kind, str, str]]:
    sync_from_ledger(opened.ledger, opened.lineage)
    found = coverage(reference, opened.ledger, opened.lineage, NOON + timedelta(days=1))
    return [(hole.kind, hole.step.value, hole.what) for hole in found.holes]


def gated_model(state: State) -> None:
    chain = [
        state(Step.COLLECT, products={"raw": RAW}),
        state(Step.VALIDATE, inputs={"raw": RAW}, judged=("raw",)),
        state(Step.SCREEN, inputs={"raw": RAW}, judged=("raw",), products={"admitted": ADMITTED}),
        state(Step.SPLIT, inputs={"admitted": ADMITTED}, products={"train": TRAIN}),
        state(Step.TRAIN, inputs={"train": TRAIN}, products={"candidate": CANDIDATE}),
        state(Step.EXPORT, inputs={"candidate": CANDIDATE}, products={"model": MODEL}),
        state(Step.ASSAY, inputs={"model": MODEL}, judged=("model",), facts=FACTS),
    ]
    cited: JsonObject = {"input_attestations": [entry.sha256 for entry in chain]}
    state(Step.GATE, inputs={"model": MODEL}, judged=("model",), facts=cited)
    state(Step.APPROVE, inputs={"model": MODEL}, judged=("model",), facts={"responder": "ada"})


def test_complete_evidence_has_no_hole(opened: Sources, state: State) -> None:
    gated_model(state)
    assert holes(opened) == []


def test_model_without_a_past_lacks_every_statement(opened: Sources, state: State) -> None:
    state(Step.EXPORT, inputs={"candidate": CANDIDATE}, products={"model": MODEL})
    assert holes(opened) == [
        (Kind.NO_STATEMENT, step, step)
        for step in ("collect", "validate", "screen", "split", "train", "assay", "gate", "approve")
    ]


def test_newer_refusal_of_the_same_model_is_told(opened: Sources, state: State) -> None:
    gated_model(state)
    state(Step.ASSAY, Verdict.FAILED, inputs={"model": MODEL}, judged=("model",), facts=FACTS)
    assert holes(opened) == [(Kind.STALE, "assay", "assay")]


def test_the_same_data_screened_again_by_a_later_run_brings_nothing_in(opened: Sources, state: State) -> None:
    gated_model(state)
    blind = Check("outliers", Verdict.NOT_CHECKED, "blind: it found 0% of 40 planted rows")
    state(Step.SCREEN, inputs={"raw": RAW}, judged=("raw",), products={"admitted": ADMITTED}, checks=(blind,))
    assert holes(opened) == []


def test_serving_model_that_nobody_watches_is_told_until_a_watch_judges_it(opened: Sources, state: State) -> None:
    gated_model(state)
    state(Step.DEPLOY, inputs={"model": MODEL}, products={"deployment": DEPLOYMENT}, facts={"version": 1})
    assert holes(opened) == [(Kind.NOT_CHECKED, "watch", "served traffic")]
    few = Check("window size", Verdict.NOT_CHECKED, "3 rows answered by version 1, 200 needed")
    state(Step.WATCH, Verdict.NOT_CHECKED, inputs={"deployment": DEPLOYMENT}, judged=("deployment",), checks=(few,))
    assert holes(opened) == [(Kind.NOT_CHECKED, "watch", "served traffic")]
    state(Step.WATCH, Verdict.FAILED, inputs={"deployment": DEPLOYMENT}, judged=("deployment",))
    assert holes(opened) == []


def test_candidate_is_no_model_that_was_exported(opened: Sources, state: State) -> None:
    gated_model(state)
    with pytest.raises(SpecError, match="expected a model that a pipeline exported"):
        holes(opened, CANDIDATE.sha256)
