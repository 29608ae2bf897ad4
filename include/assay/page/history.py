"""What happened to a model, from its signed statements: decisions, switches, watched windows, quarantines."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from assay.ledger import Ledger, LedgerEntry
from assay.page.entries import entries_of_steps
from assay.quarantine.declaration import PIPELINE, Declaration
from assay.records import Check, Step, Verdict

STEPS = (Step.GATE, Step.APPROVE, Step.REGISTER, Step.DEPLOY, Step.WATCH, Step.ROLLBACK, Step.CUT_OUT, Step.RELEASE)
_SWITCHES = (Step.DEPLOY, Step.ROLLBACK, Step.CUT_OUT)
_MOST_DECLARATIONS = 1000
# What is told of a step that passed, and of one that did not; {} is the version.
_TOLD = {
    Step.GATE: ("The gate let {} through", "The gate refused {}"),
    Step.APPROVE: ("{} was approved", "{} was not approved"),
    Step.REGISTER: ("Registered as {}", "{} was not registered"),
    Step.DEPLOY: ("{} went into service", "{} was not deployed"),
    Step.WATCH: ("Window of {}: no drift", "Window of {}"),
    Step.ROLLBACK: ("Rolled back to {}", "No rollback to {}"),
    Step.CUT_OUT: ("Cut out: nothing serves from here on", "Not cut out"),
    Step.RELEASE: ("Quarantined rows were released", "Quarantined rows were not released"),
}


@dataclass(frozen=True)
class Event:
    """entry: its statement. words: what happened. by: who stands behind it, "" where nobody is named."""

    at: datetime
    step: Step
    verdict: Verdict
    words: str
    by: str
    entry: LedgerEntry


@dataclass(frozen=True)
class Serving:
    """`version` served from `since` to `until` (None: still); starts_earlier: the switch is on an older page."""

    version: str
    since: datetime
    until: datetime | None
    starts_earlier: bool = False


def events_of(ledger: Ledger, pipeline: str, before: int | None, limit: int) -> list[Event]:
    """The newest `limit` events, newest first. Raises IntegrityError for a statement that does not verify."""
    told = entries_of_steps(ledger, pipeline, STEPS, before, limit)
    declared = ledger.find(step=Step.QUARANTINE, pipeline=PIPELINE, limit=_MOST_DECLARATIONS)
    oldest = told[-1].seq if len(told) == limit else -1
    mine = [e for e in declared if e.seq > oldest and (before is None or e.seq < before) and _is_about(e, pipeline)]
    return [_event(entry) for entry in sorted([*told, *mine], key=lambda entry: entry.seq, reverse=True)]


def servings(ledger: Ledger, pipeline: str, events: Sequence[Event]) -> list[Serving]:
    """What served during the events, oldest first; what served when they begin is looked up."""
    switches = [event.entry for event in reversed(events) if _switches(event.entry)]
    first = events[-1].entry.seq if events else 0
    earlier = [e for e in entries_of_steps(ledger, pipeline, _SWITCHES, first, 20) if _switches(e)][:1]
    told = [*earlier, *switches]
    ends = [*(entry.at for entry in told[1:]), None][: len(told)]
    return [
        Serving(str(entry.report.facts.get("version") or ""), entry.at, until, entry in earlier)
        for entry, until in zip(told, ends, strict=True)
        if entry.report.step is not Step.CUT_OUT
    ]


def _switches(entry: LedgerEntry) -> bool:
    return entry.report.step in _SWITCHES and entry.report.verdict is Verdict.PASSED


def _is_about(entry: LedgerEntry, pipeline: str) -> bool:
    names = {subject.name for subject in entry.report.inputs.values()}
    return any(_belongs(name, pipeline) for name in names) or _names_rows(entry, pipeline)


def _names_rows(entry: LedgerEntry, pipeline: str) -> bool:
    bad = Declaration.of(entry).bad
    return bad.name == pipeline or bad.name.startswith(f"{pipeline}.")


def _belongs(name: str, pipeline: str) -> bool:
    return any(name == f"{kind}/{pipeline}" or name.startswith(f"{kind}/{pipeline}.") for kind in ("model", "dataset"))


def _event(entry: LedgerEntry) -> Event:
    report = entry.report
    return Event(entry.at, report.step, report.verdict, _words(entry), _by(entry), entry)


def _by(entry: LedgerEntry) -> str:
    """Who answered an approval; else who set the run off."""
    if entry.report.step is Step.APPROVE:
        return str(entry.report.facts.get("responder") or entry.context.actor)
    if entry.context.trigger == "drift":
        return "a drift alarm"
    return entry.context.actor or (entry.context.trigger if entry.context.trigger == "schedule" else "")


def _words(entry: LedgerEntry) -> str:
    report = entry.report
    if report.step is Step.QUARANTINE:
        return _quarantined(Declaration.of(entry))
    passed, otherwise = _TOLD[report.step]
    if report.verdict is Verdict.PASSED:
        return passed.format(_named(entry))
    why = _window(entry) if report.step is Step.WATCH else _failed(report.checks)
    return f"{otherwise.format(_named(entry))}: {why}"


def _named(entry: LedgerEntry) -> str:
    version, model = entry.report.facts.get("version"), entry.report.inputs.get("model")
    return f"version {version}" if version else f"model {model.sha256[:8]}" if model else "the model"


def _quarantined(declaration: Declaration) -> str:
    done = "released from quarantine" if declaration.is_release else "declared bad"
    return f"{declaration.bad.reference} {done}: {declaration.reason}"


def _window(entry: LedgerEntry) -> str:
    return (
        f"drift in {_failed(entry.report.checks)}" if entry.report.verdict is Verdict.FAILED else "could not be judged"
    )


def _failed(checks: Iterable[Check]) -> str:
    names = [check.name for check in checks if check.verdict is not Verdict.PASSED]
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "") or "no reason stated"
