"""The versions of a dataset that the ledger tells of: the one collected, and those that steps made of it."""

from datetime import datetime

from assay.errors import SpecError
from assay.lineage.database import Connection
from assay.lineage.walk import Node

_VERSIONS = """
    SELECT DISTINCT ON (id) id, name, at FROM assay_lineage.versions
    WHERE signed AND type = 'dataset'
      AND (name = %(name)s OR name ~>=~ (%(name)s || '.') AND name ~<~ (%(name)s || '/'))  -- all that begin with NAME.
      AND at <= coalesce(%(until)s::timestamptz, 'infinity')
    ORDER BY id, at
"""


def versions_of(connection: Connection, dataset: str, until: datetime | None = None) -> list[Node]:
    """NAME and NAME.admitted, NAME.train and so on, as known at `until`. Raises SpecError when there are none."""
    rows = connection.execute(_VERSIONS, {"name": f"dataset/{dataset}", "until": until}).fetchall()
    if not rows:
        raise SpecError(f"dataset/{dataset}: expected a known dataset, found none; check the name")
    return [Node(id=row[0], type="dataset", name=row[1], digest=row[0], at=row[2]) for row in rows]
