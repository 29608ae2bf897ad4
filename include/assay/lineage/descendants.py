"""All that was made of some versions, bytes for bytes: whatever time and whichever run, and never through people.

A walk (`assay.lineage.walk`) tells a story in time order and is bounded; this tells all, for marking what is bad.
Who set a run off is no ingredient of it, so the way does not lead through actors.
"""

from collections.abc import Collection

from assay.lineage.database import Connection
from assay.lineage.walk import Node, nodes_of

# OFFSET 0 has each version's edges looked up by index, as in a walk.
_DESCENDANTS = """
    WITH RECURSIVE reached (id) AS (
        SELECT unnest(%(seeds)s::text[])
        UNION
        SELECT e.to_id FROM reached r CROSS JOIN LATERAL (
            SELECT to_id FROM assay_lineage.edges
            WHERE from_id = r.id AND NOT to_kind = ANY('{user,drift,schedule}')
              AND NOT to_id = ANY(%(without)s::text[]) OFFSET 0) e
    )
    SELECT id FROM reached
"""


def descendants(connection: Connection, seeds: Collection[str], without: Collection[str] = ()) -> tuple[Node, ...]:
    """The seeds and everything below them, oldest first. without: ids at which a way ends, such as cleaned versions."""
    found = connection.execute(_DESCENDANTS, {"seeds": list(seeds), "without": list(without)}).fetchall()
    return nodes_of(connection, {row[0] for row in found})
