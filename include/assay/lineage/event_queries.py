"""Received events, found by what they are about: newest first, never more than asked for; and each as it was sent."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from assay.errors import SpecError
from assay.json_types import JsonObject
from assay.lineage.dataset_name import dataset_identity
from assay.lineage.openlineage import NAMESPACE
from assay.lineage.refs import check_writable
from assay.lineage.store import LineageStore

MOST_EVENTS = 1_000
# A run's events are found by what the graph knows of the run; the few without a run by indexes of their own.
_BY_RUN = "SELECT sha256 FROM assay_lineage.events WHERE run_id = %(run)s"
_BY_JOB = """
    SELECT sha256 FROM assay_lineage.events
    WHERE run_id IN (SELECT run_id FROM assay_lineage.runs WHERE job = %(job)s AND NOT signed)
    UNION ALL
    SELECT sha256 FROM assay_lineage.events
    WHERE run_id IS NULL AND (event -> 'job' ->> 'namespace') || '/' || (event -> 'job' ->> 'name') = %(static_job)s
"""
_BY_DATASET = """
    SELECT sha256 FROM assay_lineage.events
    WHERE run_id IN (SELECT run_id FROM assay_lineage.run_versions WHERE name = %(dataset)s AND NOT signed)
    UNION ALL
    SELECT sha256 FROM assay_lineage.events
    WHERE run_id IS NULL
      AND (event -> 'dataset' ->> 'namespace') || '/' || (event -> 'dataset' ->> 'name') = %(static_dataset)s
"""
_FOUND = """
    SELECT e.sha256, e.event_time, e.received_at, coalesce(e.run_id, ''), coalesce(e.event ->> 'eventType', ''),
           e.event ->> 'producer'
    FROM (SELECT * FROM assay_lineage.events WHERE {conditions}
          ORDER BY event_time DESC, sha256 LIMIT %(limit)s) e
    ORDER BY e.event_time DESC, e.sha256
"""


@dataclass(frozen=True)
class KeptEvent:
    """One event. sha256: of its canonical form; at: when it happened; run and state: empty when it tells of no run."""

    sha256: str
    at: datetime
    received_at: datetime
    run: str
    state: str
    producer: str

    def to_json(self) -> JsonObject:
        return {
            "sha256": self.sha256,
            "at": self.at.isoformat(),
            "received_at": self.received_at.isoformat(),
            "run": self.run,
            "state": self.state,
            "producer": self.producer,
        }


def find_events(
    store: LineageStore, *, run: str = "", job: str = "", dataset: str = "", limit: int = 100
) -> tuple[KeptEvent, ...]:
    """The newest events of a run, a job and a dataset, as far as each is given.

    job: its name in Assay's namespace, NAMESPACE/NAME elsewhere. dataset: its name, or the URI of a foreign one.
    Raises SpecError when none is given or one cannot be a name.
    """
    asked = {_BY_RUN: run, _BY_JOB: job, _BY_DATASET: dataset}
    given = [query for query, value in asked.items() if value]
    if not given:
        raise SpecError("events: expected a run, a job or a dataset to look for, found none; give one")
    for value in asked.values():
        check_writable(value)
    namespace, name = dataset_identity(dataset) or (NAMESPACE, dataset)
    values = {
        "run": run.lower(),
        "job": job,
        "static_job": job if "/" in job else f"{NAMESPACE}/{job}",
        "dataset": dataset,
        "static_dataset": f"{namespace}/{name}",
        "limit": min(limit, MOST_EVENTS),
    }
    query = _FOUND.format(conditions=" AND ".join(f"sha256 IN ({one})" for one in given))
    with store.database.transaction() as connection:
        return tuple(KeptEvent(*row) for row in connection.execute(query.encode(), values))


def kept_event(store: LineageStore, sha256: str) -> JsonObject:
    """The event of that digest, in canonical form. Raises SpecError when none was received."""
    check_writable(sha256)
    with store.database.transaction() as connection:
        row = connection.execute(
            "SELECT event::text FROM assay_lineage.events WHERE sha256 = %s", (sha256.lower(),)
        ).fetchone()
    if row is None:
        raise SpecError(f"event {sha256[:16]}: expected one that was received, found none; check the digest")
    return cast(JsonObject, json.loads(row[0]))
