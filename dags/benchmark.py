"""An Airflow DAG that measures a model from elsewhere: scanned, attacked in a confined process, signed."""

from airflow.sdk import DAG

from operators.benchmark import BenchForeignOperator, ScanForeignOperator, benchmark_form
from operators.schedule import START

with DAG(
    dag_id="assay.benchmark",
    description="Attack a model made elsewhere and sign how many rows stand",
    schedule=None,
    start_date=START,
    catchup=False,
    max_active_runs=4,
    is_paused_upon_creation=False,
    params=benchmark_form(),
    default_args={"owner": "assay"},
    tags=["assay"],
):
    ScanForeignOperator() >> BenchForeignOperator()
