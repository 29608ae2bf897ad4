"""Which nodes of a graph are declared bad, and which were made of them: in words, for marks beside the colour."""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping

from assay.lineage.walk import Edge, Node
from assay.quarantine.declaration import Declaration, Kind


def bad_nodes(nodes: Iterable[Node], edges: Iterable[Edge], declared: Mapping[str, Declaration]) -> dict[str, str]:
    """Node id -> what speaks against it. What was made of a bad node inside the graph is marked too."""
    told = {node.id: node for node in nodes}
    bad = {node.id: one for node in told.values() for one in declared.values() if _is_meant(node, one)}
    made = {node.id: one for node in told.values() for one in declared.values() if node.digest in one.marked}
    made |= _made_of(bad, told, edges)
    return {
        **{id: f"made of what is in quarantine: {one.words}" for id, one in made.items()},
        **{id: f"in quarantine: {one.words}" for id, one in bad.items()},
    }


def _is_meant(node: Node, declaration: Declaration) -> bool:
    bad = declaration.bad
    return node.digest in bad.digests or (bad.kind is Kind.SOURCE and node.name == bad.name)


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
