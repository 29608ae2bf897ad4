"""CPU seconds to parse all DAGs of 50 specs, beyond importing Airflow. Bar: 1.5 s."""

import logging
import os
import sys
import tempfile
import time
from pathlib import Path

SPECS = 50
ROOT = Path(__file__).parents[1]
SPEC = """
name: {name}
schedule: "0 3 * * *"
data:
  collector:
    sources: [{{source: path, path: /nowhere}}]
    reader: csv
train:
  model: bench_model:Bench
  executor: random
  search: {{rate: {{low: 0.001, high: 0.1, log: true}}}}
  budget: {{trials: 4}}
gate:
  - {{metric: accuracy, min: 0.9}}
  - {{challenger: accuracy}}
approval: {{approvers: [alice]}}
"""
MODEL = """
from assay.sdk import TrainableModel


class Bench(TrainableModel):
    def train_function(self, train, context, *, epochs: int = 5, rate: float = 0.1): ...
    def predict_function(self, inputs): ...
    def save_function(self, folder): ...
    def load_function(self, folder): ...
    def export_function(self, path): ...
"""


def main() -> None:
    """Write the specs, import Airflow, measure the parse."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "bench_model.py").write_text(MODEL)
        (home / "pipelines").mkdir()
        for i in range(SPECS):
            (home / "pipelines" / f"p{i:02}.yaml").write_text(SPEC.format(name=f"p{i:02}"))
        os.environ.update(AIRFLOW_HOME=folder, AIRFLOW__CORE__LOAD_EXAMPLES="False")
        os.environ.update(ASSAY_HOME=folder, ASSAY_PIPELINES=str(home / "pipelines"))
        sys.path.insert(0, folder)
        from airflow.dag_processing.dagbag import DagBag
        from airflow.providers.standard.operators.hitl import HITLOperator  # noqa: F401  # Airflow's own import cost

        logging.disable(logging.INFO)
        start = time.process_time()
        bag = DagBag(str(ROOT / "dags"))
        cpu = time.process_time() - start
        assert not bag.import_errors, bag.import_errors
        tasks = sum(len(dag.tasks) for dag in bag.dags.values())
        print(f"{len(bag.dags)} DAGs, {tasks} tasks of {SPECS} specs: {cpu:.2f} s CPU (bar 1.5 s)")


if __name__ == "__main__":
    main()
