"""Events as they arrive, one or many: what conforms is kept once, what does not is named with its reason.

The answer to a batch is the one of OpenLineage's API (OpenLineage.yml, POST /lineage/batch), with `new` added.
"""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from assay.errors import EngineUnavailable, SpecError
from assay.json_types import Json, JsonObject
from assay.lineage.openlineage import canonical_event, conforming, event_time, parse_event, read_event
from assay.lineage.store import LineageStore, ReceivedEvent
from assay.lineage.strict_json import parse_array

MOST_EVENTS = 10_000
_EVENTS_A_TRANSACTION = 500
_Indexed = tuple[int, ReceivedEvent]


@dataclass(frozen=True)
class FailedEvent:
    """The event at `index` of a batch (from 0) was not kept. retriable: sent again as it is, it may be."""

    index: int
    reason: str
    retriable: bool

    def to_json(self) -> JsonObject:
        return {"index": self.index, "reason": self.reason, "retriable": self.retriable}


@dataclass(frozen=True)
class BatchKept:
    """What became of a batch: `new` of the `received` events were not there before; `failed` were not kept."""

    received: int
    new: int
    failed: tuple[FailedEvent, ...]

    def to_json(self) -> JsonObject:
        retriable = sum(one.retriable for one in self.failed)
        return {
            "status": "partial_success" if self.failed else "success",
            "summary": {
                "received": self.received,
                "successful": self.received - len(self.failed),
                "failed": len(self.failed),
                "retriable": retriable,
                "non_retriable": len(self.failed) - retriable,
                "new": self.new,
            },
            "failed_events": [one.to_json() for one in self.failed],
        }


def keep_event(store: LineageStore, body: bytes) -> bool:
    """Whether the event was new. Raises SpecError with the place and the reason when it does not conform."""
    (new,) = store.add_events([_received(parse_event(body))])
    return new


def keep_batch(store: LineageStore, body: bytes, *, in_lines: bool) -> BatchKept:
    """Keep all that conforms of a JSON array, or of JSON lines.

    Raises SpecError, with nothing kept, for an array that is no JSON or more than 10,000 events, and
    EngineUnavailable when PostgreSQL is away from the start.
    """
    received, failed = _read(io.BytesIO(body) if in_lines else parse_array(body))
    count = len(received) + len(failed)
    new, unreachable = _keep(store, received)
    return BatchKept(count, new, tuple(sorted((*failed, *unreachable), key=lambda one: one.index)))


def _read(told: Iterable[Json | bytes]) -> tuple[list[_Indexed], list[FailedEvent]]:
    """What conforms, and why the rest does not; blank lines are nothing."""
    received: list[_Indexed] = []
    failed: list[FailedEvent] = []
    for index, one in enumerate(one for one in told if not isinstance(one, bytes) or one.strip()):
        if index == MOST_EVENTS:
            raise SpecError(f"lineage batch: expected at most {MOST_EVENTS} events, found more; send less at a time")
        try:
            event = parse_event(one) if isinstance(one, bytes) else conforming(one)
            received.append((index, _received(event)))
        except SpecError as error:
            failed.append(FailedEvent(index, str(error), retriable=False))
    return received, failed


def _keep(store: LineageStore, received: Sequence[_Indexed]) -> tuple[int, list[FailedEvent]]:
    """How many were new, and those that PostgreSQL could no longer take."""
    new = 0
    for start in range(0, len(received), _EVENTS_A_TRANSACTION):
        try:
            new += sum(store.add_events([event for _, event in received[start : start + _EVENTS_A_TRANSACTION]]))
        except EngineUnavailable as error:
            if start == 0:
                raise
            return new, [FailedEvent(index, str(error), retriable=True) for index, _ in received[start:]]
    return new, []


def _received(event: JsonObject) -> ReceivedEvent:
    return ReceivedEvent(canonical_event(event), event_time(event), read_event(event))
