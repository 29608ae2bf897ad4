"""One entry of the log: the row as the database has it, and what it takes to believe it."""

from dataclasses import dataclass
from datetime import datetime

from assay.digests import sha256_bytes, sha256_json
from assay.errors import IntegrityError
from assay.json_types import JsonObject
from assay.records import RunContext, Step, StepReport
from assay.signing import Envelope, KeyRing, KeyRole
from assay.statement import StepRecord, read_statement

# A release and a quarantine overrule verdicts, so they take the key of those who may approve.
_ROLES = {
    Step.GATE: KeyRole.GATE,
    Step.APPROVE: KeyRole.APPROVER,
    Step.RELEASE: KeyRole.APPROVER,
    Step.QUARANTINE: KeyRole.APPROVER,
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
    envelope: str


def believe(row: Row, keys: KeyRing) -> LedgerEntry:
    """The row as an entry, once its signature, its key's role and its columns hold. Raises IntegrityError."""
    try:
        envelope = Envelope.from_bytes(row.envelope.encode())
        statement, record, role = read_signed(envelope, keys)
        _check_columns(row, record)
    except IntegrityError as error:
        raise IntegrityError(f"ledger entry {row.seq}: {error}") from error
    return LedgerEntry(row.seq, record.ended_at, envelope, statement, record, role, sha256_bytes(row.envelope.encode()))


def read_signed(envelope: Envelope, keys: KeyRing) -> tuple[JsonObject, StepRecord, KeyRole]:
    """Statement, record and the signer's role.

    Raises IntegrityError when the signature does not hold or the signer's role may not sign such a step.
    """
    # Verify before parsing: what a stranger wrote is not even read.
    role = keys.verify(envelope).role
    statement, record = read_statement(envelope.payload)
    step = record.report.step
    if role is not role_of(step):
        raise IntegrityError(f"a {step.value} statement needs a {role_of(step).value} key, found a {role.value} key")
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


def _check_columns(row: Row, record: StepRecord) -> None:
    stated = (record.ended_at, record.report.step.value, record.report.pipeline, record.context.run_id,
              record.report.verdict.value, idempotency_key(record))  # fmt: skip
    found = (row.at, row.step, row.pipeline, row.run_id, row.verdict, row.idempotency_key)
    if stated != found:
        raise IntegrityError(f"its columns say {found[:5]}, its signed statement {stated[:5]}; the index was changed")
