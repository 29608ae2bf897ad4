"""Keeps a server from loading what was declared bad: the list that lies beside its files is made from the ledger."""

from collections.abc import Iterable

from assay.decision import serving_history
from assay.quarantine.objections import objections
from assay.records import Step, Verdict
from assay.triton.repository import Repository
from assay.workbench import Workbench


def mark_repository(names: Iterable[str], bench: Workbench) -> None:
    """Write anew, for each served name, which of its files must not be loaded any more, and why."""
    repository = Repository(bench.settings.triton_repository)
    for name in names:
        with repository.locked():
            repository.set_refused(name, _refused(name, bench))


def _refused(name: str, bench: Workbench) -> dict[str, str]:
    """Of what served, and of what is registered: a deployment under way has said nothing yet."""
    registered = bench.ledger.find(step=Step.REGISTER, pipeline=name, verdict=Verdict.PASSED)
    told = (entry.report for entry in (*serving_history(bench.ledger, name), *registered))
    files = [(str(one.facts["onnx_sha256"]), one.inputs["model"]) for one in told if one.step is not Step.CUT_OUT]
    found: dict[str, str] = {}
    for onnx_sha256, model in dict.fromkeys(files):
        if against := objections(bench.ledger, bench.store, model):
            found[onnx_sha256] = "; ".join(one.words for one in against)
    return found
