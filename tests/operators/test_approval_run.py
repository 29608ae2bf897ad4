"""People answer through Airflow's REST API; each answer is signed with the approver's key before the run goes on."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from assay.airflow_api import AirflowApi
from assay.approval import decisions_after
from assay.decision import latest_gate
from assay.records import Step, Subject, Verdict
from assay.signing import KeyRole
from assay.workbench import Workbench

DAG_FILE = '''
"""An Airflow DAG with people between gate and registry."""
from airflow.sdk import DAG
from assay.digests import sha256_json
from assay.records import Check, Step, StepReport, Subject, Verdict
from assay.settings import load_settings
from assay.spec_file import load_spec
from operators.approval import ApproveOperator
from operators.station import StationOperator
from tasks.approve_promotion import approved_now
from tasks.decide_promotion import policy_json

MODEL = Subject("model/toy", "b" * 64)


def export(request, bench):
    return StepReport(Step.EXPORT, "toy", Verdict.PASSED, products={"model": MODEL})


def gate(request, bench):
    facts = {"policy_sha256": sha256_json(policy_json(request.spec))}
    return StepReport(Step.GATE, "toy", Verdict.PASSED, inputs={"model": MODEL}, judged=("model",), facts=facts,
                      checks=(Check("told", Verdict.PASSED, "as told"),))


def register(request, bench):
    standing, bound = approved_now(request, bench)
    return StepReport(Step.REGISTER, "toy", Verdict.PASSED, products={"registered": MODEL},
                      facts={"approved_by": list(standing.approved_by), "version": 1, "alias": None})


class Done(StationOperator):
    def station(self, context, spec):
        return {Step.EXPORT: export, Step.GATE: gate, Step.REGISTER: register}[self.step]


with DAG(dag_id="toy.approved"):
    export_, gate_, register_ = (Done(pipeline="toy", step=step) for step in (Step.EXPORT, Step.GATE, Step.REGISTER))
    spec = load_spec(load_settings().pipelines / "toy.yaml")
    export_ >> gate_ >> ApproveOperator(pipeline="toy", approval=spec.approval) >> register_
'''
MODEL = Subject("model/toy", "b" * 64)


@pytest.mark.parametrize(
    ("answers", "register"),
    [((("admin", "Approve"), ("bob", "Approve")), "success"), ((("admin", "Approve"), ("bob", "Reject")), "skipped")],
)
def test_answers_are_signed_and_decide_and_outlive_airflows_records(
    draw: Any,
    airflow_url: str,
    airflow_home: Path,
    bench: Workbench,
    answers: tuple[tuple[str, str], ...],
    register: str,
) -> None:
    people = threading.Thread(target=_answer_in_turn, args=(airflow_url, answers), daemon=True)
    dag = draw(DAG_FILE)
    people.start()
    ended = dag.test()
    people.join(timeout=10)
    assert {ti.task_id: str(ti.state) for ti in ended.get_task_instances()} == {
        "export": "success",
        "gate": "success",
        "approve": "success",
        "register": register,
    }
    told = _decisions(bench)
    assert [(d.person, d.answer, d.reason) for d in told] == [(*answer, "seen") for answer in answers]
    entries = bench.ledger.find(step=Step.APPROVE, pipeline="toy")
    assert {entry.role for entry in entries} == {KeyRole.APPROVER}
    assert {entry.report.facts["requester"] for entry in entries}.isdisjoint({"", "admin", "bob"})
    registered = bench.ledger.find(step=Step.REGISTER, pipeline="toy", verdict=Verdict.PASSED)
    assert [entry.report.facts["approved_by"] for entry in registered] == [["admin", "bob"]] * (register == "success")

    _clean_airflows_records()
    assert _rows_of_answers(airflow_home) == 0
    assert _decisions(bench) == told


def _decisions(bench: Workbench) -> Any:
    return decisions_after(bench.ledger, MODEL, latest_gate(bench.ledger, MODEL))


def _answer_in_turn(url: str, answers: tuple[tuple[str, str], ...]) -> None:
    for person, answer in answers:
        api = AirflowApi(url, person, os.environ["ASSAY_TEST_AIRFLOW_PASSWORD"], patience_seconds=5)
        _answer_when_asked(api, answer)


def _answer_when_asked(api: AirflowApi, answer: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        waiting: Any = api._call("GET", "/dags/toy.approved/dagRuns/~/hitlDetails?response_received=false")
        parked = [one for one in waiting["hitl_details"] if one["task_instance"]["state"] == "awaiting_input"]
        for detail in parked:
            ti = detail["task_instance"]
            path = f"/dags/{ti['dag_id']}/dagRuns/{ti['dag_run_id']}/taskInstances/{ti['task_id']}/-1/hitlDetails"
            api._call("PATCH", path, {"chosen_options": [answer], "params_input": {"reason": "seen"}})
            return
        time.sleep(0.5)


def _clean_airflows_records() -> None:
    """As an operator would: everything that is older than tomorrow."""
    command = [str(Path(sys.executable).with_name("airflow")), "db", "clean", "--skip-archive", "--yes"]
    done = subprocess.run(
        [*command, "--clean-before-timestamp", "2100-01-01"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def _rows_of_answers(home: Path) -> int:
    import sqlite3

    with sqlite3.connect(home / "airflow.db") as connection:
        (count,) = connection.execute("SELECT count(*) FROM hitl_detail").fetchone()
    return int(count)
