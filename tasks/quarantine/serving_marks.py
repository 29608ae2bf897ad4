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
    found: dict[str, str] = {}
    registered = bench.ledger.find(step=Step.REGISTER, pipeline=name, verdict=Verdict.PASSED)
    for entry in (*serving_history(bench.ledger, name), *registered):
        if entry.report.step is Step.CUT_OUT:
            continue
        against = objections(bench.ledger, bench.store, entry.report.inputs["model"])
        if against:
            found[str(entry.report.facts["onnx_sha256"])] = "; ".join(one.words for one in against)
    return found
