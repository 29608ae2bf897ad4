"""Walks of the graph in time order: up, only what happened before counts as an origin; down, only what came after.

So a version that two runs made alike shows, to each run's descendants, only what was known by then.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from assay.json_types import JsonObject
from assay.lineage.database import Connection
from assay.lineage.refs import resolve
from assay.lineage.store import LineageStore

_UP = """
    WITH RECURSIVE walked AS (
        SELECT * FROM assay_lineage.edges
        WHERE to_id = ANY(%(seeds)s) AND at <= coalesce(%(until)s::timestamptz, 'infinity')
        UNION
        SELECT e.* FROM walked w JOIN assay_lineage.edges e ON e.to_id = w.from_id AND e.at <= w.at
        WHERE NOT e.from_id = ANY(%(without)s)
    )
"""
_DOWN = """
    WITH RECURSIVE walked AS (
        SELECT * FROM assay_lineage.edges
        WHERE from_id = ANY(%(seeds)s) AND at <= coalesce(%(until)s::timestamptz, 'infinity')
          AND NOT to_id = ANY(%(without)s)
        UNION
        SELECT e.* FROM walked w JOIN assay_lineage.edges e ON e.from_id = w.to_id AND e.at >= w.at
        WHERE e.at <= coalesce(%(until)s::timestamptz, 'infinity') AND NOT e.to_id = ANY(%(without)s)
    )
"""
_EDGES = """
    SELECT DISTINCT ON (w.at, w.from_id, w.to_id, w.run_id) w.from_id, w.to_id, w.run_id, r.job, w.at, w.signed
    FROM (SELECT DISTINCT ON (from_id, to_id, run_id) * FROM walked
          ORDER BY from_id, to_id, run_id, signed DESC) w
    JOIN assay_lineage.runs r USING (run_id)
    ORDER BY w.at, w.from_id, w.to_id, w.run_id, r.signed DESC
"""
_NODES = """
    SELECT DISTINCT ON (id) id, type, name, digest, at FROM assay_lineage.versions
    WHERE id = ANY(%s) ORDER BY id, signed DESC, at, name
"""


class Direction(str, Enum):
    """UP: where it came from. DOWN: what became of it."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True)
class Node:
    """A version or actor; `at` is when it was first seen."""

    id: str
    type: str
    name: str
    digest: str
    at: datetime

    def to_json(self) -> JsonObject:
        return {"id": self.id, "type": self.type, "name": self.name, "digest": self.digest, "at": self.at.isoformat()}


@dataclass(frozen=True)
class Edge:
    """`origin` led to `result` in `run`. signed: the ledger tells it; otherwise a producer claims it."""

    origin: str
    result: str
    run: str
    job: str
    at: datetime
    signed: bool

    def to_json(self) -> JsonObject:
        return {
            "from": self.origin,
            "to": self.result,
            "run": self.run,
            "job": self.job,
            "at": self.at.isoformat(),
            "signed": self.signed,
        }


@dataclass(frozen=True)
class Walk:
    """All that was reached; `seeds` are the ids the reference stood for, nodes are in time order."""

    seeds: tuple[str, ...]
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    seconds: float

    def to_json(self) -> JsonObject:
        return {
            "nodes": [node.to_json() for node in self.nodes],
            "edges": [edge.to_json() for edge in self.edges],
            "seeds": list(self.seeds),
            "seconds": round(self.seconds, 6),
        }


def walk(store: LineageStore, direction: Direction, reference: str, until: datetime | None = None) -> Walk:
    """Everything before or after what `reference` names, as known at `until` (default: now).

    Raises SpecError when the reference is not understood, unknown or ambiguous.
    """
    started = time.perf_counter()
    with store.database.transaction() as connection:
        seeds = resolve(connection, reference, until)
        edges = edges_between(connection, direction, seeds, until)
        nodes = nodes_of(connection, {*seeds, *(e.origin for e in edges), *(e.result for e in edges)})
    return Walk(seeds, nodes, edges, time.perf_counter() - started)


def edges_between(
    connection: Connection,
    direction: Direction,
    seeds: Sequence[str],
    until: datetime | None,
    without: Sequence[str] = (),
) -> tuple[Edge, ...]:
    """The edges a walk from `seeds` goes along, oldest first, never through the nodes `without`."""
    query = (_UP if direction is Direction.UP else _DOWN) + _EDGES
    values: dict[str, Any] = {"seeds": list(seeds), "until": until, "without": list(without)}
    return tuple(Edge(*row) for row in connection.execute(query, values))


def nodes_of(connection: Connection, ids: set[str]) -> tuple[Node, ...]:
    """The nodes of `ids`, oldest first."""
    nodes = (Node(*row) for row in connection.execute(_NODES, (list(ids),)))
    return tuple(sorted(nodes, key=lambda node: (node.at, node.id)))
