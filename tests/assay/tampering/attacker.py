"""Somebody with the database in hand, and in some attacks with stolen keys, too."""

from assay.digests import sha256_bytes
from assay.ledger import Ledger
from assay.ledger_entry import Row, idempotency_key
from assay.ledger_tables import COLUMNS
from assay.merkle import leaf_hash
from assay.signing import Envelope
from assay.statement import read_statement

TABLES = ("entries", "subjects", "checkpoints")


class Attacker:
    """Triggers are off, foreign keys and unique columns, too."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.connection = ledger, ledger.connection
        for table in TABLES:
            self.connection.execute(f"ALTER TABLE assay_ledger.{table} DISABLE TRIGGER ALL")
        self.connection.execute("ALTER TABLE assay_ledger.entries DROP CONSTRAINT entries_idempotency_key_key")
        self.connection.execute("ALTER TABLE assay_ledger.entries DROP CONSTRAINT entries_sha256_key")

    def sql(self, *statements: str) -> None:
        for statement in statements:
            self.connection.execute(statement)

    def insert(self, seq: int, envelope: Envelope, **columns: object) -> None:
        """A row with index and columns that fit the envelope, but for those named."""
        _, record = read_statement(envelope.payload)
        text = envelope.to_bytes()
        row = Row(seq, record.ended_at, record.report.step.value, record.report.pipeline, record.context.run_id,
                  record.report.verdict.value, idempotency_key(record), sha256_bytes(text), text.decode())  # fmt: skip
        self.ledger._insert(Row(**{**vars(row), **columns}), record)

    def append(self, envelope: Envelope) -> None:
        """What the code would refuse, with a stolen ledger key: checkpoint and tree fit."""
        frontier = self.ledger.frontier()
        self.insert(frontier.size, envelope)
        self.ledger._add_checkpoint(frontier, leaf_hash(envelope.to_bytes()))

    def rewrite(self, envelopes: list[Envelope]) -> None:
        """Another log in place of this one, signed throughout."""
        self.truncate(0)
        for envelope in envelopes:
            self.append(envelope)

    def truncate(self, size: int) -> None:
        """Without a trace in the tables."""
        self.sql(
            f"DELETE FROM assay_ledger.subjects WHERE seq >= {size}",
            f"DELETE FROM assay_ledger.entries WHERE seq >= {size}",
            f"DELETE FROM assay_ledger.checkpoints WHERE size > {size}",
        )

    def shift(self, start: int, by: int) -> None:
        """Renumber the entries from `start` on."""
        order = "DESC" if by > 0 else "ASC"
        query = f"SELECT seq FROM assay_ledger.entries WHERE seq >= {start} ORDER BY seq {order}"
        for (seq,) in self.connection.execute(query).fetchall():
            for table in ("entries", "subjects"):
                self.sql(f"UPDATE assay_ledger.{table} SET seq = seq + {by} WHERE seq = {seq}")

    def swap(self, one: int, other: int) -> None:
        """Two rows with all their columns change places."""
        columns = COLUMNS.removeprefix("seq, ").split(", ")
        setting = ", ".join(f"{name} = b.{name}" for name in columns)
        pair = f"(a.seq = {one} AND b.seq = {other}) OR (a.seq = {other} AND b.seq = {one})"
        self.sql(f"UPDATE assay_ledger.entries a SET {setting} FROM assay_ledger.entries b WHERE {pair}")
        for before, after in ((one, -1), (other, one), (-1, other)):
            self.sql(f"UPDATE assay_ledger.subjects SET seq = {after} WHERE seq = {before}")
