"""One entry of the log: the row as the database has it, and what it takes to believe it."""

from dataclasses import dataclass
from datetime import datetime

from assay.digests import sha256_bytes, sha256_json
from assay.errors import IntegrityError
from assay.json_types import JsonObject
from assay.records import RunContext, Step, StepReport
from assay.signing import Envelope, KeyRing, KeyRole
from assay.statement import StepRecord, read_statement

# A release and a quarantine overrule verdicts, an erasure removes data: they take the key of those who may approve.
_ROLES = {
    Step.GATE: KeyRole.GATE,
    Step.APPROVE: KeyRole.APPROVER,
    Step.RELEASE: KeyRole.APPROVER,
    Step.QUARANTINE: KeyRole.APPROVER,
    Step.ERASE: KeyRole.APPROVER,
    Step.KEY: KeyRole.LEDGER,
}


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
    sha256: str
    envelope: str


def believe(row: Row, keys: KeyRing) -> LedgerEntry:
    """The row as an entry, once its signature, its key's role and its columns hold. Raises IntegrityError."""
    entry = read_entry(row.seq, row.envelope, keys)
    check_columns(row, entry.record)
    return entry


def read_entry(seq: int, envelope: str, keys: KeyRing) -> LedgerEntry:
    """The entry that `envelope` states, once its signature and its key's role hold. Raises IntegrityError."""
    try:
        signed = Envelope.from_bytes(envelope.encode())
        statement, record, role = read_signed(signed, keys)
    except IntegrityError as error:
        raise IntegrityError(f"ledger entry {seq}: {error}", error.kind) from error
    return LedgerEntry(seq, record.ended_at, signed, statement, record, role, sha256_bytes(envelope.encode()))


def read_signed(envelope: Envelope, keys: KeyRing) -> tuple[JsonObject, StepRecord, KeyRole]:
    """Statement, record and the signer's role.

    Raises IntegrityError when the signature does not hold or the signer's role may not sign such a step.
    """
    # Verify before parsing: what a stranger wrote is not even read.
    role = keys.verify(envelope).role
    statement, record = read_statement(envelope.payload)
    step = record.report.step
    if role is not role_of(step):
        raise IntegrityError(
            f"a {step.value} statement needs a {role_of(step).value} key, found a {role.value} key", kind="key_misuse"
        )
    return statement, record, role


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


def check_columns(row: Row, record: StepRecord) -> None:
    """Whether the database's columns say what was signed. Raises IntegrityError, `replayed` for another run's."""
    stated = {
        "at": record.ended_at,
        "step": record.report.step.value,
        "pipeline": record.report.pipeline,
        "run_id": record.context.run_id,
        "verdict": record.report.verdict.value,
        "idempotency_key": idempotency_key(record),
        "sha256": sha256_bytes(row.envelope.encode()),
    }
    wrong = [name for name, value in stated.items() if getattr(row, name) != value]
    if "run_id" in wrong:
        raise IntegrityError(
            f"ledger entry {row.seq}: a statement of run {record.context.run_id} stands as one of run {row.run_id}",
            kind="replayed",
        )
    if wrong:
        raise IntegrityError(
            f"ledger entry {row.seq}: column {wrong[0]} says {str(getattr(row, wrong[0]))!r}, the signed statement "
            f"{str(stated[wrong[0]])!r}; the index was changed"
        )
