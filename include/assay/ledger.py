"""Append-only log of signed statements in PostgreSQL; any edit breaks a proof.

An append is one serialised transaction: entry, subjects and a signed checkpoint appear together or not
at all. Appending the same statement of the same run again returns the entry that is there.
"""

import contextlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from assay.audit.key_history import KeyHistory
from assay.audit.key_statement import PIPELINE as KEYS
from assay.checkpoint import Checkpoint
from assay.digests import sha256_bytes
from assay.errors import EngineUnavailable, IntegrityError, SpecError
from assay.ledger_entry import LedgerEntry, Row, believe, idempotency_key, read_signed, role_of
from assay.ledger_tables import COLUMNS
from assay.ledger_tree import read_frontier, read_nodes
from assay.merkle import Frontier, Leaves, consistency_path, inclusion_path, leaf_hash, perfect_nodes, prove
from assay.publishing.file_place import FilePlace
from assay.publishing.open_places import open_places
from assay.publishing.place import Place
from assay.publishing.publish import Sent, publish_checkpoint
from assay.records import Step, Verdict
from assay.settings import Settings
from assay.signing import Envelope, KeyRing, KeyRole
from assay.statement import StepRecord, stated_subjects

if TYPE_CHECKING:
    import psycopg

__all__ = ["Ledger", "LedgerEntry", "role_of"]

_log = logging.getLogger(__name__)
_LOCK = 0x6C656467  # one writer at a time, over all processes
_SCHEMA = Path(__file__).with_name("ledger_schema.sql")


