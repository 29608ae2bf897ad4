"""Durations summed up without pretending: nearest-rank percentiles, and how many could not be measured."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from assay.json_types import Json, JsonObject


@dataclass(frozen=True)
class Durations:
    """measured: oldest first. unmeasured: how many have no known beginning. open: how many have no end yet.

    why: why nothing can be told, "" where something can.
    """

    measured: tuple[timedelta, ...]
    unmeasured: int
    open: int
    why: str

    def to_json(self) -> JsonObject:
        """Seconds; None where nothing was measured."""
        return {
            "measured": len(self.measured),
            "unmeasured": self.unmeasured,
            "open": self.open,
            "p50_seconds": self._seconds(0.5),
            "p90_seconds": self._seconds(0.9),
            "max_seconds": self._seconds(1.0),
            "why": self.why,
        }

    def _seconds(self, share: float) -> Json:
        found = percentile(self.measured, share)
        return round(found.total_seconds(), 3) if found is not None else None


def percentile(durations: Sequence[timedelta], share: float) -> timedelta | None:
    """The smallest that at least `share` of all do not exceed (nearest rank); None of nothing. share: in (0, 1]."""
    if not durations:
        return None
    return sorted(durations)[math.ceil(share * len(durations)) - 1]
