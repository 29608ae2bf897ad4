"""Stop serving a model at once, with a reason that stays; files remain for the inquiry."""

from assay.decision import serving_now
from assay.errors import EngineUnavailable, SpecError
from assay.records import Check, Step, StepReport, Verdict
from assay.registry import CHAMPION, open_registry
from assay.station import StepRequest
from assay.triton.switch import Switch
from assay.workbench import Workbench


def cut_out_model(request: StepRequest, bench: Workbench) -> StepReport:
    """Unload every version; `parameters["reason"]` is required.

    Raises SpecError without a reason or when nothing serves.
    """
    name, reason = request.spec.name, str(request.parameters.get("reason") or "").strip()
    if not reason:
        raise SpecError(f"{name}: expected a reason for the cut-out, found none; give `--reason TEXT`")
    serving, switch = serving_now(bench.ledger, name), Switch(bench.settings)
    if serving is None and name not in switch.repository.active():
        raise SpecError(f"{name}: expected a serving model to cut out, found none; `assay status` shows the server")
    version, seconds = switch.cut_out(name)
    bench.say(f"{name} serves no more after {seconds:.1f} s")
    return StepReport(
        step=Step.CUT_OUT,
        pipeline=name,
        verdict=Verdict.PASSED,
        inputs={"deployment": serving.report.products["deployment"]} if serving else {},
        judged=("deployment",) if serving else (),
        checks=(Check("unloaded", Verdict.PASSED, f"no version of {name} answers"),),
        facts={
            "from": version,
            "to": None,
            "seconds": round(seconds, 3),
            "reason": reason,
            "registry": _dethrone(bench, name),
        },
    )


def _dethrone(bench: Workbench, name: str) -> str:
    """The registry may be down when a model has to go; then it is told, not raised."""
    try:
        open_registry(bench.settings).remove_alias(name, CHAMPION)
    except (EngineUnavailable, SpecError) as error:
        bench.say(f"the alias was not removed: {error}")
        return f"alias not removed: {error}"
    return "no champion"
