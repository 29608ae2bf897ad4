"""A walk as the browser draws it and as a table tells it: the same nodes and edges, nothing more."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from assay.json_types import JsonObject
from assay.lineage.walk import Edge, Node, Walk
from assay.page.reader import Reader, pipeline_of

_MADE_BY = {"collect": "raw", "export": "model", "train": "candidate", "watch": "window", "screen": "admitted"}
_PART = re.compile(r"^dataset/[^.]+\.(\w+)$")
HIDDEN = "of a pipeline you may not read"


@dataclass(frozen=True)
class DrawnNode:
    """stage: what it is in the loop, such as `raw` or `candidate`. bad: what speaks against it, or "".

    is_hidden: it belongs to a pipeline that the reader may not see; then it has no name and no digest.
    """

    id: str
    type: str
    stage: str
    name: str
    digest: str
    at: str
    bad: str = ""
    is_seed: bool = False
    is_hidden: bool = False

    @property
    def label(self) -> str:
        """Short enough to stand below a node: the end of a source's address; any other name with 8 digits."""
        if self.type == "source":
            return self.name.rstrip("/").rpartition("/")[2]
        if self.stage == "drift":
            return self.digest[:8]
        return f"{self.name.partition('/')[2] or self.name} {self.digest[:8]}".strip()


@dataclass(frozen=True)
class DrawnEdge:
    """signed: whether the ledger tells it; otherwise a producer claims it. job: "" where it is hidden."""

    origin: str
    result: str
    job: str
    signed: bool


@dataclass(frozen=True)
class Drawing:
    """is_truncated: there is more than `limit` let through."""

    nodes: tuple[DrawnNode, ...] = ()
    edges: tuple[DrawnEdge, ...] = ()
    is_truncated: bool = False
    names: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> JsonObject:
        return {
            "nodes": [
                {"id": n.id, "type": n.type, "stage": n.stage, "label": n.label, "bad": n.bad, "seed": n.is_seed,
                 "hidden": n.is_hidden} for n in self.nodes
            ],
            "edges": [
                {"from": e.origin, "to": e.result, "job": e.job, "signed": e.signed} for e in self.edges
            ],
        }  # fmt: skip


def draw(walks: Iterable[Walk], reader: Reader, bad: Mapping[str, str]) -> Drawing:
    """All that the walks reached, each once. bad: node id -> what speaks against it."""
    told = tuple(walks)
    nodes = {node.id: node for walk in told for node in walk.nodes}
    edges = {(e.origin, e.result, e.run): e for walk in told for e in walk.edges}
    readable = reader.readable_of(pipeline_of(node.name) for node in nodes.values())
    hidden = {id for id, node in nodes.items() if pipeline_of(node.name) not in readable}
    made_by = {edge.result: edge.job.rpartition(".")[2] for edge in edges.values() if edge.signed}
    seeds = {id for walk in told for id in walk.seeds}
    alias = {id: f"hidden-{at}" for at, id in enumerate(sorted(hidden))}
    drawn = tuple(
        _hidden(node, alias[node.id]) if node.id in hidden else
        _shown(node, made_by.get(node.id, ""), bad.get(node.id, ""), node.id in seeds)
        for node in nodes.values()
    )  # fmt: skip
    return Drawing(
        nodes=drawn,
        edges=_edges(edges.values(), nodes, hidden, alias),
        is_truncated=any(walk.truncated for walk in told),
        names={node.id: node.label for node in drawn},
    )


def _edges(
    edges: Iterable[Edge], nodes: Mapping[str, Node], hidden: set[str], alias: Mapping[str, str]
) -> tuple[DrawnEdge, ...]:
    """Between nodes that are drawn; several runs of the same job between two versions are one line."""
    drawn: dict[tuple[str, str, str], DrawnEdge] = {}
    for edge in edges:
        if edge.origin not in nodes or edge.result not in nodes:
            continue
        job = "" if hidden & {edge.origin, edge.result} else edge.job
        origin, result = alias.get(edge.origin, edge.origin), alias.get(edge.result, edge.result)
        before = drawn.get((origin, result, job))
        signed = edge.signed or (before is not None and before.signed)
        drawn[origin, result, job] = DrawnEdge(origin, result, job, signed)
    return tuple(drawn.values())


def _shown(node: Node, made_by: str, bad: str, is_seed: bool) -> DrawnNode:
    return DrawnNode(
        node.id, node.type, _stage(node, made_by), node.name, node.digest, node.at.isoformat(), bad, is_seed
    )


def _hidden(node: Node, alias: str) -> DrawnNode:
    return DrawnNode(alias, node.type, node.type, HIDDEN, "", "", is_hidden=True)


def _stage(node: Node, made_by: str) -> str:
    part = _PART.match(node.name)
    if part:
        return part[1]
    if node.type in ("dataset", "model"):
        return _MADE_BY.get(made_by, node.type)
    return node.name.partition("/")[0] if node.type == "actor" else node.type
