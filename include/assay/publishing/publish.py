"""Sends a checkpoint to every place, and remembers in the ledger's database what each of them keeps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.checkpoint import Checkpoint
from assay.errors import AssayError
from assay.json_types import JsonObject
from assay.publishing.place import Place
from assay.signing import KeyRing

if TYPE_CHECKING:
    import psycopg


@dataclass(frozen=True)
class Sent:
    """size: entries that the checkpoint covers. problem: why the place does not have it, None when it has."""

    place: str
    size: int
    problem: AssayError | None = None

    def to_json(self) -> JsonObject:
        return {"place": self.place, "size": self.size, "problem": str(self.problem or "")}


def publish_checkpoint(
    connection: "psycopg.Connection[Any]", places: Sequence[Place], note: str, keys: KeyRing
) -> list[Sent]:
    """One answer a place; a place that keeps none gives none. Never raises for what a place does."""
    size = Checkpoint.verified(note, keys).size
    sent = [_send(place, note, size) for place in places]
    kept = [one for one in sent if one is not None]
    _remember(connection, [one for one in kept if one.problem is None])
    return kept


def published_sizes(connection: "psycopg.Connection[Any]") -> dict[str, int]:
    """Place -> the largest size that was published there."""
    query = "SELECT place, max(size) FROM assay_ledger.publications GROUP BY place"
    return dict(connection.execute(query).fetchall())


def _send(place: Place, note: str, size: int) -> Sent | None:
    try:
        return Sent(place.url, size) if place.publish(note) else None
    except AssayError as error:
        return Sent(place.url, size, error)


def _remember(connection: "psycopg.Connection[Any]", sent: Sequence[Sent]) -> None:
    """Does not wait for the disk: what a crash forgets here makes a rollback harder to name, no log less safe."""
    if not sent:
        return
    connection.execute(
        "WITH quick AS (SELECT set_config('synchronous_commit', 'off', true))"
        " INSERT INTO assay_ledger.publications (place, size) SELECT unnest(%s::text[]), %s FROM quick"
        " ON CONFLICT DO NOTHING",
        ([one.place for one in sent], sent[0].size),
    )
