"""Two pipelines as real statements tell them: `two` served twice, drifted and rolled back; `fair` was refused."""

from dataclasses import replace

from assay.dataset import DatasetVersion, save_dataset
from assay.digests import canonical_json, sha256_bytes
from assay.json_types import Json
from assay.ledger import LedgerEntry
from assay.records import Check, RunContext, Step, StepReport, Subject, Verdict
from assay.station import run_station
from assay.workbench import Workbench
from tests.tasks.promotion_story import Story, make_spec


def tell(bench: Workbench) -> Story:
    """The first model of `two` is the story that comes back; the second one was rolled back."""
    first = _promoted(bench, 0.0, version=1)
    _watched(first, Verdict.PASSED)
    second = _promoted(bench, 0.5, version=2)
    _watched(second, Verdict.FAILED)
    _state(first, Step.ROLLBACK, version=1)
    refused = Story(bench, make_spec("fair"), 0.25)
    refused.verdicts = {Step.ASSAY: Verdict.FAILED}
    refused.tell()
    _state(refused, Step.GATE, verdict=Verdict.FAILED)
    return first


def newest(bench: Workbench, step: Step, pipeline: str = "two") -> LedgerEntry:
    return bench.ledger.find(step=step, pipeline=pipeline, limit=1)[0]


def _promoted(bench: Workbench, shift: float, version: int) -> Story:
    story = Story(bench, make_spec("two"), shift)
    story.context = RunContext(
        run_id=f"manual__{shift}", trigger="manual", actor="ann", dag_id="two.train", task_id="station"
    )
    story.tell()
    _state(story, Step.GATE)
    report = bench.store.put_bytes(trust_report("two"))
    asked = {"model": "", "policy": "", "report": report}
    reached: Json = {"approved_by": ["bob"], "rejected_by": [], "missing": 0, "missing_roles": [], "void": []}
    _state(story, Step.APPROVE, responder="bob", bound=asked, standing=reached)
    _state(story, Step.REGISTER, version=version, alias="challenger", report=report)
    _state(story, Step.DEPLOY, version=version)
    return story


def trust_report(pipeline: str) -> bytes:
    data = canonical_json({"model": {"name": f"model/{pipeline}"}}).decode()
    script = f'<script type="application/json" id="assay-report">{data}</script>'
    return f"<!doctype html><html><body><h1>Trust report</h1>{script}</body></html>".encode()


def _watched(story: Story, verdict: Verdict) -> None:
    of_this = sha256_bytes(str(story.shift).encode())
    window = save_dataset(
        DatasetVersion("two.window", "tabular", "label", {"a": "double"}, (), (), "position", parent=of_this),
        story.bench.store,
    )
    deployment = _deployment(story)
    checks = (Check("drift.a", verdict, "feature a <b>moved</b>", 0.4, 0.1), Check("drift.b", Verdict.PASSED, "still"))
    _append(
        story,
        StepReport(
            Step.WATCH, story.spec.name, verdict,
            products={"window": window},
            inputs={"deployment": deployment}, judged=("deployment",), checks=checks, facts={"version": 1},
        ),
    )  # fmt: skip


def _state(story: Story, step: Step, verdict: Verdict = Verdict.PASSED, **facts: Json) -> None:
    model, deployment = story.subjects["model"], _deployment(story)
    products = {Step.REGISTER: {"registered": model}, Step.DEPLOY: {"deployment": deployment},
                Step.ROLLBACK: {"deployment": deployment}}  # fmt: skip
    judged = ("model",) if step in (Step.GATE, Step.APPROVE) else ()
    checks = (Check("told", verdict, f"{step.value} was told to be {verdict.value}", 0.87, 0.9),)
    if step in (Step.REGISTER, Step.DEPLOY, Step.ROLLBACK):
        facts["onnx_sha256"] = "0" * 64
    _append(
        story,
        StepReport(step, story.spec.name, verdict, products.get(step, {}), {"model": model},
                   judged, checks, facts),
    )  # fmt: skip


def _deployment(story: Story) -> Subject:
    name = f"deployment/{story.spec.name}"
    return Subject(name, story.bench.store.put_bytes(f"{name} of {story.shift}".encode()))


def _append(story: Story, report: StepReport) -> None:
    context = replace(story.context, task_id=report.step.value)
    request = replace(story.request, context=context)
    run_station(lambda _request, _bench: report, request, story.bench)
