"""Walks of the graph in time order: up, only what happened before counts as an origin; down, only what came after.

So a version that two runs made alike shows, to each run's descendants, only what was known by then. A walk
is bounded: the nearest versions are in it, and it says when there are more.
"""

import itertools
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from assay.json_types import JsonObject
from assay.lineage.database import Connection
from assay.lineage.refs import resolve
from assay.lineage.store import LineageStore

DEFAULT_LIMIT = 5_000  # nodes of an answer
MOST_NODES = 20_000  # what anyone may ask for: an answer is built in memory
_EDGES_PER_NODE = 4
# What is near is the end that is known, what is far the other one. Of all edges that reach a version in a level only
# the one that leaves most open is gone on from (up: the latest, down: the earliest), so diamonds do not multiply.
# OFFSET 0 has each version's edges looked up by index: joined as a whole, all edges of the graph would be read.
_EDGES = """
    WITH RECURSIVE walked AS (
        SELECT e.*, row_number() OVER (PARTITION BY e.{far}_id, e.is_end ORDER BY e.at {best_first}) AS rank
        FROM unnest(%(seeds)b::text[]) AS seed (id) CROSS JOIN LATERAL (
            SELECT from_id, to_id, run_id, {far}_job AS job, at, signed, {far}_kind = ANY(%(ends)b::text[]) AS is_end
            FROM assay_lineage.edges
            WHERE {near}_id = seed.id AND at <= {until} AND NOT {far}_id = ANY(%(without)b::text[]) OFFSET 0) e
        UNION
        SELECT e.*, row_number() OVER (PARTITION BY e.{far}_id, e.is_end ORDER BY e.at {best_first})
        FROM walked w CROSS JOIN LATERAL (
            SELECT from_id, to_id, run_id, {far}_job AS job, at, signed, {far}_kind = ANY(%(ends)b::text[]) AS is_end
            FROM assay_lineage.edges
            WHERE {near}_id = w.{far}_id AND at {not_past} w.at AND at <= {until}
              AND NOT {far}_id = ANY(%(without)b::text[]) OFFSET 0) e
        WHERE w.rank = 1 AND NOT w.is_end
    )
    SELECT from_id, to_id, run_id, job, at, signed FROM walked LIMIT %(most)s
"""
_UNTIL = "coalesce(%(until)s::timestamptz, 'infinity')"
_UP = {"near": "to", "far": "from", "not_past": "<=", "best_first": "DESC", "until": _UNTIL}
_DOWN = {"near": "from", "far": "to", "not_past": ">=", "best_first": "ASC", "until": _UNTIL}
_NODES = """
    SELECT version.* FROM unnest(%b::text[]) AS wanted (id) CROSS JOIN LATERAL (
        SELECT id, type, name, digest, at FROM assay_lineage.versions
        WHERE id = wanted.id ORDER BY signed DESC, at, name LIMIT 1) version
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
    """What was reached; `seeds` are the ids the reference stood for, nodes are in time order.

    truncated: there is more, and only the nearest are here; ask with a greater limit, or from nearer by.
    """

    seeds: tuple[str, ...]
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    seconds: float
    limit: int
    truncated: bool

    def to_json(self) -> JsonObject:
        return {
            "nodes": [node.to_json() for node in self.nodes],
            "edges": [edge.to_json() for edge in self.edges],
            "seeds": list(self.seeds),
            "seconds": round(self.seconds, 6),
            "limit": self.limit,
            "truncated": self.truncated,
        }


@dataclass(frozen=True)
class Way:
    """Where a walk is free to go. until: as known then (None: now). without: ids it does not enter. limit: nodes.

    ends: first parts of names (`deployment`, `user`) that it enters, but does not go on from.
    """

    direction: Direction
    until: datetime | None = None
    without: tuple[str, ...] = ()
    limit: int = DEFAULT_LIMIT
    ends: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reached:
    """Ids in the order they were met, seeds first, and the edges between them, oldest first."""

    ids: tuple[str, ...]
    edges: tuple[Edge, ...]
    truncated: bool


def walk(
    store: LineageStore,
    direction: Direction,
    reference: str,
    until: datetime | None = None,
    limit: int = DEFAULT_LIMIT,
    ends: tuple[str, ...] = (),
) -> Walk:
    """Everything before or after what `reference` names, along the `Way` that the other arguments describe.

    Raises SpecError when the reference is not understood, unknown or ambiguous.
    """
    started = time.perf_counter()
    with store.database.transaction() as connection:
        seeds = resolve(connection, reference, until)
        reached = reach(connection, seeds, Way(direction, until, limit=limit, ends=ends))
        nodes = nodes_of(connection, set(reached.ids))
    return Walk(seeds, nodes, reached.edges, time.perf_counter() - started, limit, reached.truncated)


def reach(connection: Connection, seeds: Sequence[str], way: Way) -> Reached:
    """All that `way` leads to from `seeds`, within its limit."""
    most = way.limit * _EDGES_PER_NODE
    values = {
        "seeds": list(seeds),
        "until": way.until,
        "without": list(way.without),
        "ends": list(way.ends),
        "most": most + 1,
    }
    query = _EDGES.format(**(_UP if way.direction is Direction.UP else _DOWN)).encode()
    met = [Edge(*row) for row in connection.execute(query, values)]
    ends = ((e.result, e.origin) if way.direction is Direction.UP else (e.origin, e.result) for e in met[:most])
    ids = tuple(dict.fromkeys(itertools.chain(seeds, *ends)))
    kept = frozenset(ids[: way.limit])
    edges = _each_once(edge for edge in met[:most] if edge.origin in kept and edge.result in kept)
    return Reached(ids[: way.limit], edges, len(met) > most or len(ids) > way.limit)


def nodes_of(connection: Connection, ids: set[str]) -> tuple[Node, ...]:
    """The nodes of `ids`, oldest first."""
    nodes = (Node(*row) for row in connection.execute(_NODES, (list(ids),)))
    return tuple(sorted(nodes, key=lambda node: (node.at, node.id)))


def _each_once(edges: Iterable[Edge]) -> tuple[Edge, ...]:
    """Oldest first; of what several witnesses tell of one edge what is signed, then what is earliest."""
    told: dict[tuple[str, str, str], Edge] = {}
    for edge in sorted(edges, key=lambda edge: (not edge.signed, edge.at, edge.job)):
        told.setdefault((edge.origin, edge.result, edge.run), edge)
    return tuple(sorted(told.values(), key=lambda edge: (edge.at, edge.origin, edge.result, edge.run)))
