"""Judges a raw dataset version: its schema, its class balance, and the expectations of its spec."""

from assay.dataset import load_dataset
from assay.json_types import JsonObject
from assay.records import Check, Step, StepReport, Verdict, combined_verdict
from assay.station import StepRequest
from assay.workbench import Workbench
from tasks.validation.class_balance import class_shares, judge_class_shift, trusted_shares
from tasks.validation.data_docs import render_data_docs
from tasks.validation.expectations import expected_columns, judge_expectations
from tasks.validation.frame import scalar_frame
from tasks.validation.schema import judge_inputs, judge_schema


def validate_dataset(request: StepRequest, bench: Workbench) -> StepReport:
    """One check a question; facts.data_docs is the digest of an HTML page of all of them.

    Raises SpecError for an expectation that Great Expectations does not know or whose arguments are wrong.
    """
    spec, raw = request.spec, request.input("raw")
    version = load_dataset(raw, bench.store)
    bench.say(f"validating {version.rows} rows of {raw.name}")
    frame = scalar_frame(version, bench)
    outcomes = judge_expectations(frame, spec.data.expectations)
    shares = class_shares(version, frame)
    shift = judge_class_shift(shares, trusted_shares(bench.ledger, spec.name, raw.sha256), spec.data.max_class_shift)
    inputs = judge_inputs(version, spec.data.loader or version.kind)
    built_in = [*judge_schema(version, frame, expected_columns(spec.data.expectations)), shift, inputs]
    checks: list[tuple[Check, JsonObject]] = [
        *((check, {}) for check in built_in),
        *((outcome.check, outcome.observed) for outcome in outcomes),
    ]
    made = tuple(check for check, _ in checks)
    verdict = combined_verdict(made)
    return StepReport(
        step=Step.VALIDATE,
        pipeline=spec.name,
        verdict=verdict,
        inputs={"raw": raw},
        judged=("raw",),
        checks=made,
        facts={
            "rows": len(frame),
            "class_shares": shares,
            "data_docs": bench.store.put_bytes(render_data_docs(raw, verdict, checks)),
            "statistics": {one.value: sum(check.verdict is one for check in made) for one in Verdict},
        },
    )
