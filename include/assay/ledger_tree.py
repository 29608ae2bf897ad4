"""The Merkle tree as PostgreSQL keeps it: any proof takes O(log n) rows, in one query."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from assay.checkpoint import Checkpoint
from assay.errors import IntegrityError
from assay.merkle import Frontier, Leaves, Node, perfect_nodes
from assay.signing import KeyRing

if TYPE_CHECKING:
    import psycopg


def read_nodes(connection: "psycopg.Connection[Any]", wanted: Sequence[Node]) -> dict[Node, bytes]:
    """Roots of perfect subtrees. Raises IntegrityError for one that is not there.

    They are as the database has them: what is made of them counts only where it leads to a signed root.
    """
    found = connection.execute(
        # A subquery, not a join: one index look-up a node, whatever the planner thinks of the table's size.
        "SELECT size, level, (SELECT nodes[level + 1] FROM assay_ledger.checkpoints c WHERE c.size = wanted.size)"
        " FROM unnest(%s::bigint[], %s::int[]) AS wanted (size, level)",
        ([node.end for node in wanted], [node.level for node in wanted]),
    ).fetchall()
    nodes = {Node(size, level): bytes(root) for size, level, root in found if root is not None}
    if missing := set(wanted) - nodes.keys():
        raise IntegrityError(
            f"ledger: expected {len(wanted)} nodes of the tree, {len(missing)} are missing, the first of "
            f"{min(missing).end} entries; checkpoints were removed: run `assay audit verify`"
        )
    return nodes


def read_frontier(connection: "psycopg.Connection[Any]", keys: KeyRing) -> Frontier:
    """The right edge of the whole tree. Raises IntegrityError unless its root was signed for."""
    newest = connection.execute("SELECT size, note FROM assay_ledger.checkpoints ORDER BY size DESC LIMIT 1").fetchone()
    if newest is None:
        return Frontier()
    size, note = newest
    edge = perfect_nodes(Leaves(0, size))
    nodes = read_nodes(connection, edge)
    frontier = Frontier(size, tuple(nodes[node] for node in edge))
    signed = Checkpoint.verified(note, keys)
    if (signed.size, signed.root) != (frontier.size, frontier.root()):
        raise IntegrityError(
            f"ledger: the checkpoint of {signed.size} entries does not match the tree's right edge; "
            "nothing was appended: run `assay audit verify`"
        )
    return frontier
