"""From a step report to an in-toto Statement v1, and back.

Predicates: SLSA provenance v1 for what was made, in-toto test-result v0.1 for what was judged, SLSA
verification summary v1 for decisions. The whole report travels under the predicate's `assay` key.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Self, cast

from assay.digests import sha256_json
from assay.errors import IntegrityError
from assay.json_types import Json, JsonObject
from assay.provenance import Provenance
from assay.records import Check, RunContext, Step, StepReport, Subject, Verdict

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PROVENANCE = "https://slsa.dev/provenance/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
SUMMARY = "https://slsa.dev/verification_summary/v1"

_JUDGING = frozenset({Step.VALIDATE, Step.ASSAY, Step.WATCH, Step.BENCH})
_DECIDING = frozenset({Step.GATE, Step.APPROVE})
_RESULTS = {Verdict.PASSED: "PASSED", Verdict.FAILED: "FAILED", Verdict.NOT_CHECKED: "WARNED"}


@dataclass(frozen=True)
class StepRecord:
    """All that a statement says: the report, who ran it, with what, and when (UTC)."""

    report: StepReport
    context: RunContext
    provenance: Provenance
    parameters: JsonObject
    seed: int
    started_at: datetime
    ended_at: datetime

    def to_json(self) -> JsonObject:
        return {
            "report": self.report.to_json(),
            "context": self.context.to_json(),
            "provenance": self.provenance.to_json(),
            "parameters": self.parameters,
            "seed": self.seed,
            "started_at": self.started_at.isoformat(),
            "ended_at": self.ended_at.isoformat(),
        }

    @classmethod
    def from_json(cls, value: JsonObject) -> Self:
        return cls(
            report=StepReport.from_json(cast(JsonObject, value["report"])),
            context=RunContext(**cast("dict[str, str]", value["context"])),  # type: ignore[arg-type]
            provenance=Provenance.from_json(cast(JsonObject, value["provenance"])),
            parameters=cast(JsonObject, value["parameters"]),
            seed=int(cast(int, value["seed"])),
            started_at=datetime.fromisoformat(str(value["started_at"])),
            ended_at=datetime.fromisoformat(str(value["ended_at"])),
        )


def build_statement(record: StepRecord) -> JsonObject:
    """The statement about the report's subjects."""
    step = record.report.step
    kind, predicate = PROVENANCE, _provenance
    if step in _JUDGING:
        kind, predicate = TEST_RESULT, _test_result
    elif step in _DECIDING:
        kind, predicate = SUMMARY, _summary
    return {
        "_type": STATEMENT_TYPE,
        "subject": [_descriptor(subject) for subject in stated_subjects(record.report)],
        "predicateType": kind,
        "predicate": {**predicate(record), "assay": record.to_json()},
    }


def read_statement(payload: bytes) -> tuple[JsonObject, StepRecord]:
    """The statement and its record. Raises IntegrityError unless the subjects are those of the report."""
    try:
        statement = cast(JsonObject, json.loads(payload))
        record = StepRecord.from_json(cast(JsonObject, cast(JsonObject, statement["predicate"])["assay"]))
        subjects = [_descriptor(subject) for subject in stated_subjects(record.report)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"statement: expected an Assay in-toto statement, found {error!r}") from error
    if statement.get("_type") != STATEMENT_TYPE or statement.get("subject") != subjects:
        raise IntegrityError("statement: its subjects are not those of the report it carries")
    return statement, record


def stated_subjects(report: StepReport) -> tuple[Subject, ...]:
    """What the statement is about, by name; a report that made and judged nothing is its own subject."""
    # Sorted, because canonical JSON does not keep the order in which a report lists its roles.
    subjects = tuple(sorted(report.subjects(), key=lambda subject: (subject.name, subject.sha256)))
    if subjects:
        return subjects
    return (Subject(f"report/{report.pipeline}/{report.step.value}", sha256_json(report.to_json())),)


def _descriptor(subject: Subject) -> JsonObject:
    return {"name": subject.name, "digest": {"sha256": subject.sha256}}


def _provenance(record: StepRecord) -> dict[str, Json]:
    report = record.report
    return {
        "buildDefinition": {
            "buildType": f"urn:assay:step:{report.step.value}:v1",
            "externalParameters": {"pipeline": report.pipeline, "parameters": record.parameters},
            "internalParameters": {"seed": record.seed, "trigger": record.context.trigger},
            "resolvedDependencies": [
                *(_descriptor(subject) for subject in report.inputs.values()),
                {"name": "source code", "digest": {"gitCommit": record.provenance.git_sha}},
                {"name": "environment", "digest": {"sha256": record.provenance.environment}},
            ],
        },
        "runDetails": {
            "builder": {"id": "urn:assay:builder:v1"},
            "metadata": {
                "invocationId": f"{record.context.run_id}/{record.context.task_id}/{record.context.try_number}",
                "startedOn": record.started_at.isoformat(),
                "finishedOn": record.ended_at.isoformat(),
            },
        },
    }


def _test_result(record: StepRecord) -> dict[str, Json]:
    report = record.report
    return {
        "result": _RESULTS[report.verdict],
        "configuration": [_descriptor(subject) for subject in report.inputs.values()],
        "passedTests": _names(report.checks, Verdict.PASSED),
        "warnedTests": _names(report.checks, Verdict.NOT_CHECKED),
        "failedTests": _names(report.checks, Verdict.FAILED),
    }


def _names(checks: tuple[Check, ...], verdict: Verdict) -> list[str]:
    return [check.name for check in checks if check.verdict is verdict]


def _summary(record: StepRecord) -> dict[str, Json]:
    report = record.report
    attestations = cast("list[str]", report.facts.get("input_attestations") or [])
    return {
        "verifier": {"id": f"urn:assay:{report.step.value}:v1"},
        "timeVerified": record.ended_at.isoformat(),
        "resourceUri": f"model/{report.pipeline}",
        "policy": {
            "uri": f"pipeline/{report.pipeline}",
            "digest": {"sha256": str(report.facts.get("policy_sha256") or "")},
        },
        "inputAttestations": [{"uri": "ledger", "digest": {"sha256": sha256}} for sha256 in attestations],
        "verificationResult": "PASSED" if report.verdict is Verdict.PASSED else "FAILED",
        "verifiedLevels": [],
    }
