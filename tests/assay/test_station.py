"""No step without evidence; evidence carries who, what, when and with which code."""

import json

import pytest

from assay.errors import EngineUnavailable
from assay.records import Check, Step, StepReport, Subject, Verdict
from assay.signing import KeyRole
from assay.spec import PipelineSpec
from assay.station import StepRequest, run_station

SPEC = PipelineSpec.model_validate(
    {
        "name": "x",
        "data": {"collector": {"sources": [{"source": "path", "path": "rows.csv"}]}},
        "train": {"model": "models.x:X", "seed": 7},
    }
)


def collect(request, bench):
    raw = Subject("dataset/x", bench.store.put_bytes(b"rows"))
    return StepReport(Step.COLLECT, "x", Verdict.PASSED, {"raw": raw}, checks=(Check("c", Verdict.PASSED, "ok"),))


def test_step_leaves_one_signed_statement(bench, context):
    report = run_station(collect, StepRequest(SPEC, context, parameters={"epochs": 2}), bench)
    (entry,) = bench.ledger.find(subject_sha256=report.products["raw"].sha256)
    assert (entry.report, entry.context, entry.role) == (report, context, KeyRole.PRODUCER)
    assert entry.statement["predicateType"] == "https://slsa.dev/provenance/v1"
    record = entry.record
    assert (record.seed, record.parameters) == (7, {"epochs": 2})
    assert record.started_at <= record.ended_at
    assert len(record.provenance.environment) == 64


def test_seed_given_for_the_run_is_the_one_recorded(bench, context):
    run_station(collect, StepRequest(SPEC, context, parameters={"seed": 11}), bench)
    assert bench.ledger.find(pipeline="x")[0].record.seed == 11


@pytest.mark.parametrize(
    ("step", "kind", "role"),
    [
        (Step.ASSAY, "https://in-toto.io/attestation/test-result/v0.1", KeyRole.PRODUCER),
        (Step.GATE, "https://slsa.dev/verification_summary/v1", KeyRole.GATE),
        (Step.APPROVE, "https://slsa.dev/verification_summary/v1", KeyRole.APPROVER),
        (Step.DEPLOY, "https://slsa.dev/provenance/v1", KeyRole.PRODUCER),
    ],
)
def test_each_kind_of_step_has_its_predicate_and_its_key(bench, context, step, kind, role):
    model = Subject("model/x", "a" * 64)

    def station(request, bench):
        return StepReport(step, "x", Verdict.FAILED, inputs={"model": model}, judged=("model",))

    run_station(station, StepRequest(SPEC, context), bench)
    (entry,) = bench.ledger.find(subject_sha256=model.sha256)
    assert (entry.statement["predicateType"], entry.role) == (kind, role)


def test_step_fails_when_its_statement_cannot_be_kept(bench, context):
    bench.ledger.close()
    with pytest.raises(EngineUnavailable):
        run_station(collect, StepRequest(SPEC, context), bench)


def test_statement_is_plain_in_toto_for_other_tools(bench, context):
    run_station(collect, StepRequest(SPEC, context), bench)
    (entry,) = bench.ledger.find(pipeline="x")
    statement = json.loads(entry.envelope.payload)
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["subject"][0]["digest"]["sha256"] == entry.report.products["raw"].sha256
