"""Append-only log of signed statements in PostgreSQL; any edit breaks a proof.

An append is one serialised transaction: entry, subjects and a signed checkpoint appear together or not
at all. Appending the same statement of the same run again returns the entry that is there.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from assay.checkpoint import Checkpoint
from assay.digests import sha256_bytes, sha256_json
from assay.errors import EngineUnavailable, IntegrityError, SpecError
from assay.json_types import JsonObject
from assay.ledger_mirror import write_mirror
from assay.merkle import Frontier, consistency_proof, inclusion_proof, leaf_hash
from assay.records import RunContext, Step, StepReport, Verdict
from assay.settings import Settings
from assay.signing import Envelope, KeyRing, KeyRole
from assay.statement import StepRecord, read_statement, stated_subjects

if TYPE_CHECKING:
    import psycopg

_LOCK = 0x6C656467  # one writer at a time, over all processes
_SCHEMA = Path(__file__).with_name("ledger_schema.sql")
_ROLES = {Step.GATE: KeyRole.GATE, Step.APPROVE: KeyRole.APPROVER}
_COLUMNS = "seq, at, step, pipeline, run_id, verdict, idempotency_key, envelope"


def role_of(step: Step) -> KeyRole:
    """The only role whose key may sign a statement of `step`."""
    return _ROLES.get(step, KeyRole.PRODUCER)


@dataclass(frozen=True)
class LedgerEntry:
    """A verified entry. at: when the step ended, as signed. sha256: of the envelope's exact bytes."""

    seq: int
    at: datetime
    envelope: Envelope
    statement: JsonObject
    record: StepRecord
    role: KeyRole
    sha256: str

    @property
    def report(self) -> StepReport:
        return self.record.report

    @property
    def context(self) -> RunContext:
        return self.record.context

    @property
    def keyid(self) -> str:
        return self.envelope.keyid


@dataclass(frozen=True)
class Row:
    """One row of the entries table as the database has it, nothing believed yet."""

    seq: int
    at: datetime
    step: str
    pipeline: str
    run_id: str
    verdict: str
    idempotency_key: str
    envelope: str


class Ledger:
    """The log, over one connection."""

    def __init__(self, connection: "psycopg.Connection[Any]", keys: KeyRing, mirror: Path) -> None:
        self.connection, self.keys, self.mirror = connection, keys, mirror

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Connect and make the schema where it is absent.

        Raises SpecError when no database is configured, EngineUnavailable when it does not answer.
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
        ledger = cls(connection, KeyRing.open(settings.keys), settings.keys / "checkpoint")
        ledger._make_schema()
        return ledger

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def append(self, envelope: Envelope) -> LedgerEntry:
        """Append one signed statement; returns its entry, or the equal one that is there already.

        Raises IntegrityError for a signature that does not hold or a key of the wrong role.
        """
        text = envelope.to_bytes()
        _, record = read_statement(envelope.payload)
        check_signature(envelope, record.report.step, self.keys)
        key = idempotency_key(record)
        with _postgres_errors(), self.connection.transaction():
            self.connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            present = self._rows("WHERE idempotency_key = %s", (key,))
            if present:
                return self._believed(present[0])
            frontier = self._frontier()
            row = Row(frontier.size, record.ended_at, record.report.step.value, record.report.pipeline,
                      record.context.run_id, record.report.verdict.value, key, text.decode())  # fmt: skip
            self._insert(row, record)
            note = self._add_checkpoint(frontier.append(leaf_hash(text)))
        write_mirror(self.mirror, note, self.keys)
        return self._believed(row)

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
        return [self._believed(row) for row in self._rows(f"{where} ORDER BY seq {order} LIMIT %s", (*values, limit))]

    def entries(self, start: int = 0, limit: int | None = None) -> Iterator[LedgerEntry]:
        """Entries from `start` on, oldest first, each verified. Memory does not grow with the log."""
        for count, row in enumerate(self.rows(start)):
            if limit is not None and count >= limit:
                return
            yield self._believed(row)

    def rows(self, start: int = 0, batch: int = 500) -> Iterator[Row]:
        """Rows from `start` on as the database has them, unverified."""
        while True:
            found = self._rows("WHERE seq >= %s ORDER BY seq LIMIT %s", (start, batch))
            yield from found
            if len(found) < batch:
                return
            start = found[-1].seq + 1

    def size(self) -> int:
        """Number of entries."""
        return int(self._one("SELECT count(*) FROM assay_ledger.entries")[0])

    def checkpoint(self) -> str:
        """The newest signed checkpoint; "" of an empty log."""
        notes = self.checkpoint_notes(newest=True)
        return notes[0][1] if notes else ""

    def checkpoint_notes(self, newest: bool = False) -> list[tuple[int, str]]:
        """(size, note) of every checkpoint in the database, unverified."""
        query = "SELECT size, note FROM assay_ledger.checkpoints ORDER BY size DESC"
        with _postgres_errors():
            return self.connection.execute(query + (" LIMIT 1" if newest else "")).fetchall()

    def subjects(self, seq: int) -> set[tuple[str, str]]:
        """(name, sha256) that the index names for an entry, unverified."""
        query = "SELECT name, sha256 FROM assay_ledger.subjects WHERE seq = %s"
        with _postgres_errors():
            return set(self.connection.execute(query, (seq,)).fetchall())

    def inclusion(self, seq: int) -> list[bytes]:
        """Proof that entry `seq` is in the log as it is now."""
        return inclusion_proof(self._leaves(), seq)

    def consistency(self, old_size: int) -> list[bytes]:
        """Proof that the log of `old_size` entries is a prefix of the log as it is now."""
        return consistency_proof(self._leaves(), old_size)

    def _make_schema(self) -> None:
        with _postgres_errors(), self.connection.transaction():
            self.connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            if self._one("SELECT to_regclass('assay_ledger.checkpoints')")[0] is None:
                self.connection.execute(_SCHEMA.read_text().encode())

    def _insert(self, row: Row, record: StepRecord) -> None:
        self.connection.execute(
            f"INSERT INTO assay_ledger.entries ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",  # noqa: S608 - constant columns
            (row.seq, row.at, row.step, row.pipeline, row.run_id, row.verdict, row.idempotency_key, row.envelope),
        )
        for name, sha256 in sorted({(s.name, s.sha256) for s in stated_subjects(record.report)}):
            self.connection.execute(
                "INSERT INTO assay_ledger.subjects (seq, name, sha256) VALUES (%s, %s, %s)", (row.seq, name, sha256)
            )

    def _add_checkpoint(self, frontier: Frontier) -> str:
        note = Checkpoint(frontier.size, frontier.root()).signed(self.keys)
        self.connection.execute(
            "INSERT INTO assay_ledger.checkpoints (size, note, frontier) VALUES (%s, %s, %s)",
            (frontier.size, note, list(frontier.nodes)),
        )
        return note

    def _frontier(self) -> Frontier:
        found = self.connection.execute(
            "SELECT size, note, frontier FROM assay_ledger.checkpoints ORDER BY size DESC LIMIT 1"
        ).fetchone()
        if found is None:
            return Frontier()
        frontier = Frontier(found[0], tuple(bytes(node) for node in found[2]))
        signed = Checkpoint.verified(found[1], self.keys)
        if (signed.size, signed.root) != (frontier.size, frontier.root()):
            raise IntegrityError(
                f"ledger: the checkpoint of {signed.size} entries does not match the tree's right edge; "
                "nothing was appended: run `assay audit verify`"
            )
        return frontier

    def _leaves(self) -> list[bytes]:
        return [leaf_hash(row.envelope.encode()) for row in self.rows()]

    def _rows(self, clause: str, values: tuple[str | int, ...]) -> list[Row]:
        with _postgres_errors():
            query = f"SELECT {_COLUMNS} FROM assay_ledger.entries {clause}"  # noqa: S608 - clauses are ours, values bound
            return [Row(*found) for found in self.connection.execute(query.encode(), values).fetchall()]

    def _one(self, query: str) -> Any:
        with _postgres_errors():
            return self.connection.execute(query.encode()).fetchone()

    def _believed(self, row: Row) -> LedgerEntry:
        return believe(row, self.keys)


