"""Who approved what: signed decisions bound to digests, and whether they suffice.

A decision speaks of one model, one policy and one report. It counts while it is young enough, comes after the gate's
newest word and binds the digests of now; a change of any of them voids it. One rejection ends the matter.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Self, cast

from assay.errors import PolicyViolation
from assay.json_types import JsonObject
from assay.ledger import Ledger, LedgerEntry
from assay.records import Step, Subject, Verdict

if TYPE_CHECKING:
    from assay.spec import ApprovalSpec

APPROVE, REJECT = "Approve", "Reject"


@dataclass(frozen=True)
class Bound:
    """What a person looked at, by sha256: the model, the policy that let it through, the trust report as of then."""

    model: str
    policy: str
    report: str

    def to_json(self) -> JsonObject:
        return {"model": self.model, "policy": self.policy, "report": self.report}

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> Self:
        return cls(str(value["model"]), str(value["policy"]), str(value["report"]))

    def changes(self, other: Self) -> tuple[str, ...]:
        """Which of the three are not those of `other`."""
        mine, theirs = self.to_json(), other.to_json()
        return tuple(what for what in mine if mine[what] != theirs[what])


@dataclass(frozen=True)
class Decision:
    """One signed answer. is_valid: every check of it passed. flaws: what those say that did not."""

    person: str
    answer: str
    reason: str
    at: datetime
    expires_at: datetime
    bound: Bound
    is_valid: bool
    flaws: tuple[str, ...]
    seq: int

    @classmethod
    def of(cls, entry: LedgerEntry) -> Self:
        """From a verified approve statement."""
        facts = entry.report.facts
        return cls(
            person=str(facts["responder"]),
            answer=str(facts["answer"]),
            reason=str(facts["reason"]),
            at=entry.at,
            expires_at=datetime.fromisoformat(str(facts["expires_at"])),
            bound=Bound.from_json(cast(JsonObject, facts["bound"])),
            is_valid=entry.report.verdict is Verdict.PASSED,
            flaws=tuple(check.detail for check in entry.report.checks if check.verdict is not Verdict.PASSED),
            seq=entry.seq,
        )

    def to_json(self) -> JsonObject:
        return {
            "person": self.person,
            "answer": self.answer,
            "reason": self.reason,
            "at": self.at.isoformat(),
            "valid": self.is_valid,
            "flaws": list(self.flaws),
            "entry": self.seq,
        }


@dataclass(frozen=True)
class Standing:
    """How far the approval is. missing: how many more people; missing_roles: of which each needs one more person.

    void: why decisions do not count, in words.
    """

    approved_by: tuple[str, ...]
    rejected_by: tuple[str, ...]
    missing: int
    missing_roles: tuple[str, ...]
    void: tuple[str, ...] = ()

    @property
    def is_reached(self) -> bool:
        return not (self.rejected_by or self.missing or self.missing_roles)

    @property
    def is_decided(self) -> bool:
        """Nothing that anybody answers now changes it."""
        return self.is_reached or bool(self.rejected_by)

    @property
    def words(self) -> str:
        """For a person, an error or a check."""
        told = [f"approved by {', '.join(self.approved_by) or 'nobody'}"]
        told += [f"rejected by {', '.join(self.rejected_by)}"] if self.rejected_by else []
        told += [f"{self.missing} more needed"] if self.missing else []
        told += [f"nobody of the role {role} yet" for role in self.missing_roles]
        return "; ".join([*told, *self.void])

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> Self:
        approved, rejected, roles, void = (
            tuple(cast("list[str]", value[key])) for key in ("approved_by", "rejected_by", "missing_roles", "void")
        )
        return cls(approved, rejected, cast(int, value["missing"]), roles, void)

    def to_json(self) -> JsonObject:
        return {
            "approved_by": list(self.approved_by),
            "rejected_by": list(self.rejected_by),
            "missing": self.missing,
            "missing_roles": list(self.missing_roles),
            "void": list(self.void),
        }


def decisions_after(ledger: Ledger, model: Subject, gate: LedgerEntry) -> tuple[Decision, ...]:
    """All answers about `model` since `gate` decided, oldest first. Raises IntegrityError when one does not verify."""
    found = ledger.find(subject_sha256=model.sha256, step=Step.APPROVE, newest_first=False)
    return tuple(Decision.of(entry) for entry in found if entry.seq > gate.seq)


def standing(decisions: Iterable[Decision], wanted: "ApprovalSpec", bound: Bound, now: datetime) -> Standing:
    """What the decisions come to at `now`, for the digests of now."""
    decided = list(decisions)
    rejected = tuple(dict.fromkeys(d.person for d in decided if d.answer == REJECT and d.person))
    approving = [d for d in decided if d.is_valid and d.answer == APPROVE]
    flaws = [(d, _flaw(d, wanted, bound, now)) for d in approving]
    approved = tuple(dict.fromkeys(d.person for d, flaw in flaws if not flaw))
    return Standing(
        approved_by=approved,
        rejected_by=rejected,
        missing=max(0, wanted.quorum - len(approved)),
        missing_roles=tuple(role for role, people in wanted.roles.items() if not set(people) & set(approved)),
        void=tuple(f"entry {d.seq} by {d.person} does not count: {flaw}" for d, flaw in flaws if flaw),
    )


def require_approval(
    decisions: Sequence[Decision], wanted: "ApprovalSpec", model: Subject, bound: Bound, now: datetime
) -> Standing:
    """The standing, when it is reached. Raises PolicyViolation saying who is missing and which decisions are void."""
    found = standing(decisions, wanted, bound, now)
    if not found.is_reached:
        raise PolicyViolation(
            f"{model.name} {model.sha256[:12]}: expected approval by {wanted.quorum} of {', '.join(wanted.people)}, "
            f"found {found.words}; ask them in Airflow or with `assay approve`"
        )
    return found


def _flaw(decision: Decision, wanted: "ApprovalSpec", bound: Bound, now: datetime) -> str:
    if changed := decision.bound.changes(bound):
        return f"the {' and the '.join(changed)} changed since"
    if now > decision.expires_at:
        return f"it expired at {decision.expires_at:%Y-%m-%d %H:%M} UTC"
    if decision.person not in wanted.people:
        return "the spec does not name them any more"
    return ""
