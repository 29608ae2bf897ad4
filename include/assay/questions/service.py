"""The service history of a pipeline as its signed statements tell it: changes, failures, restorations."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from assay.ledger import Ledger, LedgerEntry
from assay.records import Step, Verdict

_EVERY = 10_000_000
SWITCHES = (Step.DEPLOY, Step.ROLLBACK, Step.CUT_OUT)


@dataclass(frozen=True)
class Event:
    """A passed deploy, rollback or cut-out, or a watch that found drift (`WATCH`).

    model: digest of what serves from here on (deploy, rollback), "" after a cut-out; of a watch, "".
    """

    step: Step
    at: datetime
    model: str
    entry: LedgerEntry


def service_events(ledger: Ledger, pipeline: str | None) -> dict[str, list[Event]]:
    """Of one pipeline or of all, by pipeline, in the ledger's order. Raises IntegrityError as `Ledger.find` does."""
    found = [
        *(entry for step in SWITCHES for entry in _all(ledger, step, Verdict.PASSED, pipeline)),
        *_all(ledger, Step.WATCH, Verdict.FAILED, pipeline),
    ]
    events: dict[str, list[Event]] = {}
    for entry in sorted(found, key=lambda entry: entry.seq):
        events.setdefault(entry.report.pipeline, []).append(_event(entry))
    return events


def collected_at(ledger: Ledger, pipeline: str) -> dict[str, datetime]:
    """Run id -> when its first collection began, which is when the run was set off."""
    began: dict[str, datetime] = {}
    for entry in ledger.find(step=Step.COLLECT, pipeline=pipeline, newest_first=False, limit=_EVERY):
        began.setdefault(entry.context.run_id, entry.record.started_at)
    return began


def _all(ledger: Ledger, step: Step, verdict: Verdict, pipeline: str | None) -> Sequence[LedgerEntry]:
    return ledger.find(step=step, verdict=verdict, pipeline=pipeline, newest_first=False, limit=_EVERY)


def _event(entry: LedgerEntry) -> Event:
    served = entry.report.inputs.get("model") if entry.report.step in (Step.DEPLOY, Step.ROLLBACK) else None
    return Event(entry.report.step, entry.at, served.sha256 if served else "", entry)
