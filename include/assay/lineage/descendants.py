"""All that was made of some versions, bytes for bytes: whatever time and whichever run, and never through people.

A walk (`assay.lineage.walk`) tells a story in time order and is bounded; this tells all, for marking what is bad.
Who set a run off is no ingredient of it, so the way does not lead through actors.
"""

from collections.abc import Collection

from assay.lineage.database import Connection
from assay.lineage.walk import Node, nodes_of

_DESCENDANTS = """
    WITH RECURSIVE reached (id) AS (
        SELECT unnest(%(seeds)s::text[])
        UNION
        SELECT e.to_id FROM reached r JOIN assay_lineage.edges e ON e.from_id = r.id
        WHERE e.to_id !~ '^(user|drift|schedule)/' AND NOT e.to_id = ANY(%(without)s)
    )
    SELECT id FROM reached
"""


def descendants(connection: Connection, seeds: Collection[str], without: Collection[str] = ()) -> tuple[Node, ...]:
    """The seeds and everything below them, oldest first. without: ids at which a way ends, such as cleaned versions."""
    found = connection.execute(_DESCENDANTS, {"seeds": list(seeds), "without": list(without)}).fetchall()
    return nodes_of(connection, {row[0] for row in found})
