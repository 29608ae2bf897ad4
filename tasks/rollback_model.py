"""Switch back to a version that served before, in seconds; its gate evidence and its bytes are verified first."""

from assay.decision import serving_history, signed_server_code, standing_gate
from assay.errors import EngineUnavailable, SpecError
from assay.ledger import LedgerEntry
from assay.quarantine.objections import require_sound
from assay.records import Check, Step, StepReport, Verdict
from assay.registry import open_registry
from assay.station import StepRequest
from assay.triton.switch import Switch, Target
from assay.workbench import Workbench
from tasks.deploy_model import deployment_subject, switch_facts


def rollback_model(request: StepRequest, bench: Workbench) -> StepReport:
    """Serve the version before the present one, or `parameters["to"]`.

    Raises SpecError when there is no such version, IntegrityError when its bytes are not the approved ones.
    """
    name = request.spec.name
    entry = _target_entry(request, serving_history(bench.ledger, name))
    model = entry.report.inputs["model"]
    gate = standing_gate(bench.ledger, model)
    require_sound(bench.ledger, bench.store, model)
    switch = Switch(bench.settings, gpu=request.spec.deploy.gpu)
    target = _target(bench, entry, switch)
    switched = switch.roll_back(target)
    bench.say(f"{name} version {target.version} serves after {switched.seconds:.1f} s")
    return StepReport(
        step=Step.ROLLBACK,
        pipeline=name,
        verdict=Verdict.PASSED,
        products={"deployment": deployment_subject(bench, model, target, switched)},
        inputs={"model": model},
        checks=(
            Check("gate", Verdict.PASSED, f"entry {gate.seq} let {model.sha256[:12]} through"),
            Check("served bytes", Verdict.PASSED, f"served model.onnx is {target.sha256[:12]}, as approved"),
        ),
        facts={**switch_facts(target, switched), "gate_entry": gate.sha256, "registry": _crown(bench, target)},
    )


def _target_entry(request: StepRequest, history: list[LedgerEntry]) -> LedgerEntry:
    name, deployments = request.spec.name, [e for e in history if e.report.step is not Step.CUT_OUT]
    wanted = request.parameters.get("to")
    version = int(str(wanted)) if wanted is not None else _before_present(name, deployments)
    for entry in deployments:
        if entry.report.facts["version"] == version:
            return entry
    served = sorted({int(str(entry.report.facts["version"])) for entry in deployments})
    raise SpecError(f"{name}: expected a version that served before, found {version}; served were {served}")


def _before_present(name: str, deployments: list[LedgerEntry]) -> int:
    """What served before the present version was deployed: a second rollback goes further back, not forth."""
    versions = [int(str(entry.report.facts["version"])) for entry in deployments]
    present = versions[0] if versions else None
    is_deployed = False
    for entry, version in zip(deployments, versions, strict=True):
        if is_deployed and version != present:
            return version
        is_deployed = is_deployed or (version == present and entry.report.step is Step.DEPLOY)
    raise SpecError(f"{name}: expected an earlier version to go back to, found none; name one with `--to`")


def _target(bench: Workbench, entry: LedgerEntry, switch: Switch) -> Target:
    facts, name = entry.report.facts, entry.report.pipeline
    version, sha256 = int(str(facts["version"])), str(facts["onnx_sha256"])
    path = switch.repository.onnx_path(name, version)
    if not path.is_file():
        registry = open_registry(bench.settings)
        path = registry.fetch(registry.get(name, version), bench.workdir / "registered", sha256)
    return Target(name, version, path, {version: sha256}, signed_server_code(bench.ledger, name))


def _crown(bench: Workbench, target: Target) -> str:
    """A registry that is down at night must not undo a rollback that already serves: it is told instead."""
    try:
        open_registry(bench.settings).crown(target.name, target.version)
    except (EngineUnavailable, SpecError) as error:
        bench.say(f"the alias was not moved: {error}")
        return f"alias not moved: {error}"
    return "champion"
