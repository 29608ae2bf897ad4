"""What a benchmark found, as a signed in-toto test result; it promotes nothing: no rule of the gate asks for it."""

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from assay.digests import canonical_json, sha256_json
from assay.json_types import JsonObject
from assay.ledger import role_of
from assay.provenance import current_provenance
from assay.records import Check, RunContext, Step, StepReport, Subject, Verdict
from assay.signing import Envelope, KeyRing
from assay.statement import StepRecord, build_statement

# No pipeline can have this name: theirs have no dots.
PIPELINE = "assay.benchmark"


@dataclass(frozen=True)
class Run:
    """Who measured, with what, and when (UTC)."""

    context: RunContext
    parameters: JsonObject
    started_at: datetime
    ended_at: datetime


def sign_benchmark(document: JsonObject, run: Run, keys: KeyRing) -> Envelope:
    """The document of `assay bench` under the producer's key. Raises SpecError without that key."""
    record = StepRecord(
        report=report_benchmark(document),
        context=run.context,
        provenance=current_provenance(),
        parameters=run.parameters,
        seed=int(str(run.parameters.get("seed", 0))),
        started_at=run.started_at,
        ended_at=run.ended_at,
    )
    return keys.sign(canonical_json(build_statement(record)), role_of(Step.BENCH))


def report_benchmark(document: JsonObject) -> StepReport:
    """Judged are the model's file and the rows it was measured on, both by digest.

    facts: the document without verdict and checks, which have places of their own; `document_sha256` is over all of it.
    """
    elsewhere = {"verdict", "checks"}
    inputs = {role: _subject(role, cast(JsonObject, document[role])) for role in ("model", "dataset")}
    return StepReport(
        step=Step.BENCH,
        pipeline=PIPELINE,
        verdict=Verdict(document["verdict"]),
        inputs=inputs,
        judged=tuple(inputs),
        checks=tuple(Check.from_json(check) for check in cast("list[JsonObject]", document["checks"])),
        facts={
            **{key: value for key, value in document.items() if key not in elsewhere},
            "document_sha256": sha256_json(document),
        },
    )


def _subject(role: str, told: JsonObject) -> Subject:
    return Subject(f"{role}/{told['name']}", str(told["sha256"]))
