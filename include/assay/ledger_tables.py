"""What the ledger's tables hold, row by row in order of the log, as it is there and unverified."""

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from assay.audit.place import Place
from assay.ledger_entry import Row

if TYPE_CHECKING:
    import psycopg

COLUMNS = "seq, at, step, pipeline, run_id, verdict, idempotency_key, sha256, envelope"
_BATCH = 500
# A forger may number entries below zero.
_BEFORE_ALL = -(1 << 63)


class LogTables:
    """Readers over one connection; memory does not grow with the log."""

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self.connection = connection

    def entries(self) -> Iterator[Place]:
        query = f"SELECT {COLUMNS} FROM assay_ledger.entries WHERE seq >= %s ORDER BY seq LIMIT %s"  # noqa: S608 - constant
        for found in self._batches(query):
            row = Row(*found)
            yield Place(row.seq, envelope=row.envelope, row=row)

    def checkpoints(self) -> Iterator[Place]:
        query = (
            "SELECT size - 1, note, nodes FROM assay_ledger.checkpoints"
            " WHERE size >= %s::bigint + 1 ORDER BY size LIMIT %s"
        )
        for seq, note, nodes in self._batches(query):
            yield Place(seq, note=note, nodes=tuple(bytes(node or b"") for node in nodes))

    def subjects(self) -> Iterator[Place]:
        """The index of each entry; whole entries at a time."""
        query = (
            "SELECT seq, name, sha256 FROM assay_ledger.subjects WHERE seq IN (SELECT seq FROM"
            " (SELECT DISTINCT seq FROM assay_ledger.subjects WHERE seq >= %s ORDER BY seq LIMIT %s) AS few)"
            " ORDER BY seq"
        )
        start = _BEFORE_ALL
        while found := self.connection.execute(query, (start, _BATCH)).fetchall():
            index = defaultdict[int, set[tuple[str, str]]](set)
            for seq, name, sha256 in found:
                index[seq].add((name, sha256))
            for seq, named in index.items():
                yield Place(seq, subjects=frozenset(named))
            start = found[-1][0] + 1

    def high_water(self) -> int:
        """How many entries the database ever counted: a deleted tail leaves it, a restored backup brings its own."""
        found = self.connection.execute("SELECT last_value, is_called FROM assay_ledger.high_water").fetchone()
        return int(found[0]) if found and found[1] else 0

    def _batches(self, query: str) -> Iterator[Any]:
        start = _BEFORE_ALL
        while found := self.connection.execute(query.encode(), (start, _BATCH)).fetchall():
            yield from found
            start = found[-1][0] + 1