class Ledger:
    """The log, over one connection. mirror: a file outside the database that always has the newest checkpoint."""

    def __init__(
        self, connection: "psycopg.Connection[Any]", keys: KeyRing, mirror: Path, places: Sequence[Place] = ()
    ) -> None:
        self.connection, self.keys = connection, keys
        self.mirror = FilePlace(mirror, keys)
        self.places: tuple[Place, ...] = (self.mirror, *places)
        self._key_history = (-1, KeyHistory())

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Connect and make the schema where it is absent.

        Raises SpecError when no database is configured or its URL is none, EngineUnavailable when it does not answer.
        """
        import psycopg

        url = settings.database_url.get_secret_value()
        if not url:
            raise SpecError(
                "ASSAY_DATABASE_URL: expected a PostgreSQL URL, found none; start the stack with `assay up`"
            )
        try:
            connection = psycopg.connect(url, autocommit=True, connect_timeout=10)
        except psycopg.OperationalError as error:
            raise EngineUnavailable(
                f"PostgreSQL of the ledger: {str(error).strip()}; is it up? `assay status` tells"
            ) from error
        except psycopg.ProgrammingError:
            # Its words may repeat the password.
            raise SpecError("ASSAY_DATABASE_URL: expected postgresql://USER:PASSWORD@HOST:PORT/NAME; mend it") from None
        keys = KeyRing.open(settings.keys)
        ledger = cls(
            connection, keys, settings.keys / "checkpoint", open_places(settings, keys, lambda: datetime.now(UTC))
        )
        ledger._make_schema()
        return ledger

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def append(self, envelope: Envelope) -> LedgerEntry:
        """Append one signed statement; returns its entry, or the equal one that is there already.

        Raises IntegrityError for a signature that does not hold, a key of the wrong role, or a log that has lost
        or changed what it once signed for.
        """
        text = envelope.to_bytes()
        _, record, _ = read_signed(envelope, self.keys)
        key = idempotency_key(record)
        with _postgres_errors(), self.connection.transaction():
            self.connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            present = self._rows("WHERE idempotency_key = %s", (key,))
            if present:
                return self._believed(present)[0]
            frontier = self.frontier()
            self._heed_mirror()
            self._heed_keys(frontier.size, envelope.keyid, record.ended_at)
            row = Row(frontier.size, record.ended_at, record.report.step.value, record.report.pipeline,
                      record.context.run_id, record.report.verdict.value, key, sha256_bytes(text),
                      text.decode())  # fmt: skip
            self._insert(row, record)
            note = self._add_checkpoint(frontier, leaf_hash(text))
        for sent in self.publish(note):
            if sent.problem:
                _log.warning("checkpoint of %d entries not published: %s; `assay audit publish` sends it again",
                             sent.size, sent.problem)  # fmt: skip
        return believe(row, self.keys)

    def publish(self, note: str) -> list[Sent]:
        """Send a checkpoint to every place outside. One that fails says so in its answer."""
        with _postgres_errors():
            return publish_checkpoint(self.connection, self.places, note, self.keys)

    def find(
        self,
        subject_sha256: str | None = None,
        step: Step | None = None,
        pipeline: str | None = None,
        newest_first: bool = True,
        limit: int = 1000,
        verdict: Verdict | None = None,
    ) -> list[LedgerEntry]:
        """Entries about a subject (made or judged), of a step, pipeline or verdict; each verified before it returns.

        Raises IntegrityError naming the entry that does not verify.
        """
        clauses: list[str] = []
        values: list[str | int] = []
        if subject_sha256 is not None:
            clauses.append("seq IN (SELECT seq FROM assay_ledger.subjects WHERE sha256 = %s)")
            values.append(subject_sha256)
        wanted = {"step": step and step.value, "pipeline": pipeline, "verdict": verdict and verdict.value}
        for column, value in wanted.items():
            if value is not None:
                clauses.append(f"{column} = %s")
                values.append(value)
        where = f"WHERE {' AND '.join(clauses)}" if clauses else ""
        order = "DESC" if newest_first else "ASC"
        return self._believed(self._rows(f"{where} ORDER BY seq {order} LIMIT %s", (*values, limit)))

    def with_sha256(self, sha256: str) -> LedgerEntry | None:
        """The entry whose envelope has this digest, verified; None where there is none. Raises IntegrityError."""
        found = self._rows("WHERE sha256 = %s", (sha256,))
        return self._believed(found)[0] if found else None

    def entries(self, start: int = 0, limit: int | None = None) -> Iterator[LedgerEntry]:
        """Entries from `start` on, oldest first, each verified. Memory does not grow with the log."""
        history = self.key_history()
        for count, row in enumerate(self.rows(start)):
            if limit is not None and count >= limit:
                return
            entry = believe(row, self.keys)
            history.check(entry.keyid, entry.seq, entry.at)
            yield entry

    def rows(self, start: int = 0, batch: int = 500) -> Iterator[Row]:
        """Rows from `start` on as the database has them, unverified."""
        while True:
            found = self._rows("WHERE seq >= %s ORDER BY seq LIMIT %s", (start, batch))
            yield from found
            if len(found) < batch:
                return
            start = found[-1].seq + 1

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """Inside, every read sees one moment of the log, whatever is appended meanwhile."""
        with _postgres_errors(), self.connection.transaction():
            self.connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield

    def size(self) -> int:
        """How many entries the log has by the number of the newest, in one look-up however long it is.

        Entries are numbered one by one under a lock. One that was taken out from between is `verify_ledger`'s to name.
        """
        return int(self._one("SELECT coalesce(max(seq) + 1, 0) FROM assay_ledger.entries")[0])

    def checkpoint(self) -> str:
        """The newest signed checkpoint; "" of an empty log."""
        found = self._one("SELECT note FROM assay_ledger.checkpoints ORDER BY size DESC LIMIT 1")
        return str(found[0]) if found else ""

    def inclusion(self, seq: int, size: int) -> list[bytes]:
        """Proof that entry `seq` is among the first `size`. Raises IndexError unless it is, IntegrityError."""
        return self._prove(inclusion_path(seq, size))

    def consistency(self, old_size: int, size: int) -> list[bytes]:
        """Proof that the log of `old_size` is a prefix of that of `size` entries. Raises IndexError, IntegrityError."""
        return self._prove(consistency_path(old_size, size))

    def key_history(self) -> KeyHistory:
        """What the log says of keys up to now. Raises IntegrityError when such a statement does not hold."""
        with _postgres_errors():
            query = "SELECT coalesce(max(seq), -1) FROM assay_ledger.entries WHERE pipeline = %s"
            (newest,) = self.connection.execute(query, (KEYS,)).fetchone() or (-1,)
        if newest != self._key_history[0]:
            rows = self._rows("WHERE pipeline = %s ORDER BY seq", (KEYS,))
            self._key_history = (newest, KeyHistory.of(believe(row, self.keys) for row in rows))
        return self._key_history[1]

    def frontier(self) -> Frontier:
        """The tree's right edge, on which the next append builds. Raises IntegrityError unless it was signed for."""
        with _postgres_errors():
            return read_frontier(self.connection, self.keys)

    def _prove(self, path: Sequence[Leaves]) -> list[bytes]:
        with _postgres_errors():
            return prove(path, read_nodes(self.connection, [node for step in path for node in perfect_nodes(step)]))

    def _make_schema(self) -> None:
        with _postgres_errors(), self.connection.transaction():
            self.connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            if self._one("SELECT to_regclass('assay_ledger.checkpoints')")[0] is None:
                self.connection.execute(_SCHEMA.read_text().encode())

    def _insert(self, row: Row, record: StepRecord) -> None:
        self.connection.execute(
            f"INSERT INTO assay_ledger.entries ({COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",  # noqa: S608 - constant columns
            astuple(row),
        )
        for name, sha256 in sorted({(s.name, s.sha256) for s in stated_subjects(record.report)}):
            self.connection.execute(
                "INSERT INTO assay_ledger.subjects (seq, name, sha256) VALUES (%s, %s, %s)", (row.seq, name, sha256)
            )

    def _add_checkpoint(self, before: Frontier, leaf: bytes) -> str:
        grown = before.append(leaf)
        note = Checkpoint(grown.size, grown.root()).signed(self.keys)
        self.connection.execute(
            "INSERT INTO assay_ledger.checkpoints (size, note, nodes) VALUES (%s, %s, %s)",
            (grown.size, note, list(before.completed(leaf))),
        )
        self.connection.execute("SELECT setval('assay_ledger.high_water', %s)", (grown.size,))
        return note

    def _heed_keys(self, seq: int, keyid: str, at: datetime) -> None:
        """Refuse what a key signed that may no longer sign, and to sign for the log with such a key."""
        history = self.key_history()
        if history.terms:
            newest = self._one("SELECT max(at) FROM assay_ledger.entries")[0]
            for signer in (keyid, self.keys.public_key(KeyRole.LEDGER).keyid):
                history.check(signer, seq, max(newest, at))

    def _heed_mirror(self) -> None:
        """Refuse to grow a log that lost entries: the new ones would cover the traces."""
        outside = self.mirror.newest(0)
        if outside is None:
            return
        query = "SELECT note FROM assay_ledger.checkpoints WHERE size = %s"
        found = self.connection.execute(query, (outside.size,)).fetchone()
        if found is None or Checkpoint.verified(found[0], self.keys) != outside:
            raise IntegrityError(
                f"ledger: {self.mirror.path} signs for {outside.size} entries that the database does not have as they "
                "were; nothing was appended: run `assay audit verify`, restore the database from a backup"
            )

    def _rows(self, clause: str, values: tuple[str | int, ...]) -> list[Row]:
        with _postgres_errors():
            query = f"SELECT {COLUMNS} FROM assay_ledger.entries {clause}"  # noqa: S608 - clauses are ours, values bound
            return [Row(*found) for found in self.connection.execute(query.encode(), values).fetchall()]

    def _one(self, query: str) -> Any:
        with _postgres_errors():
            return self.connection.execute(query.encode()).fetchone()

    def _believed(self, rows: Sequence[Row]) -> list[LedgerEntry]:
        entries, history = [believe(row, self.keys) for row in rows], self.key_history()
        for entry in entries:
            history.check(entry.keyid, entry.seq, entry.at)
        return entries


@contextlib.contextmanager
def _postgres_errors() -> Iterator[None]:
    import psycopg

    try:
        yield
    except psycopg.OperationalError as error:
        raise EngineUnavailable(
            f"PostgreSQL of the ledger: {str(error).strip()}; is it up? `assay status` tells"
        ) from error
