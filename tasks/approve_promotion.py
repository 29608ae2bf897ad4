"""One person's answer about one model, judged and signed before anything moves; and what all answers come to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self, cast

from assay.approval import APPROVE, REJECT, Bound, Standing, decisions_after, require_approval, standing
from assay.decision import latest_gate
from assay.digests import canonical_json, sha256_json
from assay.errors import PolicyViolation
from assay.json_types import JsonObject
from assay.ledger import LedgerEntry
from assay.records import Check, Step, StepReport, Subject, Verdict, combined_verdict
from assay.station import StepRequest
from assay.workbench import Workbench
from tasks.decide_promotion import policy_json
from tasks.reporting.make_report import make_report


@dataclass(frozen=True)
class Answer:
    """What Airflow says was answered. person: "" when nobody answered in time."""

    person: str = ""
    chosen: tuple[str, ...] = ()
    reason: str = ""
    at: str = ""

    @classmethod
    def of_event(cls, event: Mapping[str, object]) -> Self:
        """From the event with which Airflow resumes a task that waited for input; a timeout is an answer by nobody."""
        if "error" in event:
            return cls()
        return cls(
            person=str(cast(JsonObject, event.get("responded_by_user") or {}).get("name") or ""),
            chosen=tuple(cast("list[str]", event.get("chosen_options") or [])),
            reason=str(cast(JsonObject, event.get("params_input") or {}).get("reason") or ""),
            at=str(event.get("responded_at") or ""),
        )

    @property
    def is_approval(self) -> bool:
        return self.chosen == (APPROVE,)

    @property
    def is_final(self) -> bool:
        """A rejection, or silence until the end."""
        return not self.person or self.chosen == (REJECT,)


def present_binding(request: StepRequest, bench: Workbench) -> tuple[Bound, LedgerEntry]:
    """The digests of now, and the gate's newest entry. Raises PolicyViolation unless that let the model through."""
    model = request.input("model")
    gate = latest_gate(bench.ledger, model)
    report = bench.store.put_bytes(make_report(bench, model, request.spec, up_to_gate=True))
    return Bound(model.sha256, sha256_json(policy_json(request.spec)), report), gate


def binding_to_ask(request: StepRequest, bench: Workbench) -> tuple[Bound, LedgerEntry]:
    """The same, for a question. Raises PolicyViolation as well when the gate judged by another policy."""
    bound, gate = present_binding(request, bench)
    require_same_policy(request, gate)
    return bound, gate


def require_same_policy(request: StepRequest, gate: LedgerEntry) -> None:
    """Raises PolicyViolation when the spec was edited since: who had to approve is part of what the gate judged by."""
    judged, present = gate.report.facts.get("policy_sha256"), sha256_json(policy_json(request.spec))
    if judged != present:
        raise PolicyViolation(
            f"{request.spec.name}: the gate judged by policy {str(judged)[:12]}, the spec's is {present[:12]}; "
            "run the pipeline again, so that what is registered is what holds"
        )


def deadline(request: StepRequest, gate: LedgerEntry) -> datetime:
    """Until when answers count: the spec's time after the gate decided."""
    return gate.at + timedelta(minutes=request.spec.approval.timeout_minutes)


def present_standing(request: StepRequest, bench: Workbench, bound: Bound, gate: LedgerEntry) -> Standing:
    """What the signed answers come to now."""
    decisions = decisions_after(bench.ledger, request.input("model"), gate)
    return standing(decisions, request.spec.approval, bound, bench.clock())


def newest_answer(request: StepRequest, bench: Workbench, gate: LedgerEntry) -> StepReport:
    """The report that the last answer after `gate` left. Raises PolicyViolation when nobody answered."""
    found = bench.ledger.find(subject_sha256=request.input("model").sha256, step=Step.APPROVE, limit=1)
    if not found or found[0].seq < gate.seq:
        raise PolicyViolation(f"{request.spec.name}: expected an answer after entry {gate.seq}, found none")
    return found[0].report


def approved_now(request: StepRequest, bench: Workbench) -> tuple[Standing, Bound]:
    """For registration. Raises PolicyViolation unless enough valid answers bind the digests of now."""
    bound, gate = binding_to_ask(request, bench)
    model = request.input("model")
    decisions = decisions_after(bench.ledger, model, gate)
    return require_approval(decisions, request.spec.approval, model, bound, bench.clock()), bound


