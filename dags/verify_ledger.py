"""An Airflow DAG that proves every day that nobody edited the ledger."""

from datetime import timedelta

from airflow.sdk import DAG

from operators.ledger_check import VerifyLedgerOperator
from operators.schedule import START, cron

with DAG(
    dag_id="assay.verify_ledger",
    description="Verify every signature, digest and proof; name the first broken entry",
    schedule=cron("17 4 * * *"),
    start_date=START,
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    default_args={"owner": "assay"},
    tags=["assay"],
):
    VerifyLedgerOperator(
        task_id="verify_ledger", retries=2, retry_delay=timedelta(seconds=15), execution_timeout=timedelta(hours=1)
    )
