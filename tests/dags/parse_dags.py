"""Run in a process of its own: parse the DAG folder as Airflow does and print what came of it as JSON."""

import json
import sys
from pathlib import Path

from airflow.dag_processing.dagbag import DagBag

ROOT = Path(__file__).parents[2]
HEAVY = (
    "torch",
    "ray",
    "mlflow",
    "pandas",
    "great_expectations",
    "onnxruntime",
    "sklearn",
    "pyarrow",
    "boto3",
    "psycopg",
)

before = set(sys.modules)
bag = DagBag(str(ROOT / "dags"))
print(
    json.dumps(
        {
            "errors": bag.import_errors,
            "heavy": sorted(name for name in HEAVY if name in sys.modules and name not in before),
            "dags": {
                dag.dag_id: {
                    "timetable": type(dag.timetable).__name__,
                    "max_active_runs": dag.max_active_runs,
                    "params": {name: dag.params.get_param(name).serialize() for name in dag.params},
                    "edges": {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks},
                    "teardowns": [task.task_id for task in dag.tasks if task.is_teardown],
                    "pool": {task.task_id: task.pool for task in dag.tasks},
                    "weights": {task.task_id: task.priority_weight for task in dag.tasks},
                    "retries": {task.task_id: task.retries for task in dag.tasks},
                    "outlets": {task.task_id: [asset.uri for asset in task.outlets] for task in dag.tasks},
                    "timeouts": {
                        task.task_id: task.execution_timeout.total_seconds() if task.execution_timeout else None
                        for task in dag.tasks
                    },
                }
                for dag in bag.dags.values()
            },
        }
    )
)
