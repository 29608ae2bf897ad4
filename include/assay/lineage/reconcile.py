"""Holds received events and ledger statements against each other: what one side lacks, and where they contradict.

The ledger is the truth: what it alone tells is read from it, so that hole is filled; a claim that it does not bear out
stays a claim, unsigned. Only what came since the last time, and what disagreed then, is looked at.
"""

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from assay.json_types import JsonObject
from assay.ledger import Ledger, LedgerEntry
from assay.lineage import reconcile_queries as queries
from assay.lineage.run_id import step_run_id
from assay.lineage.store import LineageStore
from assay.lineage.sync import sync_from_ledger

MOST_TOLD = 1_000


class HoleKind(str, Enum):
    """What is amiss between the two; the last two say that somebody told what the ledger does not bear out."""

    STATEMENT_WITHOUT_EVENT = "statement_without_event"
    UNFINISHED_RUN = "unfinished_run"
    CLAIM_WITHOUT_STATEMENT = "claim_without_statement"
    CONTRADICTS_STATEMENT = "contradicts_statement"


_CONTRADICTIONS = (HoleKind.CLAIM_WITHOUT_STATEMENT, HoleKind.CONTRADICTS_STATEMENT)


@dataclass(frozen=True)
class Hole:
    """One disagreement about `run`. filled: the graph is whole all the same."""

    kind: HoleKind
    run: str
    job: str
    detail: str
    filled: bool = False

    def to_json(self) -> JsonObject:
        return {"kind": self.kind.value, "run": self.run, "job": self.job, "detail": self.detail, "filled": self.filled}


@dataclass(frozen=True)
class Reconciliation:
    """What was found. holes: at most 1,000 of each kind; counts: all of them. entries: statements looked at."""

    holes: tuple[Hole, ...]
    counts: dict[HoleKind, int]
    entries: int
    seconds: float

    @property
    def contradicts(self) -> bool:
        """Whether an event tells what the ledger does not bear out."""
        return any(self.counts.get(kind) for kind in _CONTRADICTIONS)

    def to_json(self) -> JsonObject:
        filled = self.counts.get(HoleKind.STATEMENT_WITHOUT_EVENT, 0)
        return {
            "holes": [hole.to_json() for hole in self.holes],
            "counts": {kind.value: self.counts.get(kind, 0) for kind in HoleKind},
            "filled": filled,
            "open": sum(self.counts.values()) - filled,
            "entries": self.entries,
            "seconds": round(self.seconds, 3),
        }


def reconcile(ledger: Ledger, store: LineageStore, now: datetime, unfinished_after: timedelta) -> Reconciliation:
    """Fill the graph from the ledger, then compare what came since the last time.

    unfinished_after: how long a run may go on without an event that ends it.
    Raises IntegrityError when an entry does not verify or entries are gone.
    """
    started = time.perf_counter()
    with store.database.transaction() as connection:
        seq = queries.begin(connection)
        # Events first: a step signs before it tells, so what is compared has its statement by then.
        queries.choose_candidates(connection)
        sync_from_ledger(ledger, store)
        entries = ledger.entries(seq, queries.synced(connection) - seq)
        steps = [(step_run_id(entry.report, entry.context), _job(entry)) for entry in entries]
        jobs = dict(steps)
        queries.add_candidates(connection, list(jobs))
        untold = [_untold(run, jobs[run]) for run in queries.runs_without_event(connection, list(jobs))]
        disagreeing = [Hole(HoleKind(kind), *told) for kind, told in queries.disagreements(connection)]
        unfinished = [_unfinished(*row) for row in queries.unfinished(connection, now - unfinished_after)]
        queries.remember(connection, {hole.run for hole in disagreeing}, seq + len(steps))
    holes = (*disagreeing, *untold, *unfinished)
    counts = Counter(hole.kind for hole in holes)
    return Reconciliation(_first_of_each_kind(holes), counts, len(steps), time.perf_counter() - started)


def _job(entry: LedgerEntry) -> str:
    return f"{entry.report.pipeline}.{entry.report.step.value}"


def _untold(run: str, job: str) -> Hole:
    detail = "no event tells of this statement; the graph was filled from the ledger"
    return Hole(HoleKind.STATEMENT_WITHOUT_EVENT, run, job, detail, filled=True)


def _unfinished(run: str, job: str, state: str, at: datetime) -> Hole:
    return Hole(HoleKind.UNFINISHED_RUN, run, job, f"{state} at {at.isoformat()}, and nothing since")


def _first_of_each_kind(holes: Iterable[Hole]) -> tuple[Hole, ...]:
    seen: Counter[HoleKind] = Counter()
    told = []
    for hole in holes:
        seen[hole.kind] += 1
        if seen[hole.kind] <= MOST_TOLD:
            told.append(hole)
    return tuple(told)
