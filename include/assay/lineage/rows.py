"""Lineage of one row: which versions hold it, and what was made from those that do.

A version that lost the row (quarantined, or split away) ends its way there. Shards are verified as
they are read, and each distinct shard is read once, however many versions share it.
"""

import re
import tempfile
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from assay.dataset import ROW_ID, Shard, load_dataset
from assay.errors import SpecError
from assay.json_types import Json
from assay.lineage.database import Connection
from assay.lineage.store import LineageStore
from assay.lineage.walk import DEFAULT_LIMIT, Direction, Edge, Node, Walk, Way, nodes_of, reach
from assay.records import Subject
from assay.store import Store

ROW_REFERENCE = re.compile(r"row/(?P<dataset>[^/@\s]+)/(?P<row_id>.+)")
_VERSIONS = """
    SELECT DISTINCT ON (id) id, name, at FROM assay_lineage.versions
    WHERE signed AND type = 'dataset'
      AND (name = %(name)s OR name ~>=~ (%(name)s || '.') AND name ~<~ (%(name)s || '/'))  -- all that begin with NAME.
      AND at <= coalesce(%(until)s::timestamptz, 'infinity')
    ORDER BY id, at
"""


def walk_row(
    lineage: LineageStore,
    objects: Store,
    direction: Direction,
    reference: str,
    until: datetime | None = None,
    limit: int = DEFAULT_LIMIT,
    ends: tuple[str, ...] = (),
) -> Walk:
    """Up: the collected versions that hold the row, and their origins. Down: all that was made with it.

    Raises SpecError when no version of the dataset holds the row, IntegrityError when a shard was changed.
    """
    started = time.perf_counter()
    match = ROW_REFERENCE.fullmatch(reference)
    if match is None:
        raise SpecError(f"{reference!r}: expected row/DATASET/ROW_ID; mend the reference")
    with lineage.database.transaction() as connection:
        versions = _versions(connection, match["dataset"], until)
        holding = _holding(versions, objects, match["row_id"])
        if not holding:
            raise SpecError(f"{reference}: expected it in one of {len(versions)} versions, found it in none")
        is_up = direction is Direction.UP
        firsts = [v for v in holding if not is_up or v.name == f"dataset/{match['dataset']}"]
        without = tuple(version.id for version in versions if version not in holding)
        reached = reach(connection, [version.id for version in firsts], Way(direction, until, without, limit, ends))
        nodes = nodes_of(connection, set(reached.ids))
    row = Node(reference, "row", reference, "", min(version.at for version in holding))
    edges = (*_own_edges(reference, firsts, direction), *reached.edges)
    return Walk((reference,), (row, *nodes), edges, time.perf_counter() - started, limit, reached.truncated)


def _versions(connection: Connection, dataset: str, until: datetime | None) -> list[Node]:
    rows = connection.execute(_VERSIONS, {"name": f"dataset/{dataset}", "until": until}).fetchall()
    if not rows:
        raise SpecError(f"dataset/{dataset}: expected a known dataset, found none; check the name")
    return [Node(id=row[0], type="dataset", name=row[1], digest=row[0], at=row[2]) for row in rows]


def _own_edges(reference: str, firsts: Iterable[Node], direction: Direction) -> list[Edge]:
    """The row and the versions that hold it: up it is taken from them, down it goes into them."""
    pairs = [(end.id, reference) if direction is Direction.UP else (reference, end.id) for end in firsts]
    return [Edge(a, b, "", "holds", end.at, signed=True) for (a, b), end in zip(pairs, firsts, strict=True)]


def _holding(versions: Sequence[Node], objects: Store, row_id: str) -> list[Node]:
    seen: dict[str, bool] = {}
    with tempfile.TemporaryDirectory(prefix="assay-row-") as folder:
        return [version for version in versions if _holds(version, objects, row_id, Path(folder), seen)]


def _holds(version: Node, objects: Store, row_id: str, folder: Path, seen: dict[str, bool]) -> bool:
    manifest = load_dataset(Subject(version.name, version.digest), objects)
    if ROW_ID not in manifest.columns:  # a watched window: requests, no rows of the dataset
        return False
    for shard in manifest.shards:
        if shard.sha256 not in seen:
            seen[shard.sha256] = _shard_holds(shard, objects, row_id, folder)
    return any(seen[shard.sha256] for shard in manifest.shards)


def _shard_holds(shard: Shard, objects: Store, row_id: str, folder: Path) -> bool:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    path = objects.fetch(shard.sha256, folder / shard.sha256)
    try:
        ids = pq.read_table(path, columns=[ROW_ID])[ROW_ID]
        found: Json = pc.any(pc.equal(ids, row_id)).as_py()
    finally:
        path.unlink(missing_ok=True)
    return bool(found)
