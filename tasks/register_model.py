"""Give an approved model a version in the registry, bound to its digests; it waits there as `challenger`."""

from assay.bundle import ONNX_FILE, load_bundle
from assay.decision import latest_gate
from assay.evidence_chain import evidence_chain
from assay.json_types import JsonObject
from assay.quarantine.objections import require_sound
from assay.records import Check, Step, StepReport, Subject, Verdict
from assay.registry import CHALLENGER, MODEL_TAG, ONNX_TAG, open_registry
from assay.station import StepRequest
from assay.workbench import Workbench
from tasks.approve_promotion import approved_now, require_same_policy
from tasks.reporting.attach_report import attach_report
from tasks.reporting.make_report import make_report


def register_model(request: StepRequest, bench: Workbench) -> StepReport:
    """Register the model once; the same digest keeps its version.

    Raises PolicyViolation when the ledger holds no passed gate statement for it by the spec's present policy, no
    approval where the spec names approvers, or a word that something it was made of is bad.
    """
    model, name = request.input("model"), request.spec.name
    gate = latest_gate(bench.ledger, model)
    require_same_policy(request, gate)
    require_sound(bench.ledger, bench.store, model, reads_rows=True)
    checks = [Check("gate", Verdict.PASSED, f"entry {gate.seq} let {model.sha256[:12]} through")]
    approved: JsonObject = {}
    if request.spec.approval.people:
        found, bound = approved_now(request, bench)
        checks.append(Check("approval", Verdict.PASSED, found.words))
        approved = {"approved": bound.to_json(), "approved_by": list(found.approved_by)}
    file = load_bundle(model, bench.store).file(ONNX_FILE)
    onnx = bench.store.fetch(file.sha256, bench.workdir / ONNX_FILE)
    chain = evidence_chain(bench.ledger, model)
    train = chain[Step.TRAIN]
    tags = {
        MODEL_TAG: model.sha256,
        ONNX_TAG: file.sha256,
        "assay.dataset_sha256": train.report.inputs["train"].sha256 if train else "",
        "assay.gate_entry": gate.sha256,
    }
    run_id = str(train.report.facts.get("mlflow_run_id") or "") if train else ""
    version = open_registry(bench.settings).register(name, onnx, tags, run_id)
    page = make_report(bench, model, request.spec, version.version)
    report = attach_report(bench.settings, name, version.version, page)
    bench.say(f"registered {version.url}; trust report {report.url}")
    return StepReport(
        step=Step.REGISTER,
        pipeline=name,
        verdict=Verdict.PASSED,
        products={"registered": Subject(f"model/{name}", model.sha256)},
        inputs={"model": model},
        checks=tuple(checks),
        facts={
            "version": version.version,
            "alias": CHALLENGER,
            "onnx_sha256": file.sha256,
            "gate_entry": gate.sha256,
            "url": version.url,
            "report": report.sha256,
            "report_url": report.url,
            **approved,
            "purpose": {"description": request.spec.description, "owner": request.spec.owner},
        },
    )
