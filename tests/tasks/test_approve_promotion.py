"""Who may approve, what an answer binds, and when answers suffice: on real statements in a real ledger."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from assay.approval import APPROVE, REJECT, Bound
from assay.errors import PolicyViolation
from assay.ledger_verification import verify_ledger
from assay.records import RunContext, Step, StepReport, Subject, Verdict
from assay.station import StepRequest, run_station
from assay.workbench import Workbench
from tasks.approve_promotion import Answer, approved_now, binding_to_ask, judge_answer
from tasks.decide_promotion import decide_promotion
from tasks.register_model import register_model
from tests.tasks.promotion_story import Story, make_spec

PEOPLE = {"approvers": ["alice", "bob", "carol"], "quorum": 2}


class Asked:
    """A model that the gate let through, asked for by carol, and the people who answer."""

    def __init__(self, bench: Workbench, approval: dict[str, Any], trigger: str = "manual", actor: str = "carol"):
        self.bench = bench
        self.story = Story(bench, make_spec(approval=approval)).tell()
        self.story.context = RunContext(run_id="run", trigger=trigger, actor=actor)
        assert self.story.run(decide_promotion).verdict is Verdict.PASSED
        self.bound, _ = binding_to_ask(self.request, bench)

    @property
    def request(self) -> StepRequest:
        return self.story.request

    def answers(self, person: str, chosen: str = APPROVE, asked: Bound | None = None, later: float = 0.0) -> StepReport:
        """later: hours on the clock."""
        clock = self.bench.clock
        bench = replace(self.bench, clock=lambda: clock() + timedelta(hours=later))
        answer = Answer(person, (chosen,) if chosen else (), "looked at the report", bench.clock().isoformat())
        return run_station(lambda q, b: judge_answer(q, b, answer, asked or self.bound), self.request, bench)

    def asks_otherwise(self, **more: Any) -> None:
        """The spec is edited while people answer."""
        self.story.spec = make_spec(**{"approval": PEOPLE, **more})


@pytest.fixture
def ask(bench: Workbench) -> Callable[..., Asked]:
    def asked(approval: dict[str, Any] | None = None, **more: Any) -> Asked:
        return Asked(bench, approval or PEOPLE, **more)

    return asked


def refused(asked: Asked, words: str, later: float = 0.0) -> None:
    clock = asked.bench.clock
    with pytest.raises(PolicyViolation, match=words):
        approved_now(asked.request, replace(asked.bench, clock=lambda: clock() + timedelta(hours=later)))


def failed(report: StepReport) -> set[str]:
    return {check.name for check in report.checks if check.verdict is not Verdict.PASSED}


def test_nobody_has_answered(ask: Callable[..., Asked]) -> None:
    refused(ask(), "approved by nobody; 2 more needed")


def test_one_of_two_is_not_enough_and_keeps_the_question_open(ask: Callable[..., Asked]) -> None:
    asked = ask()
    report = asked.answers("alice")
    assert (report.verdict, report.facts["is_open"]) == (Verdict.PASSED, True)
    refused(asked, "approved by alice; 1 more needed")


def test_two_of_three_promote(ask: Callable[..., Asked]) -> None:
    asked = ask()
    asked.answers("alice")
    report = asked.answers("bob")
    assert (report.verdict, report.facts["is_open"]) == (Verdict.PASSED, False)
    standing, bound = approved_now(asked.request, asked.bench)
    assert standing.approved_by == ("alice", "bob")
    assert bound == asked.bound
    assert verify_ledger(asked.bench.ledger, asked.bench.keys).broken == ()


def test_the_requester_is_excluded_and_the_question_stays_open(ask: Callable[..., Asked]) -> None:
    asked = ask()
    report = asked.answers("carol")
    assert failed(report) == {"second_person"}
    assert report.facts["is_open"]
    asked.answers("alice")
    refused(asked, "approved by alice; 1 more needed")


def test_an_unknown_requester_of_a_manual_run_leaves_nobody_who_may_approve(ask: Callable[..., Asked]) -> None:
    assert failed(ask(actor="").answers("alice")) == {"second_person"}


def test_a_run_that_the_clock_started_has_no_requester(ask: Callable[..., Asked]) -> None:
    assert ask(trigger="schedule", actor="scheduler").answers("carol").verdict is Verdict.PASSED


def test_the_same_person_counts_once(ask: Callable[..., Asked]) -> None:
    asked = ask()
    asked.answers("alice")
    assert failed(asked.answers("alice")) == {"once_each"}
    refused(asked, "1 more needed")


def test_who_is_not_named_does_not_count(ask: Callable[..., Asked]) -> None:
    assert failed(ask().answers("mallory")) == {"approver_is_named"}


def test_one_rejection_ends_the_matter(ask: Callable[..., Asked]) -> None:
    asked = ask()
    asked.answers("alice")
    report = asked.answers("bob", REJECT)
    assert (report.verdict, report.facts["is_open"]) == (Verdict.FAILED, False)
    asked.answers("carol")
    refused(asked, "rejected by bob")


def test_a_rejection_closes_the_question_even_where_the_task_is_run_again(ask: Callable[..., Asked]) -> None:
    asked = ask()
    asked.answers("alice", REJECT)
    assert not asked.answers("bob").facts["is_open"]


def test_an_answer_after_the_deadline_is_void(ask: Callable[..., Asked]) -> None:
    asked = ask({**PEOPLE, "quorum": 1, "timeout_minutes": 60})
    assert failed(asked.answers("alice", later=1.1)) == {"in_time"}
    refused(asked, "approved by nobody", later=1.1)


def test_approvers_edited_out_of_the_spec_after_the_gate_are_missed_at_registration(ask: Callable[..., Asked]) -> None:
    asked = ask()
    asked.asks_otherwise(approval={})
    with pytest.raises(PolicyViolation, match="the gate judged by policy"):
        register_model(asked.request, asked.bench)


def test_silence_rejects_and_is_signed(ask: Callable[..., Asked]) -> None:
    report = ask().answers("", "")
    assert (report.verdict, report.facts["is_open"]) == (Verdict.FAILED, False)
    assert any("nothing in time" in check.detail for check in report.checks)


def test_an_expired_answer_counts_no_more(ask: Callable[..., Asked]) -> None:
    asked = ask({**PEOPLE, "valid_hours": 1})
    asked.answers("alice")
    report = asked.answers("bob", later=2.0)
    assert report.facts["is_open"], "alice's answer is too old by now"
    refused(asked, "by alice does not count: it expired", later=2.0)


def test_another_policy_after_the_first_answer_voids_it(ask: Callable[..., Asked]) -> None:
    asked = ask()
    asked.answers("alice")
    asked.asks_otherwise(gate=[{"metric": "accuracy", "min": 0.1}])
    report = asked.answers("bob")
    assert failed(report) == {"digests_bound"}
    assert not report.facts["is_open"]
    refused(asked, "the gate judged by policy")


def test_another_report_after_the_first_answer_voids_it(ask: Callable[..., Asked]) -> None:
    asked = ask()
    asked.answers("alice")
    asked.asks_otherwise(description="something else altogether")
    assert failed(asked.answers("bob")) == {"digests_bound"}
    refused(asked, "the report changed since")


def test_what_serves_meanwhile_voids_no_answer(ask: Callable[..., Asked]) -> None:
    asked = ask()
    asked.answers("alice")
    asked.answers("bob")
    model = Subject("model/two", "d" * 64)
    back = StepReport(
        Step.ROLLBACK, "two", Verdict.PASSED, products={"deployment": Subject("deployment/two", "e" * 64)},
        inputs={"model": model}, facts={"version": 1, "from": 2, "to": 1, "onnx_sha256": "f" * 64},
    )  # fmt: skip
    run_station(lambda _request, _bench: back, asked.request, asked.bench)
    assert approved_now(asked.request, asked.bench)[0].approved_by == ("alice", "bob")


def test_a_new_word_of_the_gate_starts_anew(ask: Callable[..., Asked]) -> None:
    asked = ask()
    asked.answers("alice")
    asked.answers("bob")
    asked.story.context = replace(asked.story.context, run_id="again")
    asked.story.run(decide_promotion)
    refused(asked, "approved by nobody")


def test_of_each_role_somebody_must_approve(ask: Callable[..., Asked]) -> None:
    asked = ask({"approvers": ["alice", "bob"], "roles": {"security": ["dana", "erik"]}, "quorum": 2})
    asked.answers("alice")
    assert asked.answers("bob").facts["is_open"]
    refused(asked, "nobody of the role security yet")
    assert not asked.answers("erik").facts["is_open"]
    approved_now(asked.request, asked.bench)


def test_two_rejections_of_one_run_are_two_entries(ask: Callable[..., Asked]) -> None:
    asked = ask()
    size = asked.bench.ledger.size()
    asked.answers("alice", REJECT)
    asked.answers("bob", REJECT)
    assert asked.bench.ledger.size() == size + 2


@pytest.mark.parametrize(
    "approval",
    [
        {"approvers": ["alice"], "quorum": 2},
        {"quorum": 2},
        {"approvers": ["alice"], "roles": {"security": []}},
    ],
)
def test_a_quorum_that_nobody_can_reach_is_no_spec(approval: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        make_spec(approval=approval)
