"""What flows between steps: subjects named by digest, checks with verdicts, one report a step.

A step is a function from digests to digests plus a verdict. Everything here is frozen and turns
into JSON and back without loss, so that it can travel through Airflow's XCom and the ledger.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Self, cast

from assay.errors import IntegrityError
from assay.json_types import Json, JsonObject


class Verdict(str, Enum):
    """Three-valued: only PASSED opens a gate; a check that did not run is not a pass."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_CHECKED = "not_checked"


class Step(str, Enum):
    """The stations of the loop, in order; then what people do beside it."""

    COLLECT = "collect"
    VALIDATE = "validate"
    SCREEN = "screen"
    SPLIT = "split"
    TRAIN = "train"
    EXPORT = "export"
    ASSAY = "assay"
    GATE = "gate"
    APPROVE = "approve"
    REGISTER = "register"
    DEPLOY = "deploy"
    WATCH = "watch"
    ROLLBACK = "rollback"
    CUT_OUT = "cut_out"
    RELEASE = "release"
    BENCH = "bench"
    QUARANTINE = "quarantine"
    ERASE = "erase"
    EXPIRE = "expire"
    KEY = "key"


@dataclass(frozen=True)
class Subject:
    """Something named by its digest.

    name: `dataset/NAME`, `model/NAME`, `deployment/NAME` or `report/NAME/STEP`.
    sha256: 64 lower-case hex digits.
    """

    name: str
    sha256: str

    def __post_init__(self) -> None:
        if len(self.sha256) != 64 or any(c not in "0123456789abcdef" for c in self.sha256):
            raise IntegrityError(
                f"{self.name}: expected 64 hex digits of sha256, found {self.sha256!r}; the producing step is at fault"
            )

    def to_json(self) -> JsonObject:
        return {"name": self.name, "sha256": self.sha256}

    @classmethod
    def from_json(cls, value: JsonObject) -> Self:
        return cls(name=str(value["name"]), sha256=str(value["sha256"]))


@dataclass(frozen=True)
class Check:
    """One question that was asked of a subject, and the answer in words a reviewer can read.

    measured/threshold: the number judged and the bound, where the check has one.
    """

    name: str
    verdict: Verdict
    detail: str
    measured: float | None = None
    threshold: float | None = None

    def to_json(self) -> JsonObject:
        return {
            "name": self.name,
            "verdict": self.verdict.value,
            "detail": self.detail,
            "measured": self.measured,
            "threshold": self.threshold,
        }

    @classmethod
    def from_json(cls, value: JsonObject) -> Self:
        return cls(
            name=str(value["name"]),
            verdict=Verdict(value["verdict"]),
            detail=str(value["detail"]),
            measured=cast("float | None", value.get("measured")),
            threshold=cast("float | None", value.get("threshold")),
        )


def combined_verdict(checks: tuple[Check, ...]) -> Verdict:
    """FAILED if any failed; else NOT_CHECKED if any was not made or there is none; else PASSED."""
    verdicts = {check.verdict for check in checks}
    if Verdict.FAILED in verdicts:
        return Verdict.FAILED
    if not verdicts or Verdict.NOT_CHECKED in verdicts:
        return Verdict.NOT_CHECKED
    return Verdict.PASSED


@dataclass(frozen=True)
class StepReport:
    """What one step did: `products` by role, `judged` and read `inputs` by role, checks and facts.

    products: made here, role -> subject (e.g. "raw", "admitted", "train", "holdout", "candidate", "model").
    inputs: read here, role -> subject.
    judged: roles among `inputs` that this report passes a verdict on.
    facts: small JSON (parameters, counts, metrics, digests of reports in the store); never data.
    """

    step: Step
    pipeline: str
    verdict: Verdict
    products: Mapping[str, Subject] = field(default_factory=dict)
    inputs: Mapping[str, Subject] = field(default_factory=dict)
    judged: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    facts: JsonObject = field(default_factory=dict)

    def subjects(self) -> tuple[Subject, ...]:
        """What the signed statement is about: products, then judged inputs."""
        return (*self.products.values(), *(self.inputs[role] for role in self.judged))

    def to_json(self) -> JsonObject:
        return {
            "step": self.step.value,
            "pipeline": self.pipeline,
            "verdict": self.verdict.value,
            "products": {role: subject.to_json() for role, subject in self.products.items()},
            "inputs": {role: subject.to_json() for role, subject in self.inputs.items()},
            "judged": list(self.judged),
            "checks": [check.to_json() for check in self.checks],
            "facts": self.facts,
        }

    @classmethod
    def from_json(cls, value: JsonObject) -> Self:
        return cls(
            step=Step(value["step"]),
            pipeline=str(value["pipeline"]),
            verdict=Verdict(value["verdict"]),
            products=_subjects(value["products"]),
            inputs=_subjects(value["inputs"]),
            judged=tuple(cast("list[str]", value["judged"])),
            checks=tuple(Check.from_json(check) for check in cast("list[JsonObject]", value["checks"])),
            facts=cast(JsonObject, value["facts"]),
        )


def _subjects(value: Json) -> dict[str, Subject]:
    return {role: Subject.from_json(subject) for role, subject in cast("Mapping[str, JsonObject]", value).items()}


@dataclass(frozen=True)
class RunContext:
    """Who and what stands behind a step: copied into its signed statement.

    trigger: "schedule", "manual", "drift" or "local"; actor: the user, or the sha256 of the drift statement.
    run_id: Airflow's dag run id, or a UUID for a local run.
    """

    run_id: str
    trigger: str = "local"
    actor: str = ""
    dag_id: str = ""
    task_id: str = ""
    try_number: int = 1
    openlineage_run_id: str = ""

    def to_json(self) -> JsonObject:
        return {
            "run_id": self.run_id,
            "trigger": self.trigger,
            "actor": self.actor,
            "dag_id": self.dag_id,
            "task_id": self.task_id,
            "try_number": self.try_number,
            "openlineage_run_id": self.openlineage_run_id,
        }