def believe(row: Row, keys: KeyRing) -> LedgerEntry:
    """The row as an entry, once its signature, its key's role and its columns hold. Raises IntegrityError."""
    try:
        envelope = Envelope.from_bytes(row.envelope.encode())
        statement, record = read_statement(envelope.payload)
        role = check_signature(envelope, record.report.step, keys)
        _check_columns(row, record)
    except IntegrityError as error:
        raise IntegrityError(f"ledger entry {row.seq}: {error}") from error
    return LedgerEntry(row.seq, record.ended_at, envelope, statement, record, role, sha256_bytes(row.envelope.encode()))


def check_signature(envelope: Envelope, step: Step, keys: KeyRing) -> KeyRole:
    """The signer's role. Raises IntegrityError when the signature does not hold or the role may not sign `step`."""
    role, wanted = keys.verify(envelope).role, role_of(step)
    if role is not wanted:
        raise IntegrityError(f"a {step.value} statement needs a {wanted.value} key, found a {role.value} key")
    return role


def idempotency_key(record: StepRecord) -> str:
    """Equal for the same step of the same run on the same digests with the same verdict."""
    report = record.report
    return sha256_json(
        {
            "step": report.step.value,
            "pipeline": report.pipeline,
            "run_id": record.context.run_id,
            "verdict": report.verdict.value,
            "products": {role: subject.to_json() for role, subject in report.products.items()},
            "inputs": {role: subject.to_json() for role, subject in report.inputs.items()},
        }
    )


def _check_columns(row: Row, record: StepRecord) -> None:
    stated = (record.ended_at, record.report.step.value, record.report.pipeline, record.context.run_id,
              record.report.verdict.value, idempotency_key(record))  # fmt: skip
    found = (row.at, row.step, row.pipeline, row.run_id, row.verdict, row.idempotency_key)
    if stated != found:
        raise IntegrityError(f"its columns say {found[:5]}, its signed statement {stated[:5]}; the index was changed")


@contextlib.contextmanager
def _postgres_errors() -> Iterator[None]:
    import psycopg

    try:
        yield
    except psycopg.OperationalError as error:
        raise EngineUnavailable(
            f"PostgreSQL of the ledger: {str(error).strip()}; is it up? `assay status` tells"
        ) from error
