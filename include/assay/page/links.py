"""Ways out of the pages: to Airflow's own pages of a run, and to the version in MLflow."""

from dataclasses import dataclass
from urllib.parse import quote

from assay.records import RunContext


@dataclass(frozen=True)
class Links:
    """airflow: path that Airflow's UI is served under, "" at the root. mlflow: its URL, "" where there is none."""

    airflow: str
    mlflow: str

    def dag(self, dag_id: str) -> str:
        return f"{self.airflow}/dags/{quote(dag_id, safe='')}"

    def task_run(self, context: RunContext) -> str:
        """Airflow's page of the task run behind a statement; "" for a step that ran without Airflow."""
        if not (context.dag_id and context.task_id):
            return ""
        run, task = quote(context.run_id, safe=""), quote(context.task_id, safe="")
        return f"{self.dag(context.dag_id)}/runs/{run}/tasks/{task}?try_number={context.try_number}"

    def model_version(self, name: str, version: str) -> str:
        """MLflow's page of a registered version; "" where no server is configured."""
        if not (self.mlflow and version):
            return ""
        return f"{self.mlflow.rstrip('/')}/#/models/{quote(name, safe='')}/versions/{quote(version, safe='')}"
