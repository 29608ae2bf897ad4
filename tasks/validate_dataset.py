"""Judges a raw dataset version: its schema, its class balance, and the expectations of its spec."""

from typing import TYPE_CHECKING

from assay.dataset import DatasetVersion, is_input, load_dataset
from assay.json_types import JsonObject
from assay.records import Check, Step, StepReport, Verdict, combined_verdict
from assay.station import StepRequest
from assay.workbench import Workbench
from tasks.validation.class_balance import class_shares, judge_class_shift
from tasks.validation.data_docs import render_data_docs
from tasks.validation.expectations import expected_columns, judge_expectations
from tasks.validation.frame import from_sources, scalar_frame
from tasks.validation.history import trusted_fact
from tasks.validation.leakage import judge_leakage
from tasks.validation.missingness import judge_missing_shift, missing_shares
from tasks.validation.schema import judge_inputs, judge_schema
from tasks.validation.time_jumps import judge_time_jumps

if TYPE_CHECKING:
    import pandas as pd


def validate_dataset(request: StepRequest, bench: Workbench) -> StepReport:
    """One check a question; facts.data_docs is the digest of an HTML page of all of them.

    Raises SpecError for an expectation that Great Expectations does not know or whose arguments are wrong.
    """
    spec, raw = request.spec, request.input("raw")
    version = load_dataset(raw, bench.store)
    bench.say(f"validating {version.rows} rows of {raw.name}")
    frame = scalar_frame(version, bench)
    told = from_sources(frame)
    outcomes = judge_expectations(frame, spec.data.expectations)
    shares = class_shares(version, frame)
    built_in = [
        *judge_schema(version, frame, expected_columns(spec.data.expectations)),
        judge_class_shift(shares, _trusted(request, bench, "class_shares"), spec.data.max_class_shift),
        judge_inputs(version, spec.data.loader or version.kind),
        judge_missing_shift(told, _trusted(request, bench, "missing_shares")),
        judge_leakage(frame, version.label, _inputs(version), spec.data.known_predictors),
        judge_time_jumps(told, spec.data.time, _features(version, frame)),
    ]
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
            "missing_shares": missing_shares(told),
            "data_docs": bench.store.put_bytes(render_data_docs(raw, verdict, checks)),
            "statistics": {one.value: sum(check.verdict is one for check in made) for one in Verdict},
        },
    )


def _trusted(request: StepRequest, bench: Workbench, fact: str) -> tuple[dict[str, float], str] | None:
    return trusted_fact(bench.ledger, request.spec.name, request.input("raw").sha256, fact)


def _inputs(version: DatasetVersion) -> list[str]:
    """A table's input columns. One pixel or one text says nothing alone."""
    if version.kind != "tabular":
        return []
    return [name for name in version.columns if is_input(name) and name != version.label]


def _features(version: DatasetVersion, frame: "pd.DataFrame") -> list[str]:
    """Everything but the label and what is about the row itself; an image's statistics stand for it."""
    return [str(name) for name in frame.columns if is_input(str(name)) and name != version.label]
