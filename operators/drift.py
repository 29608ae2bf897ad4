"""From a signed watch statement to the event that starts training; without the statement there is no event."""

import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from assay.records import Step, StepReport, Verdict
from operators.assets import drift_asset

if TYPE_CHECKING:
    from airflow.sdk import Context


class SignalDriftOperator(BaseOperator):
    """Emits the pipeline's drift asset event when the watch of this run demands a retraining; else is skipped.

    The event's extra names the ledger entry, which the training DAG verifies before it believes.
    """

    ui_color = "#fdf0d5"

    def __init__(self, *, pipeline: str, watch_task_id: str, **kwargs: Any) -> None:
        kwargs.setdefault("retries", 3)
        kwargs.setdefault("retry_delay", timedelta(seconds=5))
        kwargs.setdefault("execution_timeout", timedelta(minutes=5))
        super().__init__(outlets=[drift_asset(pipeline)], **kwargs)
        self.pipeline = pipeline
        self.watch_task_id = watch_task_id

    def execute(self, context: "Context") -> str:
        """The statement's sha256. Raises AirflowSkipException when nothing shall happen."""
        result = context["ti"].xcom_pull(task_ids=self.watch_task_id)
        report = StepReport.from_json(result) if result else None
        if report is None or report.verdict is not Verdict.FAILED or report.facts.get("retrain") is not True:
            verdict = report.verdict.value if report else "absent"
            why = report.facts.get("retrain_reason", "") if report else "no report"
            raise AirflowSkipException(f"watch of {self.pipeline}: {verdict}; no retraining: {why}")
        statement = self._statement_of(str(context["dag_run"].run_id))
        context["outlet_events"][drift_asset(self.pipeline)].extra = {
            "pipeline": self.pipeline,
            "statement": statement,
        }
        self.log.info("Drift of %s, signed in statement %s: training starts", self.pipeline, statement)
        return statement

    def _statement_of(self, run_id: str) -> str:
        from assay.ledger import Ledger
        from assay.settings import load_settings

        with contextlib.closing(Ledger.open(load_settings())) as ledger:
            for entry in ledger.find(step=Step.WATCH, pipeline=self.pipeline, newest_first=True, limit=50):
                if entry.context.run_id == run_id:
                    return entry.sha256
        raise AirflowFailException(
            f"{self.pipeline}: expected the signed watch statement of run {run_id}, found none in the ledger; "
            "run the watch again"
        )
