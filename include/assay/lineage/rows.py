"""Lineage of one row: which versions hold it, and what was made from those that do.

A version that lost the row (quarantined, or split away) ends its way there. Shards are verified as they are read.
"""

import re
import tempfile
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from assay.erasure import Erasures
from assay.errors import SpecError
from assay.lineage.dataset_versions import versions_of
from assay.lineage.store import LineageStore
from assay.lineage.walk import DEFAULT_LIMIT, Direction, Edge, Node, Walk, Way, nodes_of, reach
from assay.records import Subject
from assay.store import Store
from assay.unknown_rows import unknown_rows

ROW_REFERENCE = re.compile(r"row/(?P<dataset>[^/@\s]+)/(?P<row_id>.+)")


def walk_row(
    lineage: LineageStore,
    objects: Store,
    direction: Direction,
    reference: str,
    until: datetime | None = None,
    limit: int = DEFAULT_LIMIT,
    ends: tuple[str, ...] = (),
    erasures: Erasures = Erasures(),  # noqa: B008 - frozen
) -> Walk:
    """Up: the collected versions that hold the row, and their origins. Down: all that was made with it.

    erasures: a version that held the row until it was erased counts as holding it.
    Raises SpecError when no version of the dataset holds the row, IntegrityError when a shard was changed.
    """
    started = time.perf_counter()
    match = ROW_REFERENCE.fullmatch(reference)
    if match is None:
        raise SpecError(f"{reference!r}: expected row/DATASET/ROW_ID; mend the reference")
    with lineage.database.transaction() as connection:
        versions = versions_of(connection, match["dataset"], until)
        subjects = [Subject(version.name, version.digest) for version in versions]
        held = _held(subjects, objects, match["row_id"], erasures)
        holding = [version for version in versions if version.digest in held]
        if not holding:
            loaded = [erasures.load(subject, objects) for subject in subjects]
            raise unknown_rows(reference, match["dataset"], [match["row_id"]], loaded, objects)
        is_up = direction is Direction.UP
        firsts = [v for v in holding if not is_up or v.name == f"dataset/{match['dataset']}"]
        without = tuple(version.id for version in versions if version not in holding)
        reached = reach(connection, [version.id for version in firsts], Way(direction, until, without, limit, ends))
        nodes = nodes_of(connection, set(reached.ids))
    row = Node(reference, "row", reference, "", min(version.at for version in holding))
    edges = (*_own_edges(reference, firsts, direction), *reached.edges)
    return Walk((reference,), (row, *nodes), edges, time.perf_counter() - started, limit, reached.truncated)


def _own_edges(reference: str, firsts: Iterable[Node], direction: Direction) -> list[Edge]:
    """The row and the versions that hold it: up it is taken from them, down it goes into them."""
    pairs = [(end.id, reference) if direction is Direction.UP else (reference, end.id) for end in firsts]
    return [Edge(a, b, "", "holds", end.at, signed=True) for (a, b), end in zip(pairs, firsts, strict=True)]


def _held(subjects: Sequence[Subject], objects: Store, row_id: str, erasures: Erasures) -> set[str]:
    """Digests of those that hold the row."""
    with tempfile.TemporaryDirectory(prefix="assay-row-") as folder:
        held = erasures.rows_of_each(subjects, {row_id}, objects, Path(folder))
    return {digest for digest, rows in held.items() if rows}
