"""Ways on from a statement: to Airflow's own pages of a run, to the version in MLflow, to the trust report it names."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from assay.ledger import LedgerEntry
from assay.records import RunContext, Step


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


def trust_report(entry: LedgerEntry) -> str:
    """The digest of the report that a registration, or a person who was asked for approval, names; "" for others."""
    facts, step = entry.report.facts, entry.report.step
    asked = facts.get("bound")
    if step is Step.REGISTER:
        return str(facts.get("report") or "")
    return str(asked.get("report") or "") if step is Step.APPROVE and isinstance(asked, Mapping) else ""
