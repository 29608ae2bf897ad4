"""How far a row, a source or a version reached: every version, model, deployment and span of service it touched.

Ways follow what things are made of. They end at deployments (what a model answered is made by its callers) and do
not lead through people or events (who set a run off is no ingredient).
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from assay.json_types import JsonObject
from assay.lineage.database import Connection
from assay.lineage.question import ask
from assay.lineage.spans import Span, spans_of, versions_of
from assay.lineage.store import LineageStore
from assay.lineage.walk import MOST_NODES, Direction, Edge, Node, Walk
from assay.quarantine.declaration import Declaration
from assay.quarantine.marks import Mark, marks_of
from assay.settings import Settings

_ENDS = ("deployment", "actor")
_ENDING_NAMES = ("deployment", "user", "drift", "schedule")  # of those: what a walk need not go through
_MEASURING = ("export", "watch")  # steps that hold a dataset against what they make
_FROZEN = (".holdout", ".recent")  # what a split keeps out of the training rows that it makes


class Reach(str, Enum):
    """INGREDIENT: it is part of what the thing is made of: a model has learned from it.

    MEASURED: it was held against the thing, as a holdout is; nothing was learned from it.
    """

    INGREDIENT = "ingredient"
    MEASURED = "measured"


@dataclass(frozen=True)
class Touched:
    """A version, and how it was reached."""

    node: Node
    reach: Reach

    def to_json(self) -> JsonObject:
        return {**self.node.to_json(), "reach": self.reach.value}


@dataclass(frozen=True)
class ExposedModel:
    """A model that was reached, the versions it was registered under, and when which deployment answered with it."""

    touched: Touched
    versions: tuple[str, ...]
    served: tuple[Span, ...]

    @property
    def is_live(self) -> bool:
        return any(span.is_live for span in self.served)

    def to_json(self) -> JsonObject:
        return {
            **self.touched.to_json(),
            "versions": list(self.versions),
            "served": [span.to_json() for span in self.served],
            "live": self.is_live,
        }


@dataclass(frozen=True)
class Exposure:
    """at: the time as of which it is told; None: now. versions: datasets, sources and others, oldest first.

    truncated: it reached more than one answer holds, and only what is nearest is told.
    marks: by node id, what of it is in quarantine now.
    """

    reference: str
    at: datetime | None
    versions: tuple[Touched, ...]
    models: tuple[ExposedModel, ...]
    truncated: bool
    seconds: float
    marks: Mapping[str, Mark]

    @property
    def is_live(self) -> bool:
        """Whether a model that learned from it serves."""
        return any(model.is_live and model.touched.reach is Reach.INGREDIENT for model in self.models)

    def to_json(self) -> JsonObject:
        return {
            "ref": self.reference,
            "at": self.at.isoformat() if self.at else None,
            "live": self.is_live,
            "versions": [version.to_json() for version in self.versions],
            "models": [model.to_json() for model in self.models],
            "truncated": self.truncated,
            "quarantine": [mark.to_json() for mark in self.marks.values()],
            "seconds": round(self.seconds, 6),
        }


def exposure(
    lineage: LineageStore,
    settings: Settings,
    reference: str,
    at: datetime | None,
    declared: Iterable[Declaration],
) -> Exposure:
    """reference: row/DATASET/ROW_ID, source/URI, a digest, or any other name of a version. at: as known then.

    declared: what is in quarantine, which counts now and not as of then.

    Raises SpecError when the reference is not understood, unknown or ambiguous, IntegrityError for a changed shard.
    """
    started = time.perf_counter()
    walk = ask(lineage, settings, Direction.DOWN, reference, at, MOST_NODES, _ENDING_NAMES)
    touched = _touched(walk)
    models = [one for one in touched if one.node.type == "model"]
    with lineage.database.transaction() as connection:
        exposed = _exposed(connection, models, at)
    versions = tuple(one for one in touched if one.node.type not in ("row", "model", *_ENDS))
    marks = marks_of(walk.nodes, walk.edges, declared)
    shown = {id: mark for id, mark in marks.items() if id in {one.node.id for one in touched}}
    return Exposure(reference, at, versions, exposed, walk.truncated, time.perf_counter() - started, shown)


def _exposed(connection: Connection, models: Iterable[Touched], at: datetime | None) -> tuple[ExposedModel, ...]:
    digests = {one.node.id: one for one in models}
    names = {one.node.name for one in digests.values()}
    pipelines = {name.removeprefix("model/") for name in names}
    spans = spans_of(connection, pipelines, digests, at)
    versions = versions_of(connection, names, digests, at)
    return tuple(
        ExposedModel(one, tuple(versions.get(id_, ())), tuple(span for span in spans if span.model == id_))
        for id_, one in digests.items()
    )


def _touched(walk: Walk) -> tuple[Touched, ...]:
    """What the walk reached by ways of ingredients, oldest first."""
    nodes = {node.id: node for node in walk.nodes}
    found = dict.fromkeys(walk.seeds, Reach.INGREDIENT)
    # Edges come oldest first, but those of one moment in any order: go over them until nothing is added.
    edges = [edge for edge in walk.edges if edge.origin in walk.seeds or nodes[edge.origin].type not in _ENDS]
    while sum(_go_along(edge, nodes, found) for edge in edges):
        pass
    return tuple(Touched(node, found[node.id]) for node in walk.nodes if node.id in found)


def _go_along(edge: Edge, nodes: Mapping[str, Node], found: dict[str, Reach]) -> bool:
    """Whether that told something new of the edge's result."""
    if edge.origin not in found:
        return False
    reach = Reach.MEASURED if _measures(edge, nodes) else found[edge.origin]
    known = found.get(edge.result)
    if known in (Reach.INGREDIENT, reach):
        return False
    found[edge.result] = reach
    return True


def _measures(edge: Edge, nodes: Mapping[str, Node]) -> bool:
    """Whether the step held the data against what it made, instead of making it of them."""
    origin, step = nodes[edge.origin], edge.job.rpartition(".")[2]
    if origin.type != "dataset":
        return False
    kept_out = origin.name.endswith(_FROZEN) and nodes[edge.result].name.endswith(".train")
    return step in _MEASURING or (step == "split" and kept_out)
