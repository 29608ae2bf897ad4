"""A made-up company's lineage, day after day, as OpenLineage events: the same for the same day, whoever asks.

A day: sources fill hubs; from each hub lead chains of 30 datasets that also read from one another (diamonds);
models learn from the chains, one dataset feeds hundreds of them; some models are deployed, what they answered
is kept in windows. One calendar is read by every tenth run of all days; one hub's chains read the windows of
the day before, so their past reaches back to the first day. Every fifth run tells of its start too.
"""

import hashlib
import itertools
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

HUBS, CHAINS, DEPTH, MODELS, DEPLOYMENTS = 19, 326, 30, 5_000, 200
DATASETS = HUBS + CHAINS * DEPTH + DEPLOYMENTS + 1  # 10,000: hubs, chains, windows and the calendar
FIRST_DAY = datetime(2025, 1, 1, tzinfo=UTC)
POPULAR = (0, DEPTH - 1)  # chain and level of the dataset that every tenth model learns from
_SPACING = timedelta(seconds=4)
_SCHEMA = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACET = "https://openlineage.io/spec/facets/1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet"
_PRODUCER = "https://example.org/bench"

Ref = tuple[str, int]  # a name, and the day of its version


@dataclass(frozen=True)
class Run:
    """One run: what it read, the one thing it made."""

    day: int
    inputs: tuple[Ref, ...]
    output: Ref


def events() -> Iterator[bytes]:
    """Events without end, oldest first, one JSON document each."""
    for day in itertools.count():
        at = FIRST_DAY + timedelta(days=day)
        for run in runs_of(day):
            if tells_of_its_start(run):
                yield _event(run, "START", at)
                at += _SPACING
            yield _event(run, "COMPLETE", at)
            at += _SPACING


def runs_of(day: int) -> Iterator[Run]:
    """The day's runs, each after those whose product it reads."""
    for hub in range(HUBS):
        yield Run(day, ((source_name(hub), day),), (hub_name(hub), day))
    for level in range(DEPTH):
        for chain in range(CHAINS):
            yield Run(day, _inputs(chain, level, day), (chain_name(chain, level), day))
    for model in range(MODELS):
        chain, level = POPULAR if model % 10 == 0 else (model % CHAINS, DEPTH - 1 - model % 5)
        yield Run(day, ((chain_name(chain, level), day),), (f"model/m{model:04}", day))
    for number in range(DEPLOYMENTS):
        live = (f"deployment/{pipeline_of(number)}", day)
        yield Run(day, ((f"model/{pipeline_of(number)}", day),), live)
        yield Run(day, (live,), (f"dataset/window{number:03}", day))


def days_of(events_count: int) -> int:
    """How many whole days the first `events_count` events tell of."""
    told = sum(1 + tells_of_its_start(run) for run in runs_of(0))  # the same every day
    return events_count // told


def tells_of_its_start(run: Run) -> bool:
    return _share(run.output[0], 5)


def source_name(hub: int) -> str:
    return f"source/https://example.org/{hub}"


def hub_name(hub: int) -> str:
    return f"dataset/hub{hub:02}"


def chain_name(chain: int, level: int) -> str:
    return f"dataset/chain{chain:03}.{level:02}"


def pipeline_of(deployment: int) -> str:
    """The pipeline whose model is deployed, under its own name."""
    return f"m{deployment * (MODELS // DEPLOYMENTS):04}"


def digest(ref: Ref) -> str:
    """The SHA-256 of a version."""
    return hashlib.sha256(f"{ref[0]} {ref[1]}".encode()).hexdigest()


def _inputs(chain: int, level: int, day: int) -> tuple[Ref, ...]:
    own, hub = chain_name(chain, level), chain % HUBS
    inputs: list[Ref] = [(chain_name(chain, level - 1), day) if level else (hub_name(hub), day)]
    neighbour = chain + HUBS  # the next chain of the same hub
    if level and neighbour < CHAINS and _share(own, 3):
        inputs.append((chain_name(neighbour, level - 1), day))
    if _share(own, 10):
        inputs.append(("dataset/calendar", 0))
    if not level and hub == HUBS - 1 and day:
        inputs.append((f"dataset/window{chain % DEPLOYMENTS:03}", day - 1))
    return tuple(inputs)


def _share(name: str, one_in: int) -> bool:
    """Whether `name` is one of the `one_in`th part that is chosen; each part by its own draw."""
    return int.from_bytes(hashlib.sha256(f"{one_in} {name}".encode()).digest()[:4]) % one_in == 0


def _event(run: Run, state: str, at: datetime) -> bytes:
    run_id = uuid.UUID(digest((f"run of {run.output[0]}", run.day))[:32])
    event = {
        "eventTime": at.isoformat(),
        "eventType": state,
        "producer": _PRODUCER,
        "schemaURL": _SCHEMA,
        "run": {"runId": str(run_id), "facets": {}},
        "job": {"namespace": "assay", "name": f"make {run.output[0]}", "facets": {}},
        "inputs": [_dataset(ref) for ref in run.inputs],
        "outputs": [_dataset(run.output)] if state == "COMPLETE" else [],
    }
    return json.dumps(event, sort_keys=True, separators=(",", ":")).encode()


def _dataset(ref: Ref) -> dict[str, object]:
    facet = {"_producer": _PRODUCER, "_schemaURL": _FACET, "datasetVersion": digest(ref)}
    return {"namespace": "assay", "name": ref[0], "facets": {"version": facet}}
