"""The button to the trust report: what Airflow stores of it, and what it shows."""

from typing import Any

import pytest

pytest.importorskip("airflow")

from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization

from assay.records import Step
from operators.report_link import ReportLink
from operators.station import StationOperator


class EndedTask:
    """A task instance that has pushed one step report, as far as a link asks of it."""

    def __init__(self, result: Any) -> None:
        self.result = result

    def xcom_pull(self, task_ids: str, key: str) -> Any:
        return self.result if (task_ids, key) == ("register", "return_value") else None


def linked() -> StationOperator:
    with DAG("linked"):
        task = StationOperator(pipeline="two", step=Step.REGISTER)
        task.operator_extra_links = (ReportLink(),)
    return task


@pytest.mark.parametrize(
    ("result", "link"),
    [
        ({"facts": {"report_url": "http://mlflow/#/report"}}, "http://mlflow/#/report"),
        ({"facts": {}}, ""),
        ({"facts": {"report_url": 3}}, ""),
        (None, ""),
        ("words", ""),
    ],
)
def test_link_is_what_the_step_report_names(result: Any, link: str) -> None:
    assert ReportLink().get_link(linked(), ti_key=EndedTask(result)) == link  # type: ignore[arg-type]


def test_link_survives_the_way_to_the_server_without_being_registered_there() -> None:
    dag = linked().dag
    read = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
    (link,) = read.get_task("register").operator_extra_links
    assert (link.name, link.xcom_key) == ("Trust report", ReportLink().xcom_key)
