"""The timeline as a picture: who served when, and the marks of what happened, in the units of an SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from assay.page.history import Event, Serving
from assay.records import Step, Verdict

WIDTH = 1000.0
_LEAST = timedelta(minutes=1)
_TICKS = 6
_LANES = {
    Step.GATE: "decisions", Step.APPROVE: "decisions", Step.REGISTER: "decisions",
    Step.DEPLOY: "switches", Step.ROLLBACK: "switches", Step.CUT_OUT: "switches",
    Step.WATCH: "windows", Step.QUARANTINE: "quarantine", Step.RELEASE: "quarantine",
}  # fmt: skip
LANES = ("decisions", "switches", "windows", "quarantine")


@dataclass(frozen=True)
class Bar:
    """A stretch of service, from x to x + width."""

    x: float
    width: float
    label: str
    is_live: bool


@dataclass(frozen=True)
class Mark:
    """One event at x in a lane; verdict gives its shape."""

    x: float
    lane: int
    verdict: Verdict
    label: str


@dataclass(frozen=True)
class Band:
    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]
    ticks: tuple[tuple[float, str], ...]


def band(events: Sequence[Event], servings: Sequence[Serving], until: datetime) -> Band:
    """From the oldest event to `until`."""
    begin = min((event.at for event in events), default=until - _LEAST)
    end = max(until, begin + _LEAST)
    scale = _Scale(begin, end)
    return Band(
        bars=tuple(scale.bar(serving) for serving in servings),
        marks=tuple(
            Mark(scale.x(event.at), LANES.index(_LANES[event.step]), event.verdict, event.words) for event in events
        ),
        ticks=scale.ticks(),
    )


@dataclass(frozen=True)
class _Scale:
    begin: datetime
    end: datetime

    def x(self, at: datetime) -> float:
        inside = min(max(at, self.begin), self.end)
        return round(WIDTH * ((inside - self.begin) / (self.end - self.begin)), 1)

    def bar(self, serving: Serving) -> Bar:
        left, right = self.x(serving.since), self.x(serving.until or self.end)
        return Bar(left, max(round(right - left, 1), 2.0), f"version {serving.version}", serving.until is None)

    def ticks(self) -> tuple[tuple[float, str], ...]:
        shown = "%H:%M:%S" if self.end - self.begin < timedelta(days=1) else "%Y-%m-%d"
        step = (self.end - self.begin) / _TICKS
        moments = [self.begin + step * at for at in range(_TICKS + 1)]
        return tuple((self.x(at), at.strftime(shown)) for at in moments)
