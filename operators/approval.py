"""Named people between gate and registry: the question in Airflow's "required actions", each answer signed at once.

One task asks until enough people approved, one rejects, or time is up. Every answer is in the ledger before the task
goes on, so that Airflow's own records may be cleaned without losing who approved.
"""

import contextlib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import Param
from airflow.sdk.exceptions import TaskAwaitingInput
from airflow.sdk.execution_time.hitl import HITLUser, upsert_hitl_detail

from assay.approval import APPROVE, REJECT, Bound
from assay.records import Step
from operators.station import StationOperator, refusals

if TYPE_CHECKING:
    from airflow.sdk import Context

    from assay.json_types import Json
    from assay.spec import ApprovalSpec
    from assay.station import StepRequest
    from assay.workbench import Workbench

_REASON = Param("", type="string", title="Reason", description="kept in the signed statement")


class ApproveOperator(StationOperator):
    """Waits for people without a worker; passes when as many as the spec asks for approved the same digests.

    approval: of the pipeline's spec. A rejection, and silence until the deadline, end the run and are signed as well.
    """

    def __init__(self, *, approval: "ApprovalSpec", **kwargs: Any) -> None:
        super().__init__(step=Step.APPROVE, **kwargs)
        self.people, self.quorum = approval.people, approval.quorum

    def execute(self, context: "Context") -> "Json":
        """Ask, unless the ledger's answers decide already: then the task was killed as it was about to go on."""
        from tasks.approve_promotion import binding_to_ask, deadline, newest_answer, present_standing

        with self._bench(context) as (request, bench):
            bound, gate = binding_to_ask(request, bench)
            if present_standing(request, bench, bound, gate).is_decided:
                return self.conclude(newest_answer(request, bench, gate), context)
            left = deadline(request, gate) - bench.clock()
        raise self._parked(context, bound, left)

    def execute_complete(self, context: "Context", event: Mapping[str, Any], asked: Mapping[str, str]) -> "Json":
        """Sign the answer; then go on, end the run, or ask further people."""
        from assay.station import run_station
        from tasks.approve_promotion import Answer, deadline, judge_answer, present_binding

        answer, bound = Answer.of_event(event), Bound.from_json(asked)
        with self._bench(context) as (request, bench):
            report = run_station(lambda asks, at: judge_answer(asks, at, answer, bound), request, bench)
            if not report.facts["is_open"]:
                return self.conclude(report, context)
            left = deadline(request, present_binding(request, bench)[1]) - bench.clock()
        self.tell(report)
        raise self._parked(context, bound, left)

    @contextlib.contextmanager
    def _bench(self, context: "Context") -> "Iterator[tuple[StepRequest, Workbench]]":
        from assay.settings import load_settings
        from assay.workbench import open_workbench

        settings = load_settings()
        with refusals(), open_workbench(settings, self.log.info) as bench:
            yield self.request(context, settings), bench

    def _parked(self, context: "Context", bound: Bound, left: timedelta) -> TaskAwaitingInput:
        """Put the question. What is returned parks the task until an answer: no worker, no triggerer waits with it."""
        upsert_hitl_detail(
            ti_id=context["ti"].id,
            options=[APPROVE, REJECT],
            subject=f"Promote {self.pipeline}?",
            body=self._question(bound),
            defaults=None,
            multiple=False,
            params={"reason": _REASON.serialize()},
            assigned_users=[HITLUser(id=name, name=name) for name in self.people],
        )
        asked = {key: str(value) for key, value in bound.to_json().items()}
        return TaskAwaitingInput(
            method_name="execute_complete", kwargs={"asked": asked}, timeout=max(left, timedelta(seconds=1))
        )

    def _question(self, bound: Bound) -> str:
        """The same for all who are asked: Airflow keeps the first wording."""
        return "\n".join(
            (
                f"{self.quorum} of {', '.join(self.people)} must approve, not counting whoever asked for the run.",
                "",
                f"- model `{bound.model}`",
                f"- policy `{bound.policy}`",
                f"- report [`{bound.report}`](/assay/report/{bound.report})",
                "",
                f"A change of any of the three voids an answer. `assay approve {self.pipeline}` shows who answered.",
            )
        )
