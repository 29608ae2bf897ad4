"""A walk as an indented tree: each version once, its digest short, the step that leads to it before it."""

from collections import defaultdict
from collections.abc import Iterator

import click

from assay.lineage.walk import Direction, Edge, Node, Walk

_COLOURS = {"dataset": "cyan", "model": "green", "deployment": "magenta", "source": "blue", "actor": "yellow"}


def tree_lines(walk: Walk, direction: Direction) -> Iterator[str]:
    """One line a version, from the walk's start; a version met again is named but not opened again."""
    nodes = {node.id: node for node in walk.nodes}
    branches = _branches(walk, direction)
    opened: set[str] = set()
    # Depth first by hand: years of retraining make chains longer than Python's stack.
    stack = [("", "", seed, "") for seed in reversed(walk.seeds)]
    while stack:
        lead, fork, node_id, step = stack.pop()
        again = node_id in opened
        children = [] if again else branches[node_id]
        yield f"{lead}{fork}{_line(nodes[node_id], step, again=again and bool(branches[node_id]))}"
        opened.add(node_id)
        deeper = lead + {"├─ ": "│  ", "└─ ": "   ", "": ""}[fork]
        for position, (child, via) in enumerate(reversed(children)):
            stack.append((deeper, "└─ " if position == 0 else "├─ ", child, via))


def _branches(walk: Walk, direction: Direction) -> dict[str, list[tuple[str, str]]]:
    """For each version its neighbours, oldest first, each once with all steps between."""
    steps: dict[str, dict[str, dict[str, None]]] = defaultdict(lambda: defaultdict(dict))
    for edge in walk.edges:
        here, there = (edge.result, edge.origin) if direction is Direction.UP else (edge.origin, edge.result)
        steps[here][there][_step(edge)] = None
    branches = {here: [(there, ", ".join(via)) for there, via in found.items()] for here, found in steps.items()}
    return defaultdict(list, branches)


def _step(edge: Edge) -> str:
    return edge.job.rpartition(".")[2] + ("" if edge.signed else " (claimed)")


def _line(node: Node, step: str, *, again: bool) -> str:
    label = node.name.replace(node.digest, node.digest[:12]) if node.digest else node.name
    name = click.style(label, fg=_COLOURS.get(node.type, "white"), bold=True)
    digest = f" {node.digest[:12]}" if node.digest and node.type != "actor" else ""
    via = click.style(f"{step}: ", dim=True) if step else ""
    return f"{via}{name}{click.style(digest, dim=True)}{' (above)' if again else ''}"
