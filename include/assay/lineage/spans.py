"""When which deployment served a model: from its switch to the next switch under the same name."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from assay.json_types import JsonObject
from assay.lineage.database import Connection

_SPANS = """
    SELECT s.model, s.name, s.version, s.deployment, s.at, next.at, coalesce(next.step, '')
    FROM unnest(%(models)b::text[]) AS wanted (model) CROSS JOIN LATERAL (
        SELECT * FROM assay_lineage.servings
        WHERE model = wanted.model AND name = ANY(%(names)b::text[])
          AND at <= coalesce(%(at)s::timestamptz, 'infinity') OFFSET 0) s
    LEFT JOIN LATERAL (
        SELECT at, step FROM assay_lineage.servings
        WHERE name = s.name AND (at, seq) > (s.at, s.seq) AND at <= coalesce(%(at)s::timestamptz, 'infinity')
        ORDER BY at, seq LIMIT 1) next ON true
    ORDER BY s.at, s.name
"""
_VERSIONS = """
    SELECT r.model, r.version, min(r.seq)
    FROM unnest(%(models)b::text[]) AS wanted (model) CROSS JOIN LATERAL (
        SELECT * FROM assay_lineage.registrations
        WHERE model = wanted.model AND name = ANY(%(names)b::text[])
          AND at <= coalesce(%(at)s::timestamptz, 'infinity') OFFSET 0) r
    GROUP BY r.model, r.version ORDER BY min(r.seq)
"""


@dataclass(frozen=True)
class Span:
    """`deployment` answered under `name` from `since` to `until` (None: it still did at the time asked about).

    ended_by: the step of the next switch (`deploy`, `rollback` or `cut_out`), "" while it serves.
    """

    model: str
    name: str
    version: str
    deployment: str
    since: datetime
    until: datetime | None
    ended_by: str

    @property
    def is_live(self) -> bool:
        return self.until is None

    def to_json(self) -> JsonObject:
        return {
            "name": self.name,
            "version": self.version,
            "deployment": self.deployment,
            "since": self.since.isoformat(),
            "until": self.until.isoformat() if self.until else None,
            "ended_by": self.ended_by,
            "live": self.is_live,
        }


def spans_of(
    connection: Connection, pipelines: Collection[str], models: Collection[str], at: datetime | None
) -> tuple[Span, ...]:
    """Every time that one of `models` served under one of `pipelines`, as known at `at`, oldest first."""
    values = {"names": list(pipelines), "models": list(models), "at": at}
    rows = connection.execute(_SPANS, values)
    return tuple(Span(*row) for row in rows)


def versions_of(
    connection: Connection, names: Collection[str], models: Collection[str], at: datetime | None
) -> dict[str, list[str]]:
    """Model digest -> the versions it was registered under, oldest first. names: `model/PIPELINE`."""
    found: dict[str, list[str]] = {}
    for model, version, _ in connection.execute(_VERSIONS, {"names": list(names), "models": list(models), "at": at}):
        found.setdefault(model, []).append(version)
    return found
