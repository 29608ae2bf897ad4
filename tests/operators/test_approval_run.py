"""People answer through Airflow's REST API; each answer is signed with the approver's key before the run goes on."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from assay.airflow_api import AirflowApi, Question
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

MODEL = Subject("model/voted", "b" * 64)


def export(request, bench):
    return StepReport(Step.EXPORT, "voted", Verdict.PASSED, products={"model": MODEL})


def gate(request, bench):
    facts = {"policy_sha256": sha256_json(policy_json(request.spec))}
    return StepReport(Step.GATE, "voted", Verdict.PASSED, inputs={"model": MODEL}, judged=("model",), facts=facts,
                      checks=(Check("told", Verdict.PASSED, "as told"),))


def register(request, bench):
    standing, bound = approved_now(request, bench)
    return StepReport(Step.REGISTER, "voted", Verdict.PASSED, products={"registered": MODEL},
                      facts={"approved_by": list(standing.approved_by), "version": 1, "alias": None})


class Done(StationOperator):
    def station(self, context, spec):
        return {Step.EXPORT: export, Step.GATE: gate, Step.REGISTER: register}[self.step]


with DAG(dag_id="voted.train"):
    export_, gate_, register_ = (Done(pipeline="voted", step=step) for step in (Step.EXPORT, Step.GATE, Step.REGISTER))
    spec = load_spec(load_settings().pipelines / "voted.yaml")
    export_ >> gate_ >> ApproveOperator(pipeline="voted", approval=spec.approval) >> register_
'''
MODEL = Subject("model/voted", "b" * 64)
SPEC = """
name: voted
data: {collector: {sources: [{source: path, path: /nowhere}], reader: csv}}
train: {model: 'toy_model_of_tests:Toy'}
approval: {approvers: [admin, bob], quorum: 2}
"""
_told_by_command: list[tuple[int, str, str]] = []


@pytest.mark.parametrize(
    ("answers", "register"),
    [((("admin", "Approve"), ("bob", "Approve")), "success"), ((("admin", "Approve"), ("bob", "Reject")), "skipped")],
)
def test_answers_are_signed_and_decide_and_outlive_airflows_records(
    draw: Any,
    airflow_url: str,
    airflow_home: Path,
    bench: Workbench,
    tmp_path: Path,
    answers: tuple[tuple[str, str], ...],
    register: str,
) -> None:
    people = threading.Thread(target=_answer_in_turn, args=(airflow_url, answers), daemon=True)
    (tmp_path / "voted.yaml").write_text(SPEC)
    dag = draw(DAG_FILE)
    people.start()
    ended = dag.test()
    people.join(timeout=120)
    code, told, said = _told_by_command.pop()
    assert code == 0, said
    assert json.loads(told)["reached"] is (register == "success")
    assert {ti.task_id: str(ti.state) for ti in ended.get_task_instances()} == {
        "export": "success",
        "gate": "success",
        "approve": "success",
        "register": register,
    }
    decisions = _decisions(bench)
    assert [(d.person, d.answer, d.reason) for d in decisions] == [(*answer, "seen") for answer in answers]
    entries = bench.ledger.find(step=Step.APPROVE, pipeline="voted")
    assert {entry.role for entry in entries} == {KeyRole.APPROVER}
    assert {entry.report.facts["requester"] for entry in entries}.isdisjoint({"", "admin", "bob"})
    registered = bench.ledger.find(step=Step.REGISTER, pipeline="voted", verdict=Verdict.PASSED)
    assert [entry.report.facts["approved_by"] for entry in registered] == [["admin", "bob"]] * (register == "success")

    _clean_airflows_records()
    assert _rows_of_answers(airflow_home) == 0
    assert _decisions(bench) == decisions


def _decisions(bench: Workbench) -> Any:
    return decisions_after(bench.ledger, MODEL, latest_gate(bench.ledger, MODEL))


def _answer_in_turn(url: str, answers: tuple[tuple[str, str], ...]) -> None:
    """The first as Airflow's page does it, the second by the command."""
    (first, answer), (second, word) = answers
    password = os.environ["ASSAY_TEST_AIRFLOW_PASSWORD"]
    api = AirflowApi(url, first, password, patience_seconds=5)
    api.answer(_question(api), answer, "seen")
    _question(api)
    login = {"ASSAY_AIRFLOW_URL": url, "ASSAY_AIRFLOW_USERNAME": second, "ASSAY_AIRFLOW_PASSWORD": password}
    command = [str(Path(sys.executable).with_name("assay")), "approve", "voted", "--reason", "seen", "--json"]
    done = subprocess.run(
        [*command, "--yes" if word == "Approve" else "--no"],
        env={**os.environ, **login},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    _told_by_command.append((done.returncode, done.stdout, done.stderr))


def _question(api: AirflowApi) -> Question:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for question in api.questions("voted.train"):
            return question
        time.sleep(0.5)
    raise TimeoutError("nobody was asked")


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
