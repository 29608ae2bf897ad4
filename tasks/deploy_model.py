"""Let an approved model serve: every signature and digest first, then staged, probed, compared and switched."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from assay.approval import Bound, decisions_after, require_approval
from assay.bundle import ONNX_FILE, load_bundle
from assay.dataset import iterate_batches, load_dataset
from assay.decision import approved_files, latest_gate, registration, signed_server_code
from assay.digests import canonical_json
from assay.errors import IntegrityError, PolicyViolation
from assay.json_types import JsonObject
from assay.ledger import LedgerEntry
from assay.loaders import open_loader
from assay.quarantine.objections import require_sound
from assay.records import Check, Step, StepReport, Subject, Verdict
from assay.registry import RegisteredVersion, Registry, open_registry
from assay.station import StepRequest
from assay.triton.repository import code_sha256
from assay.triton.switch import Probe, Switch, Switched, Target
from assay.workbench import Workbench

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.sdk import Rows


def deploy_model(request: StepRequest, bench: Workbench) -> StepReport:
    """Serve the registered version of the model; the version before stays loaded for a rollback.

    Any failure leaves the old version serving. `champion` moves only after the switch.
    Raises PolicyViolation without a passed gate or for what was declared bad, IntegrityError when a file is not the
    approved one.
    """
    model, spec = request.input("model"), request.spec
    gate = latest_gate(bench.ledger, model)
    require_sound(bench.ledger, bench.store, model)
    registry = open_registry(bench.settings)
    target = _verified_target(request, bench, registry, gate)
    probe = Probe(_probe_rows(request, bench), spec.deploy.max_output_difference)
    switched = Switch(bench.settings, gpu=spec.deploy.gpu).deploy(target, probe, spec.deploy.keep_versions)
    registry.crown(spec.name, target.version)
    bench.say(f"{spec.name} version {target.version} serves after {switched.seconds:.1f} s")
    found = f"largest difference to ONNX Runtime on {len(probe.rows)} holdout rows {switched.difference:.1e}"
    return StepReport(
        step=Step.DEPLOY,
        pipeline=spec.name,
        verdict=Verdict.PASSED,
        products={"deployment": deployment_subject(bench, model, target, switched)},
        inputs={"model": model},
        checks=(
            Check("gate", Verdict.PASSED, f"entry {gate.seq} let {model.sha256[:12]} through"),
            Check("served bytes", Verdict.PASSED, f"served model.onnx is {target.sha256[:12]}, as approved"),
            Check("outputs", Verdict.PASSED, found, switched.difference, probe.max_difference),
        ),
        facts={**switch_facts(target, switched), "probe_rows": len(probe.rows), "gate_entry": gate.sha256},
    )


def deployment_subject(bench: Workbench, model: Subject, target: Target, switched: Switched) -> Subject:
    """Names a deployment by what serves: model, version, file and server configuration."""
    deployment: JsonObject = {
        "model": model.sha256,
        "version": target.version,
        "onnx_sha256": target.sha256,
        "config_sha256": switched.config_sha256,
    }
    return Subject(f"deployment/{target.name}", bench.store.put_bytes(canonical_json(deployment)))


def switch_facts(target: Target, switched: Switched) -> dict[str, str | int | float | None]:
    """What a deployment and a rollback both state."""
    return {
        "version": target.version,
        "onnx_sha256": target.sha256,
        "config_sha256": switched.config_sha256,
        "server_code_sha256": code_sha256(),
        "from": switched.from_version,
        "to": switched.to_version,
        "seconds": round(switched.seconds, 3),
    }


def _verified_target(request: StepRequest, bench: Workbench, registry: Registry, gate: LedgerEntry) -> Target:
    model, name = request.input("model"), request.spec.name
    version = registry.find(name, model.sha256)
    if version is None:
        raise PolicyViolation(
            f"{name}: expected {model.sha256} in the registry, found no version; run `register` first"
        )
    _require_people(request, bench, gate, registration(bench.ledger, model, version.version))
    file = load_bundle(model, bench.store).file(ONNX_FILE)
    approved = approved_files(bench.ledger, name)
    _require_same(version, "served before", approved.get(version.version, file.sha256), file.sha256)
    _require_same(version, "tagged", version.onnx_sha256, file.sha256)
    onnx = registry.fetch(version, bench.workdir / "registered", file.sha256)
    code = signed_server_code(bench.ledger, name)
    return Target(name, version.version, onnx, approved | {version.version: file.sha256}, code)


def _require_people(request: StepRequest, bench: Workbench, gate: LedgerEntry, registered: LedgerEntry) -> None:
    """The answers on which it was registered: enough people, none too old by then, bound to what was registered."""
    if not request.spec.approval.people:
        return
    model, told = request.input("model"), registered.report.facts.get("approved")
    if not isinstance(told, Mapping) or told.get("model") != model.sha256:
        raise PolicyViolation(
            f"{model.name}: expected a registration on people's approval, entry {registered.seq} names none; "
            "run the pipeline again, which asks them"
        )
    decisions = decisions_after(bench.ledger, model, gate)
    require_approval(decisions, request.spec.approval, model, Bound.from_json(told), registered.at)


def _require_same(version: RegisteredVersion, what: str, found: str, approved: str) -> None:
    if found != approved:
        raise IntegrityError(
            f"{version.url}: approved model.onnx is {approved}, {what} {found}; "
            "the registry was changed: restore it or open an incident"
        )


def _probe_rows(request: StepRequest, bench: Workbench) -> "NDArray[Any]":
    """The first rows of the frozen holdout that the assay statement cites."""
    model = request.input("model")
    assayed = next(iter(bench.ledger.find(subject_sha256=model.sha256, step=Step.ASSAY, limit=1)), None)
    if assayed is None:
        raise PolicyViolation(f"{request.spec.name}: expected an assay statement for {model.sha256}, found none")
    version = load_dataset(assayed.report.inputs["holdout"], bench.store)
    count = request.spec.deploy.probe_rows
    first = next(iterate_batches(version, bench.store, bench.workdir, rows_per_batch=count))
    rows: Rows = open_loader(request.spec).load_function(iter([first]), version.label)
    return rows.inputs[:count]
