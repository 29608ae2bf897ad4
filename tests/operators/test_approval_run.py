"""A person answers through Airflow's REST API; the answer is signed with the approver's key."""

import os
import threading
import time
from typing import Any

import pytest

from assay.airflow_api import AirflowApi
from assay.records import Step, Verdict
from assay.signing import KeyRole
from assay.workbench import Workbench

DAG_FILE = '''
"""An Airflow DAG with people between gate and registry."""
from airflow.sdk import DAG
from assay.records import Step, StepReport, Subject, Verdict
from assay.spec_file import load_spec
from assay.settings import load_settings
from operators.approval import RecordApprovalOperator, ask_approvers
from operators.station import StationOperator


class Done(StationOperator):
    def station(self, context, spec):
        def step(request, bench):
            products = {"model": Subject("model/toy", "b" * 64)} if self.step is Step.EXPORT else {}
            return StepReport(self.step, spec.name, Verdict.PASSED, products=products)

        return step


with DAG(dag_id="toy.approved"):
    export, gate, register = (Done(pipeline="toy", step=step) for step in (Step.EXPORT, Step.GATE, Step.REGISTER))
    ask = ask_approvers(load_spec(load_settings().pipelines / "toy.yaml"))
    export >> gate >> ask >> RecordApprovalOperator(pipeline="toy") >> register
'''


@pytest.mark.parametrize(
    ("answer", "verdict", "register"), [("Approve", Verdict.PASSED, "success"), ("Reject", Verdict.FAILED, "skipped")]
)
def test_second_persons_answer_is_signed_and_decides(  # fixtures and the two answers
    draw: Any, airflow_url: str, bench: Workbench, answer: str, verdict: Verdict, register: str
) -> None:
    api = AirflowApi(airflow_url, "admin", os.environ["ASSAY_TEST_AIRFLOW_PASSWORD"], patience_seconds=5)
    person = threading.Thread(target=_answer_when_asked, args=(api, answer), daemon=True)
    dag = draw(DAG_FILE)
    person.start()
    ended = dag.test()
    person.join(timeout=10)
    assert {ti.task_id: str(ti.state) for ti in ended.get_task_instances()} == {
        "export": "success",
        "gate": "success",
        "ask_approvers": "success",
        "approve": "success",
        "register": register,
    }
    (entry,) = bench.ledger.find(step=Step.APPROVE, pipeline="toy")
    assert (entry.role, entry.report.verdict) == (KeyRole.APPROVER, verdict)
    assert (entry.report.facts["responder"], entry.report.facts["reason"]) == ("admin", "seen")
    assert entry.report.facts["requester"] not in ("", "admin")


def _answer_when_asked(api: AirflowApi, answer: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        waiting: Any = api._call("GET", "/dags/toy.approved/dagRuns/~/hitlDetails?response_received=false")
        for detail in waiting["hitl_details"]:
            ti = detail["task_instance"]
            path = f"/dags/{ti['dag_id']}/dagRuns/{ti['dag_run_id']}/taskInstances/{ti['task_id']}/-1/hitlDetails"
            api._call("PATCH", path, {"chosen_options": [answer], "params_input": {"reason": "seen"}})
            return
        time.sleep(0.5)
