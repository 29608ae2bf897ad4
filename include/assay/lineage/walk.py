"""Walks of the graph in time order: up, only what happened before counts as an origin; down, only what came after.

So a version that two runs made alike shows, to each run's descendants, only what was known by then. A walk
is bounded: the nearest versions are in it, and it says when there are more.
"""

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
_STEPS_PER_NODE = 4  # a version may be met again by another way, and has several edges
# What is near is the end that is known, what is far the other one. Of all ways to a version in a level only the one
# that leaves most open counts (up: the latest, down: the earliest), so that diamonds do not multiply.
# OFFSET 0 has each version's edges looked up by index: joined as a whole, all edges of the graph would be read.
_REACH = """
    WITH RECURSIVE walked (id, bound) AS (
        SELECT unnest(%(seeds)s::text[]), {start}
        UNION
        SELECT * FROM (
            SELECT DISTINCT ON (e.id) e.id, e.at
            FROM walked w CROSS JOIN LATERAL (
                SELECT {far} AS id, at FROM assay_lineage.edges
                WHERE {near} = w.id AND at {within} w.bound
                  AND at <= coalesce(%(until)s::timestamptz, 'infinity') OFFSET 0) e
            WHERE NOT e.id = ANY(%(without)s)
            ORDER BY e.id, e.at {best_first} LIMIT %(most)s) level
    )
    SELECT id, CASE WHEN isfinite(bound) THEN bound END FROM walked LIMIT %(most)s
"""
_EDGES = """
    WITH reached AS (
        SELECT id, coalesce(bound, {start}) AS bound
        FROM unnest(%(ids)s::text[], %(bounds)s::timestamptz[]) AS given (id, bound)
    )
    SELECT e.from_id, e.to_id, e.run_id, run.job, e.at, e.signed
    FROM (SELECT DISTINCT ON (from_id, to_id, run_id) e.*
          FROM reached r CROSS JOIN LATERAL (
              SELECT * FROM assay_lineage.edges
              WHERE {near} = r.id AND at {within} r.bound
                AND at <= coalesce(%(until)s::timestamptz, 'infinity') OFFSET 0) e
          WHERE e.{far} IN (SELECT id FROM reached)
          ORDER BY from_id, to_id, run_id, signed DESC, at LIMIT %(most)s) e
    CROSS JOIN LATERAL (
        SELECT job FROM assay_lineage.runs WHERE run_id = e.run_id ORDER BY signed DESC LIMIT 1) run
    ORDER BY e.at, e.from_id, e.to_id, e.run_id
"""
_NODES = """
    SELECT DISTINCT ON (id) id, type, name, digest, at FROM assay_lineage.versions
    WHERE id = ANY(%s) ORDER BY id, signed DESC, at, name
"""
_UNTIL = "coalesce(%(until)s::timestamptz, 'infinity')"
_UP = {"near": "to_id", "far": "from_id", "within": "<=", "best_first": "DESC", "start": _UNTIL}
_DOWN = {"near": "from_id", "far": "to_id", "within": ">=", "best_first": "ASC", "start": "'-infinity'::timestamptz"}


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
    """Where a walk is free to go. until: as known then (None: now). without: ids it does not enter. limit: nodes."""

    direction: Direction
    until: datetime | None = None
    without: tuple[str, ...] = ()
    limit: int = DEFAULT_LIMIT


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
) -> Walk:
    """Everything before or after what `reference` names, as known at `until` (default: now), at most `limit` nodes.

    Raises SpecError when the reference is not understood, unknown or ambiguous.
    """
    started = time.perf_counter()
    with store.database.transaction() as connection:
        seeds = resolve(connection, reference, until)
        reached = reach(connection, seeds, Way(direction, until, limit=limit))
        nodes = nodes_of(connection, set(reached.ids))
    return Walk(seeds, nodes, reached.edges, time.perf_counter() - started, limit, reached.truncated)


def reach(connection: Connection, seeds: Sequence[str], way: Way) -> Reached:
    """All that `way` leads to from `seeds`, within its limit."""
    most = way.limit * _STEPS_PER_NODE
    values = {"until": way.until, "without": list(way.without), "most": most + 1}
    steps = connection.execute(_query(_REACH, way.direction), {**values, "seeds": list(seeds)}).fetchall()
    bounds = _best_bounds(steps, way.direction)
    ids = tuple(bounds)[: way.limit]
    told = {**values, "ids": list(ids), "bounds": [bounds[id] for id in ids]}
    edges = [Edge(*row) for row in connection.execute(_query(_EDGES, way.direction), told)]
    return Reached(ids, tuple(edges[:most]), len(bounds) > way.limit or max(len(steps), len(edges)) > most)


def nodes_of(connection: Connection, ids: set[str]) -> tuple[Node, ...]:
    """The nodes of `ids`, oldest first."""
    nodes = (Node(*row) for row in connection.execute(_NODES, (list(ids),)))
    return tuple(sorted(nodes, key=lambda node: (node.at, node.id)))


def _query(template: str, direction: Direction) -> bytes:
    return template.format(**(_UP if direction is Direction.UP else _DOWN)).encode()


def _best_bounds(steps: Iterable[tuple[str, datetime | None]], direction: Direction) -> dict[str, datetime | None]:
    """Of each id, in the order met, the bound that leaves most open; None is no bound at all."""
    best: dict[str, datetime | None] = {}
    for id, bound in steps:
        known = best.setdefault(id, bound)
        if known is not None and (bound is None or (bound > known) is (direction is Direction.UP)):
            best[id] = bound
    return best
