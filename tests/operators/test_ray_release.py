import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from assay.process_tree import end_processes
from operators.ray_release import ray_processes

MARKS = {"AIRFLOW_CTX_DAG_ID": "toy.train", "AIRFLOW_CTX_DAG_RUN_ID": "run-1"}
SLEEP = "import time; time.sleep(60)"


@contextmanager
def _process(marks: dict[str, str], name: str = "/site-packages/ray/core/raylet") -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", SLEEP, name], env={**os.environ, **marks}) as process:
        try:
            yield process
        finally:
            process.kill()


def test_leftover_of_this_run_is_found_and_ended() -> None:
    with _process(MARKS) as leftover:
        found = ray_processes("toy.train", "run-1")
        assert [process.pid for process in found] == [leftover.pid]
        assert end_processes(found, grace_seconds=10) == 1
        assert not found[0].is_running()
        assert ray_processes("toy.train", "run-1") == []


def test_ray_of_another_run_is_left_alone() -> None:
    with _process({**MARKS, "AIRFLOW_CTX_DAG_RUN_ID": "run-2"}):
        assert ray_processes("toy.train", "run-1") == []


def test_a_task_of_this_run_that_is_not_ray_is_left_alone() -> None:
    with _process(MARKS, name="airflow-task"):
        assert ray_processes("toy.train", "run-1") == []