def judge_answer(request: StepRequest, bench: Workbench, answer: Answer, asked: Bound) -> StepReport:
    """PASSED: the answer is an approval that counts. facts.is_open: the question stands for further people.

    asked: what the person was shown. A person who may not answer, or did already, makes the answer void, not a no.
    """
    bound, gate = present_binding(request, bench)
    before, now = present_standing(request, bench, asked, gate), bench.clock()
    checks = (
        _is_approver(answer, request),
        _is_second_person(answer, request),
        _is_first_answer(answer, before),
        _is_unchanged(asked, bound),
        _is_in_time(answer, deadline(request, gate), now),
        _says_yes(answer),
    )
    verdict = combined_verdict(checks)
    facts: JsonObject = {
        "responder": answer.person,
        "requester": request.context.actor,
        "answer": answer.chosen[0] if len(answer.chosen) == 1 else "",
        "reason": answer.reason,
        "responded_at": answer.at,
        "expires_at": (now + timedelta(hours=request.spec.approval.valid_hours)).isoformat(),
        "bound": asked.to_json(),
        "gate_entry": gate.sha256,
    }
    after = _after(before, answer, verdict, request)
    # Two people's equal answers are two decisions: each has a document, hence a digest, of its own.
    decision = Subject(f"decision/{request.spec.name}", bench.store.put_bytes(canonical_json(facts)))
    return StepReport(
        step=Step.APPROVE,
        pipeline=request.spec.name,
        verdict=verdict,
        products={"decision": decision},
        inputs={"model": request.input("model")},
        judged=("model",),
        checks=checks,
        facts={
            **facts,
            "policy_sha256": asked.policy,
            "input_attestations": [gate.sha256],
            "standing": after.to_json(),
            "is_open": not (answer.is_final or asked.changes(bound) or after.is_decided),
        },
    )


def _after(before: Standing, answer: Answer, verdict: Verdict, request: StepRequest) -> Standing:
    """The standing with this answer, which the ledger does not hold yet."""
    if answer.person and answer.chosen == (REJECT,):
        return Standing(before.approved_by, (*before.rejected_by, answer.person), before.missing, before.missing_roles)
    if verdict is not Verdict.PASSED:
        return before
    approved, wanted = (*before.approved_by, answer.person), request.spec.approval
    roles = tuple(role for role in before.missing_roles if answer.person not in wanted.roles[role])
    return Standing(approved, before.rejected_by, max(0, wanted.quorum - len(approved)), roles, before.void)


def _is_approver(answer: Answer, request: StepRequest) -> Check:
    people, found = request.spec.approval.people, answer.person or "nobody"
    named = answer.person in people
    return Check(
        name="approver_is_named",
        verdict=Verdict.PASSED if named else Verdict.FAILED,
        detail=f"expected one of {', '.join(people)}, found {found}" + ("" if named else "; ask a named approver"),
    )


def _is_second_person(answer: Answer, request: StepRequest) -> Check:
    context = request.context
    # A manual run whose requester is unknown cannot show that a second person approved.
    alone = context.trigger == "manual" and context.actor in ("", answer.person)
    requester = f"{context.trigger} by {context.actor or 'an unknown user'}"
    return Check(
        name="second_person",
        verdict=Verdict.FAILED if alone else Verdict.PASSED,
        detail=f"requested: {requester}; answered by {answer.person or 'nobody'}"
        + ("; the requester may not approve: ask another approver" if alone else ""),
    )


def _is_first_answer(answer: Answer, before: Standing) -> Check:
    again = answer.person in before.approved_by
    words = f"{answer.person} approved before: ask another person" if again else "a person's first approval"
    return Check("once_each", Verdict.FAILED if again else Verdict.PASSED, words)


def _is_unchanged(asked: Bound, bound: Bound) -> Check:
    changed = asked.changes(bound)
    words = f"the {' and the '.join(changed)} changed since the question was asked: run the pipeline again"
    verdict = Verdict.FAILED if changed else Verdict.PASSED
    return Check("digests_bound", verdict, words if changed else "model, policy and report are those that were shown")


def _is_in_time(answer: Answer, until: datetime, now: datetime) -> Check:
    """By Airflow's word on when it was given; the answer may be read later."""
    given = datetime.fromisoformat(answer.at) if answer.at else now
    late = given > until
    words = f"answered at {given:%Y-%m-%d %H:%M}, expected until {until:%Y-%m-%d %H:%M} UTC"
    return Check(
        "in_time", Verdict.FAILED if late else Verdict.PASSED, words + ("; run the pipeline again" if late else "")
    )


def _says_yes(answer: Answer) -> Check:
    return Check(
        name="answer",
        verdict=Verdict.PASSED if answer.is_approval else Verdict.FAILED,
        detail=f"{answer.person or 'nobody'} answered {', '.join(answer.chosen) or 'nothing in time'}",
    )
