"""What the log says about keys: one was enrolled, maybe in place of another, or one was revoked.

Such a statement takes the ledger's key. It only ever takes trust away: a key is trusted because its public file lies
in the reader's folder, and a statement says from where on, and until when, to believe what it signed.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Self

from assay.errors import IntegrityError
from assay.key_files import KeyRole
from assay.records import Step, StepReport, Subject, Verdict

# No pipeline can have this name: theirs have no dots.
PIPELINE = "assay.keys"


class KeyAction(str, Enum):
    ENROL = "enrol"
    REVOKE = "revoke"


@dataclass(frozen=True)
class KeyStatement:
    """keyid: of the key it is about. replaces: the keyid that the enrolled key follows, "" for none.

    replaced_until: the last moment for which the replaced key may sign. since: of a revocation, the moment from
    which the key may have been in other hands; None: from the revocation on.
    """

    action: KeyAction
    role: KeyRole
    keyid: str
    reason: str = ""
    replaces: str = ""
    replaced_until: datetime | None = None
    since: datetime | None = None

    def to_report(self) -> StepReport:
        key = Subject(f"key/{self.role.value}", self.keyid)
        facts = {
            "action": self.action.value,
            "role": self.role.value,
            "reason": self.reason,
            "replaces": self.replaces,
            "replaced_until": self.replaced_until.isoformat() if self.replaced_until else None,
            "since": self.since.isoformat() if self.since else None,
        }
        if self.action is KeyAction.ENROL:
            return StepReport(Step.KEY, PIPELINE, Verdict.PASSED, products={"key": key}, facts=facts)
        return StepReport(Step.KEY, PIPELINE, Verdict.FAILED, inputs={"key": key}, judged=("key",), facts=facts)

    @classmethod
    def from_report(cls, report: StepReport) -> Self:
        """Raises IntegrityError unless `to_report` gives `report`."""
        try:
            facts, subject = report.facts, {**report.inputs, **report.products}["key"]
            statement = cls(
                action=KeyAction(facts["action"]),
                role=KeyRole(facts["role"]),
                keyid=subject.sha256,
                reason=str(facts["reason"]),
                replaces=str(facts["replaces"]),
                replaced_until=_moment(facts["replaced_until"]),
                since=_moment(facts["since"]),
            )
            if statement.to_report() != report:
                raise ValueError("facts that contradict each other")
        except (KeyError, ValueError, TypeError) as error:
            raise IntegrityError(
                f"key statement: expected an enrolment or a revocation, found {error!r}; no key of ours wrote it",
                kind="key_misuse",
            ) from error
        return statement


def _moment(value: object) -> datetime | None:
    return datetime.fromisoformat(str(value)) if value else None
