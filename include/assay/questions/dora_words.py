"""The four figures of delivery in words, alike wherever they are read."""

from dataclasses import dataclass
from datetime import timedelta

from assay.questions.dora import NO_CHANGE, Dora
from assay.questions.durations import Durations, percentile


@dataclass(frozen=True)
class Figure:
    """asks: what it tells, in plain words. entries: of the ledger, oldest first, which say so."""

    name: str
    asks: str
    answer: str
    entries: tuple[int, ...]


def figures(found: Dora) -> tuple[Figure, ...]:
    """Lead time, frequency, failure rate, time to restore."""
    return (
        Figure(
            "lead time for changes", "how long from the commit, or the run's beginning, until the model serves",
            _durations(found.lead_time), found.deployed,
        ),
        Figure("deployment frequency", "how often another model goes into service", _frequency(found), found.deployed),
        Figure(
            "change failure rate", "how many of them were rolled back, cut out or drifted", _failures(found),
            found.failing,
        ),
        Figure(
            "time to restore", "how long until another model served instead of a failed one",
            _durations(found.time_to_restore), found.failing,
        ),
    )  # fmt: skip


def _frequency(found: Dora) -> str:
    if found.per_day is not None:
        return f"{found.per_day:.3g} a day, {_changes(found)}"
    return f"{_changes(found)} in {_time(found.window)}" if found.changes and found.window is not None else NO_CHANGE


def _failures(found: Dora) -> str:
    if found.failure_rate is None:
        return NO_CHANGE
    causes = ", ".join(f"{name} {count}" for name, count in found.by_cause.items() if count)
    return f"{found.failure_rate:.0%}, {found.failed} of {_changes(found)}{f' ({causes})' if causes else ''}"


def _changes(found: Dora) -> str:
    return f"{found.changes} change{'' if found.changes == 1 else 's'}"


def _durations(durations: Durations) -> str:
    half, most = (percentile(durations.measured, share) for share in (0.5, 0.9))
    aside = [f"{durations.open} still open"] * bool(durations.open)
    aside += [f"{durations.unmeasured} without a known beginning"] * bool(durations.unmeasured)
    more = f"; {', '.join(aside)}" if aside else ""
    if half is None or most is None:
        return durations.why + more
    return f"half within {_time(half)}, 90 % within {_time(most)} ({len(durations.measured)} measured){more}"


def _time(duration: timedelta) -> str:
    return str(timedelta(seconds=round(duration.total_seconds())))
