"""What served when: each switch holds until the next one, and says who had approved its model by then."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from assay.json_types import JsonObject
from assay.lineage.database import Connection
from assay.lineage.store import LineageStore

# From name to name by the index, over all switches of each.
_NAMES = """
    WITH RECURSIVE names (name) AS (
        SELECT min(name) FROM assay_lineage.servings
        UNION ALL
        SELECT (SELECT min(name) FROM assay_lineage.servings WHERE name > n.name) FROM names n WHERE n.name IS NOT NULL
    )
    SELECT name FROM names WHERE name IS NOT NULL
"""
# Of each name the last switch by then and the first one after.
_SERVED = """
    SELECT s.name, s.version, s.model, s.deployment, s.step, s.run_id, s.at, after.at,
           coalesce((SELECT array_agg(DISTINCT a.by ORDER BY a.by) FROM assay_lineage.approvals a
                     WHERE a.model = s.model AND a.at <= s.at), '{}')
    FROM unnest(%(names)s::text[]) AS asked (name)
    CROSS JOIN LATERAL (
        SELECT * FROM assay_lineage.servings WHERE name = asked.name AND at <= coalesce(%(at)s::timestamptz, now())
        ORDER BY at DESC, seq DESC LIMIT 1) s
    LEFT JOIN LATERAL (
        SELECT at FROM assay_lineage.servings WHERE name = asked.name AND at > coalesce(%(at)s::timestamptz, now())
        ORDER BY at, seq LIMIT 1) after ON true
    WHERE s.step <> 'cut_out'
    ORDER BY s.name
"""


@dataclass(frozen=True)
class Served:
    """`version` of `name` from `since` to `until` (None: still); approved_by: people, and `gate` for the policy."""

    name: str
    version: str
    model: str
    deployment: str
    step: str
    run: str
    since: datetime
    until: datetime | None
    approved_by: Sequence[str]

    def to_json(self) -> JsonObject:
        return {
            "name": self.name,
            "version": self.version,
            "model": self.model,
            "deployment": self.deployment,
            "step": self.step,
            "run": self.run,
            "since": self.since.isoformat(),
            "until": self.until.isoformat() if self.until else None,
            "approved_by": list(self.approved_by),
        }


def served(store: LineageStore, at: datetime | None = None, name: str | None = None) -> tuple[Served, ...]:
    """What served at `at` (default: now), of one name or of all."""
    with store.database.transaction() as connection:
        names = [name] if name is not None else [row[0] for row in connection.execute(_NAMES)]
        return _served(connection, at, names)


def serving_at(connection: Connection, name: str, at: datetime | None) -> Served | None:
    """What is in service under `name`; None when nothing is."""
    rows = _served(connection, at, [name])
    return rows[0] if rows else None


def _served(connection: Connection, at: datetime | None, names: list[str]) -> tuple[Served, ...]:
    rows = connection.execute(_SERVED, {"at": at, "names": names})
    return tuple(Served(*row) for row in rows)
