"""The four figures of delivery (Forsgren, Humble and Kim 2018) from signed statements alone.

A *change* is a deploy after which another model serves than before. A change *failed* when, before the next change of
its pipeline and while it served, it was rolled back, cut out, or a watch of it found drift. Service is *restored* by
the next change or rollback to another model. Definitions in full: docs/how-to/ask-lineage.md.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from assay.errors import SpecError
from assay.json_types import JsonObject
from assay.ledger import Ledger
from assay.questions.durations import Durations
from assay.questions.service import Event, collected_at, service_events
from assay.records import Step

_CAUSES = (Step.ROLLBACK, Step.CUT_OUT, Step.WATCH)


@dataclass
class _Change:
    """causes: why it failed, as far as the history was read."""

    event: Event
    lead: timedelta | None
    causes: set[Step] = field(default_factory=set)


@dataclass
class _Outage:
    """since: None where nothing tells when the failure began, as before a rollback out of the blue."""

    began: datetime
    since: datetime | None
    until: datetime | None = None


@dataclass(frozen=True)
class Dora:
    """pipeline: None for all together. since, until: the window that changes and failures are counted in.

    failed: changes that failed. by_cause: how many of them by each step; one change may fail in several ways.
    """

    pipeline: str | None
    since: datetime | None
    until: datetime
    changes: int
    failed: int
    by_cause: Mapping[str, int]
    lead_time: Durations
    time_to_restore: Durations
    seconds: float

    @property
    def per_day(self) -> float | None:
        """Changes a day; None without a window that has a length."""
        days = (self.until - self.since) / timedelta(days=1) if self.since else 0.0
        return self.changes / days if days > 0 else None

    @property
    def failure_rate(self) -> float | None:
        """Share of changes that failed, in [0, 1]; None without changes."""
        return self.failed / self.changes if self.changes else None

    def to_json(self) -> JsonObject:
        frequency: JsonObject = {
            "changes": self.changes,
            "days": round((self.until - self.since) / timedelta(days=1), 6) if self.since else None,
            "per_day": self.per_day,
            "why": "" if self.per_day is not None else _NOTHING,
        }
        failures: JsonObject = {
            "changes": self.changes,
            "failed": self.failed,
            "rate": self.failure_rate,
            "by_cause": dict(self.by_cause),
            "why": "" if self.failure_rate is not None else _NOTHING,
        }
        return {
            "pipeline": self.pipeline,
            "since": self.since.isoformat() if self.since else None,
            "until": self.until.isoformat(),
            "lead_time": self.lead_time.to_json(),
            "deployment_frequency": frequency,
            "change_failure_rate": failures,
            "time_to_restore": self.time_to_restore.to_json(),
            "seconds": round(self.seconds, 6),
        }


_NOTHING = "not measurable: no change was deployed in the window"
_UNBEGUN = "not measurable: no deploy in the window belongs to a run whose beginning is stated"
_UNHURT = "not measurable: nothing failed in the window"
_UNENDED = "not measurable: no failure in the window has both a known beginning and an end"


def dora(
    ledger: Ledger, now: datetime, pipeline: str | None = None, since: datetime | None = None,
    until: datetime | None = None,
) -> Dora:  # fmt: skip
    """since: default the first change. until: default `now`; what came later is not known then.

    Raises SpecError when `since` is not before `until` or the ledger has no statement of `pipeline`.
    """
    started, end = time.perf_counter(), until or now
    if since is not None and since >= end:
        raise SpecError(f"since {since.isoformat()}: expected a time before {end.isoformat()}; mend the window")
    events = service_events(ledger, pipeline)
    if pipeline is not None and not events and not ledger.find(pipeline=pipeline, limit=1):
        raise SpecError(f"{pipeline}: expected a pipeline of the ledger, found no statement of it; check the name")
    changes, outages = [], []
    for name, history in events.items():
        found = _read(history, collected_at(ledger, name), end)
        changes += found[0]
        outages += found[1]
    begin = since or min((change.event.at for change in changes), default=None)
    counted = [change for change in changes if begin is not None and begin <= change.event.at]
    suffered = [outage for outage in outages if begin is not None and begin <= outage.began]
    return Dora(
        pipeline=pipeline,
        since=begin,
        until=end,
        changes=len(counted),
        failed=sum(bool(change.causes) for change in counted),
        by_cause=_by_cause(counted),
        lead_time=_lead_times(counted),
        time_to_restore=_restorations(suffered),
        seconds=time.perf_counter() - started,
    )


def _read(
    history: Sequence[Event], began: Mapping[str, datetime], end: datetime
) -> tuple[list[_Change], list[_Outage]]:
    """One pipeline's changes and outages, as known at `end`."""
    changes: list[_Change] = []
    outages: list[_Outage] = []
    serving, deployment = "", ""
    for event in (event for event in history if event.at < end):
        if event.step in _CAUSES and _concerns(event, deployment):
            _blame(changes, event, serving)
            _suffer(outages, event, serving)
        if event.step is Step.WATCH:
            continue
        if event.step is not Step.CUT_OUT and event.model != serving:
            _restore(outages, event)
        if event.step is Step.DEPLOY and event.model != serving:
            changes.append(_Change(event, _lead(event, changes, began)))
        serving = event.model
        deployed = event.entry.report.products.get("deployment")
        deployment = deployed.sha256 if deployed else ""
    return changes, outages


