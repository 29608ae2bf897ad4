"""The four figures of delivery (Forsgren, Humble and Kim 2018) from signed statements alone.

A *change* is a deploy after which another model serves than before. A change *failed* when, before the next change of
its pipeline and while it served, it was rolled back, cut out, or a watch of it found drift. Service is *restored* by
the next change or rollback to another model. Definitions in full: docs/how-to/ask-lineage.md.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

from assay.errors import SpecError
from assay.json_types import JsonObject
from assay.ledger import Ledger
from assay.lineage.refs import check_writable
from assay.provenance import Provenance
from assay.questions.durations import Durations
from assay.questions.service import Scene, collected_at, service_history
from assay.records import Step

_CAUSES = (Step.ROLLBACK, Step.CUT_OUT, Step.WATCH)


@dataclass(frozen=True)
class _Change:
    """lead: None where nothing tells when it began. failures: what tells that it failed."""

    at: datetime
    seq: int
    lead: timedelta | None
    failures: tuple[Scene, ...]


@dataclass(frozen=True)
class _Outage:
    """since: None where nothing tells when it began, as before a rollback out of the blue. until: None: it lasts."""

    told: datetime
    since: datetime | None
    until: datetime | None


@dataclass(frozen=True)
class Dora:
    """pipeline: None for all together. since, until: the window that changes and failures are counted in.

    failed: changes that failed. by_cause: how many of them by each step; one change may fail in several ways.
    deployed, failing: entries of the ledger that tell of the changes and of their failures, oldest first.
    """

    pipeline: str | None
    since: datetime | None
    until: datetime
    changes: int
    failed: int
    by_cause: Mapping[str, int]
    deployed: tuple[int, ...]
    failing: tuple[int, ...]
    lead_time: Durations
    time_to_restore: Durations
    seconds: float

    @property
    def per_day(self) -> float | None:
        """Changes a day; None in a window shorter than a day, which tells of no rhythm."""
        days = self.window / timedelta(days=1) if self.window else 0.0
        return self.changes / days if days >= 1 else None

    @property
    def window(self) -> timedelta | None:
        """How long changes were counted; None where nothing tells when it began."""
        return self.until - self.since if self.since else None

    @property
    def failure_rate(self) -> float | None:
        """Share of changes that failed, in [0, 1]; None without changes."""
        return self.failed / self.changes if self.changes else None

    def to_json(self) -> JsonObject:
        frequency: JsonObject = {
            "changes": self.changes,
            "days": round(self.window / timedelta(days=1), 6) if self.window is not None else None,
            "per_day": self.per_day,
            "why": "" if self.per_day is not None else SHORT if self.changes else NO_CHANGE,
        }
        failures: JsonObject = {
            "changes": self.changes,
            "failed": self.failed,
            "rate": self.failure_rate,
            "by_cause": dict(self.by_cause),
            "why": "" if self.failure_rate is not None else NO_CHANGE,
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


NO_CHANGE = "not measurable: no change was deployed in the window"
SHORT = "not measurable: the window is shorter than a day"
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
    check_writable(pipeline or "")
    if since is not None and since >= end:
        raise SpecError(f"since {since.isoformat()}: expected a time before {end.isoformat()}; mend the window")
    histories = service_history(ledger, pipeline, end)
    if pipeline is not None and not histories and not ledger.find(pipeline=pipeline, limit=1):
        raise SpecError(f"{pipeline}: expected a pipeline of the ledger, found no statement of it; check the name")
    changes = [change for name, scenes in histories.items() for change in _changes(scenes, collected_at(ledger, name))]
    outages = [outage for scenes in histories.values() for outage in _outages(scenes)]
    begin = since or min((change.at for change in changes), default=None)
    counted = [change for change in changes if begin is not None and begin <= change.at]
    suffered = [outage for outage in outages if begin is not None and begin <= outage.told]
    return Dora(
        pipeline=pipeline,
        since=begin,
        until=end,
        changes=len(counted),
        failed=sum(bool(change.failures) for change in counted),
        by_cause=_by_cause(counted),
        deployed=tuple(sorted(change.seq for change in counted)),
        failing=tuple(sorted(scene.entry.seq for change in counted for scene in change.failures)),
        lead_time=_lead_times(counted),
        time_to_restore=_restorations(suffered),
        seconds=time.perf_counter() - started,
    )


def _changes(scenes: Sequence[Scene], began: Mapping[str, datetime]) -> Iterator[_Change]:
    """One pipeline's. began: run id -> when the run was set off."""
    before: Provenance | None = None
    for place, scene in enumerate(scenes):
        if scene.is_change:
            after = takewhile(lambda later: not later.is_change, scenes[place + 1 :])
            failures = tuple(later for later in after if later.fails and later.served == scene.serves)
            yield _Change(scene.at, scene.entry.seq, _lead(scene, before, began), failures)
            before = scene.entry.record.provenance


def _lead(deploy: Scene, before: Provenance | None, began: Mapping[str, datetime]) -> timedelta | None:
    """From the commit, where its time is stated and it is not that of the change before; else from the run's start."""
    code = deploy.entry.record.provenance
    is_new = before is None or before.git_sha != code.git_sha
    beginning = code.committed_at if is_new and not code.is_dirty else None
    beginning = beginning or began.get(deploy.entry.context.run_id)
    return deploy.at - beginning if beginning is not None else None


def _outages(scenes: Sequence[Scene]) -> Iterator[_Outage]:
    """One pipeline's: from what first tells of a failure to the next switch to another model."""
    first: Scene | None = None
    for scene in scenes:
        if first is None and scene.fails:
            first = scene
        if first is not None and scene.puts_another:
            # A rollback out of the blue ends what nobody wrote the beginning of.
            yield _Outage(first.at, None if first is scene else first.at, scene.at)
            first = None
    if first is not None:
        yield _Outage(first.at, first.at, None)


def _by_cause(changes: Sequence[_Change]) -> dict[str, int]:
    counts = Counter(cause for change in changes for cause in {scene.step for scene in change.failures})
    return {cause.value: counts[cause] for cause in _CAUSES}


def _lead_times(changes: Sequence[_Change]) -> Durations:
    measured = tuple(change.lead for change in changes if change.lead is not None)
    why = "" if measured else _UNBEGUN if changes else NO_CHANGE
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
