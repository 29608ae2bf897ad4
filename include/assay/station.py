"""The one shape of a step: a request of digests in, a report out; and the one way to run it with evidence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from assay.digests import canonical_json
from assay.json_types import Json
from assay.ledger import LedgerEntry, role_of
from assay.provenance import current_provenance, environment_list
from assay.records import RunContext, StepReport, Subject
from assay.statement import StepRecord, build_statement
from assay.workbench import Workbench

if TYPE_CHECKING:
    from assay.spec import PipelineSpec


@dataclass(frozen=True)
class StepRequest:
    """What a station works on. inputs: role -> subject, the products of the steps before it.

    parameters: values a person gave for this run (the form in Airflow's UI), already checked.
    """

    spec: "PipelineSpec"
    context: RunContext
    inputs: Mapping[str, Subject] = field(default_factory=dict)
    parameters: Mapping[str, Json] = field(default_factory=dict)

    def input(self, role: str) -> Subject:
        """The subject in `role`. Raises PolicyViolation when the step before did not produce it."""
        from assay.errors import PolicyViolation

        try:
            return self.inputs[role]
        except KeyError:
            raise PolicyViolation(
                f"{self.spec.name}: expected a {role!r} from an earlier step, found {sorted(self.inputs)}; "
                "run the whole pipeline"
            ) from None


class Station(Protocol):
    """One verb: `tasks/screen_dataset.py::screen_dataset` and its kin."""

    def __call__(self, request: StepRequest, bench: Workbench) -> StepReport:
        """Do the step. Writes only content-addressed objects; evidence is appended by `run_station`."""


def run_station(station: Station, request: StepRequest, bench: Workbench) -> StepReport:
    """Run one step and append its signed statement. If that fails the step has failed; lineage may fail."""
    started = bench.clock()
    report = station(request, bench)
    seed = int(str(request.parameters.get("seed", request.spec.train.seed)))
    append_report(report, request.context, bench, started, request.parameters, seed)
    _emit_lineage(report, request, bench)
    return report


def append_report(
    report: StepReport,
    context: RunContext,
    bench: Workbench,
    started: datetime,
    parameters: Mapping[str, Json],
    seed: int = 0,
) -> LedgerEntry:
    """Sign what was done since `started` and append it; the packages installed here are stored under their digest."""
    bench.store.put_bytes(environment_list())
    record = StepRecord(
        report=report,
        context=context,
        provenance=current_provenance(),
        parameters=dict(parameters),
        seed=seed,
        started_at=started,
        ended_at=bench.clock(),
    )
    return bench.ledger.append(bench.keys.sign(canonical_json(build_statement(record)), role_of(report.step)))


def _emit_lineage(report: StepReport, request: StepRequest, bench: Workbench) -> None:
    """Fails open: the ledger holds the same edges, the lineage store reads from there what it missed."""
    try:
        from assay.lineage.emit import emit_step

        emit_step(report, request.context, bench.settings)
    except Exception as error:  # noqa: BLE001 - whatever the lineage side does must not fail the step
        bench.say(f"lineage event not sent: {error!r}; the ledger has the statement")
