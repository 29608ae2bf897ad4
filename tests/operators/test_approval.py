from assay.records import RunContext, StepReport, Subject, Verdict
from assay.spec import PipelineSpec
from assay.station import StepRequest
from operators.approval import judge_answer

MODEL = Subject("model/toy", "a" * 64)


def _request(*, trigger: str = "manual", actor: str = "carol") -> StepRequest:
    spec = PipelineSpec.model_validate(
        {
            "name": "toy",
            "data": {"collector": {"sources": [{"source": "path", "path": "/nowhere"}]}},
            "train": {"model": "models.toy:Toy"},
            "approval": {"approvers": ["alice", "bob"]},
        }
    )
    return StepRequest(spec, RunContext(run_id="r", trigger=trigger, actor=actor), inputs={"model": MODEL})


def _answer(name: str, option: str = "Approve") -> dict[str, object]:
    return {
        "chosen_options": [option],
        "params_input": {"reason": "looked at the holdout"},
        "responded_at": "2026-01-01T00:00:00+00:00",
        "responded_by_user": {"id": name, "name": name},
    }


def _failed(report: StepReport) -> set[str]:
    return {check.name for check in report.checks if check.verdict is not Verdict.PASSED}


def test_second_person_who_is_named_approves() -> None:
    report = judge_answer(_request(), _answer("alice"))  # type: ignore[arg-type]
    assert report.verdict is Verdict.PASSED
    assert report.subjects() == (MODEL,)
    assert report.facts["responder"] == "alice"
    assert report.facts["reason"] == "looked at the holdout"


def test_requester_may_not_approve_what_they_asked_for() -> None:
    assert _failed(judge_answer(_request(actor="alice"), _answer("alice"))) == {"second_person"}  # type: ignore[arg-type]


def test_unknown_requester_of_a_manual_run_is_refused() -> None:
    assert _failed(judge_answer(_request(actor=""), _answer("alice"))) == {"second_person"}  # type: ignore[arg-type]


def test_run_started_by_the_clock_has_no_requester_to_exclude() -> None:
    report = judge_answer(_request(trigger="schedule", actor="scheduler"), _answer("bob"))  # type: ignore[arg-type]
    assert report.verdict is Verdict.PASSED


def test_answer_of_somebody_not_named_is_refused() -> None:
    assert _failed(judge_answer(_request(), _answer("mallory"))) == {"approver_is_named"}  # type: ignore[arg-type]


def test_rejection_is_signed_as_failed() -> None:
    assert _failed(judge_answer(_request(), _answer("bob", "Reject"))) == {"answer"}  # type: ignore[arg-type]


def test_missing_answer_never_approves() -> None:
    report = judge_answer(_request(), {})
    assert report.verdict is Verdict.FAILED
    assert _failed(report) == {"approver_is_named", "answer"}
