"""Which nodes of a graph are declared bad, and which were made of them; what serves although it is."""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from assay.json_types import JsonObject
from assay.lineage.served import Served
from assay.lineage.walk import Edge, Node
from assay.quarantine.declaration import Declaration, Kind


@dataclass(frozen=True)
class Mark:
    """What speaks against a node. is_itself: it was declared bad; otherwise it was made of what was."""

    id: str
    declaration: Declaration
    is_itself: bool

    @property
    def words(self) -> str:
        """For people: since when, what, by whom and why."""
        standing = "in quarantine" if self.is_itself else "made of what is in quarantine"
        return f"{standing}: {self.declaration.words}, since {self.declaration.at:%F %T%z}"

    def to_json(self) -> JsonObject:
        return {"id": self.id, "is_itself": self.is_itself, **self.declaration.brief()}


def marks_of(nodes: Iterable[Node], edges: Iterable[Edge], declared: Iterable[Declaration]) -> dict[str, Mark]:
    """Node id -> what speaks against it. What was made of a bad node inside the graph is marked too."""
    told, declared = {node.id: node for node in nodes}, tuple(declared)
    bad = {node.id: one for node in told.values() for one in declared if _is_meant(node, one)}
    made = {node.id: one for node in told.values() for one in declared if node.digest in one.marked}
    made |= _made_of(bad, told, edges)
    return {
        **{id: Mark(id, one, is_itself=False) for id, one in made.items()},
        **{id: Mark(id, one, is_itself=True) for id, one in bad.items()},
    }


def speaking_against(serving: Served, declared: Iterable[Declaration]) -> tuple[Declaration, ...]:
    """The declarations that mean what serves, or something that it was made of."""
    return tuple(one for one in declared if one.means(serving.model, serving.deployment))


def standing_json(serving: Served, declared: Iterable[Declaration]) -> JsonObject:
    """What serves, and whether it is in quarantine now."""
    return {**serving.to_json(), "quarantine": [one.brief() for one in speaking_against(serving, declared)]}


def _is_meant(node: Node, declaration: Declaration) -> bool:
    bad = declaration.bad
    if bad.kind is Kind.ROWS:
        return node.type == "row" and _is_row_of(node.name, bad.name, bad.rows)
    return node.digest in bad.digests or (bad.kind is Kind.SOURCE and node.name == bad.name)


def _is_row_of(reference: str, dataset: str, rows: frozenset[str]) -> bool:
    """reference: row/DATASET/ROW_ID, of the dataset as collected or of a part of it."""
    _, named, row = reference.split("/", 2)
    return row in rows and (named == dataset or named.startswith(f"{dataset}."))


def _made_of(
    bad: Mapping[str, Declaration], nodes: Mapping[str, Node], edges: Iterable[Edge]
) -> dict[str, Declaration]:
    """Who set a run off is no ingredient: the way does not lead through people and events."""
    after: dict[str, list[str]] = defaultdict(list)
    for edge in edges:
        if edge.result in nodes and nodes[edge.result].type != "actor":
            after[edge.origin].append(edge.result)
    reached = dict(bad)
    queue = deque(bad)
    while queue:
        origin = queue.popleft()
        for id in after[origin]:
            if id not in reached:
                reached[id] = reached[origin]
                queue.append(id)
    return reached