def _concerns(event: Event, deployment: str) -> bool:
    """A watch may end after another deployment has taken over."""
    watched = event.entry.report.inputs.get("deployment")
    return event.step is not Step.WATCH or (watched is not None and watched.sha256 == deployment)


def _blame(changes: list[_Change], event: Event, serving: str) -> None:
    """The last change failed, if it is what served."""
    switches_away = event.step is Step.WATCH or event.model != serving
    if changes and serving and changes[-1].event.model == serving and switches_away:
        changes[-1].causes.add(event.step)


def _suffer(outages: list[_Outage], event: Event, serving: str) -> None:
    """A failure begins, unless one lasts already. A rollback ends what nobody wrote the beginning of."""
    if outages and outages[-1].until is None:
        return
    if event.step is Step.ROLLBACK:
        if event.model != serving:
            outages.append(_Outage(event.at, None))
    elif serving:
        outages.append(_Outage(event.at, event.at))


def _restore(outages: list[_Outage], event: Event) -> None:
    if outages and outages[-1].until is None:
        outages[-1].until = event.at


def _lead(deploy: Event, earlier: Sequence[_Change], began: Mapping[str, datetime]) -> timedelta | None:
    """From the commit, where its time is stated and it is not that of the change before; else from the run's start."""
    code = deploy.entry.record.provenance
    before = earlier[-1].event.entry.record.provenance.git_sha if earlier else None
    beginning = began.get(deploy.entry.context.run_id)
    if code.committed_at is not None and code.git_sha != before and not code.is_dirty:
        beginning = code.committed_at
    return deploy.at - beginning if beginning is not None else None


def _by_cause(changes: Sequence[_Change]) -> dict[str, int]:
    counts = Counter(cause for change in changes for cause in change.causes)
    return {cause.value: counts[cause] for cause in _CAUSES}


def _lead_times(changes: Sequence[_Change]) -> Durations:
    measured = tuple(change.lead for change in changes if change.lead is not None)
    why = "" if measured else _UNBEGUN if changes else _NOTHING
    return Durations(measured, len(changes) - len(measured), 0, why)


def _restorations(outages: Sequence[_Outage]) -> Durations:
    measured = tuple(_lengths(outages))
    still, unknown = (sum(o.until is None for o in outages), sum(o.since is None for o in outages))
    why = "" if measured else _UNENDED if outages else _UNHURT
    return Durations(measured, unknown, still, why)


def _lengths(outages: Sequence[_Outage]) -> Iterator[timedelta]:
    for outage in outages:
        if outage.since is not None and outage.until is not None:
            yield outage.until - outage.since
