"""A button on the task that registers a model: to the trust report of that very version."""

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

_RETURN_VALUE = "return_value"


class ReportLink(BaseOperatorLink):
    """Where the report lies, as the task's own step report names it. Worked out once, when the task has ended."""

    name = "Trust report"

    def get_link(self, operator: "BaseOperator", *, ti_key: "TaskInstanceKey") -> str:
        """facts.report_url of the step report; "" where the step has none."""
        # Airflow hands over the running task instance here, whatever the name says.
        ti: Any = ti_key
        result = ti.xcom_pull(task_ids=operator.task_id, key=_RETURN_VALUE)
        facts = result.get("facts") if isinstance(result, dict) else None
        url = facts.get("report_url") if isinstance(facts, dict) else None
        return url if isinstance(url, str) else ""
