"""Named people between gate and registry: the question, and the signed record of the answer.

Nobody approves what they asked for themselves; no answer in time rejects.
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param

from assay.records import Check, Step, StepReport, Verdict, combined_verdict
from operators.station import StationOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from assay.json_types import JsonObject
    from assay.spec import PipelineSpec
    from assay.station import Station, StepRequest
    from assay.workbench import Workbench

APPROVE, REJECT = "Approve", "Reject"
ASK_TASK_ID = "ask_approvers"


def ask_approvers(spec: "PipelineSpec") -> HITLOperator:
    """The question in Airflow's "required actions", open to the spec's approvers only.

    No default answer: the timeout fails the task, so that silence never approves. A rejection goes on
    to the next task, which signs it.
    """
    return HITLOperator(
        task_id=ASK_TASK_ID,
        subject=f"Promote {spec.name}?",
        body="The gate's report:\n```json\n{{ ti.xcom_pull(task_ids='gate') | tojson(indent=2) }}\n```",
        options=[APPROVE, REJECT],
        defaults=None,
        params={"reason": Param("", type="string", title="Reason", description="kept in the signed statement")},
        assigned_users=[{"id": name, "name": name} for name in spec.approval.approvers],
        response_timeout=timedelta(minutes=spec.approval.timeout_minutes),
        retries=0,
    )


class RecordApprovalOperator(StationOperator):
    """Signs who answered what about which model; only an approval by a second person passes."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(step=Step.APPROVE, **kwargs)

    def station(self, context: "Context", spec: "PipelineSpec") -> "Station":
        """The record of the answer in this run's XCom."""
        answer = cast("JsonObject", context["ti"].xcom_pull(task_ids=ASK_TASK_ID) or {})

        def approve(request: "StepRequest", bench: "Workbench") -> StepReport:
            del bench
            return judge_answer(request, answer)

        return approve


def judge_answer(request: "StepRequest", answer: "JsonObject") -> StepReport:
    """The report on a human's answer: one of the approvers, not the requester, and the word was Approve."""
    responder = str(cast("JsonObject", answer.get("responded_by_user") or {}).get("name") or "")
    chosen = cast("list[str]", answer.get("chosen_options") or [])
    checks = (
        _is_approver(responder, request.spec.approval.approvers),
        _is_second_person(responder, request),
        _says_yes(responder, chosen),
    )
    return StepReport(
        step=Step.APPROVE,
        pipeline=request.spec.name,
        verdict=combined_verdict(checks),
        inputs={"model": request.input("model")},
        judged=("model",),
        checks=checks,
        facts={
            "responder": responder,
            "requester": request.context.actor,
            "answer": chosen,
            "reason": cast("JsonObject", answer.get("params_input") or {}).get("reason", ""),
            "responded_at": str(answer.get("responded_at", "")),
        },
    )


def _is_approver(responder: str, approvers: list[str]) -> Check:
    named = responder in approvers
    found = responder or "nobody"
    return Check(
        name="approver_is_named",
        verdict=Verdict.PASSED if named else Verdict.FAILED,
        detail=f"expected one of {approvers}, found {found}" + ("" if named else "; ask a named approver"),
    )


def _is_second_person(responder: str, request: "StepRequest") -> Check:
    context = request.context
    # A manual run whose requester is unknown cannot show that a second person approved.
    alone = context.trigger == "manual" and context.actor in ("", responder)
    requester = f"{context.trigger} by {context.actor or 'an unknown user'}"
    return Check(
        name="second_person",
        verdict=Verdict.FAILED if alone else Verdict.PASSED,
        detail=f"requested: {requester}; answered by {responder or 'nobody'}"
        + ("; the requester may not approve: ask another approver" if alone else ""),
    )


def _says_yes(responder: str, chosen: list[str]) -> Check:
    return Check(
        name="answer",
        verdict=Verdict.PASSED if chosen == [APPROVE] else Verdict.FAILED,
        detail=f"{responder or 'nobody'} answered {', '.join(chosen) or 'nothing'}",
    )
