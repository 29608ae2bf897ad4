"""After training, no Ray process of this run is left: what lives is ended, and the proof is a count of zero.

A local Ray is known by the run's marks in its processes' environment, which Airflow sets before a task
starts. On a shared cluster the processes belong to others; there the run's driver jobs must have ended.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psutil
from airflow.sdk import BaseOperator

from assay.errors import EngineUnavailable
from assay.process_tree import end_processes, environment_of, with_descendants, words_of

if TYPE_CHECKING:
    from airflow.sdk import Context

JOB_MARK = "assay_run"
_GRACE_SECONDS = 10.0


class ReleaseRayOperator(BaseOperator):
    """Teardown of the training: ends leftovers, then proves that none is left.

    XCom: {"ended": processes it had to end, "left": 0}. Raises EngineUnavailable when one survives.
    """

    ui_color = "#eeeeee"

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("retries", 2)
        kwargs.setdefault("retry_delay", timedelta(seconds=5))
        kwargs.setdefault("execution_timeout", timedelta(minutes=5))
        super().__init__(**kwargs)

    def execute(self, context: "Context") -> dict[str, int]:
        """End and count."""
        from assay.settings import load_settings

        dag_id, run_id = str(context["ti"].dag_id), str(context["dag_run"].run_id)
        ended = end_processes(ray_processes(dag_id, run_id), _GRACE_SECONDS)
        left = ray_processes(dag_id, run_id)
        if left:
            raise EngineUnavailable(
                f"run {run_id}: expected no Ray process, found {[p.pid for p in left]}; end them by hand"
            )
        address = load_settings().ray_address
        if address:
            wait_until(lambda: not living_jobs(address, run_id), f"Ray jobs of run {run_id} at {address}")
        self.log.info("Ray processes of run %s: %d ended, 0 left", run_id, ended)
        return {"ended": ended, "left": 0}


def ray_processes(dag_id: str, run_id: str) -> list[psutil.Process]:
    """Ray's processes that a task of this run started here, and their descendants."""
    started = [process for process in psutil.process_iter() if _is_ray(process) and _is_of_run(process, dag_id, run_id)]
    return with_descendants(started)


def living_jobs(address: str, run_id: str) -> list[int]:
    """Pids of drivers the cluster counts as alive although they are this run's, or are gone from this machine.

    A driver says whose it is in its job's metadata, key `assay_run`.
    """
    import ray

    here = {ray.util.get_node_ip_address(), "127.0.0.1"}  # type: ignore[no-untyped-call]
    try:
        jobs = ray._raylet.GcsClient(address=address).get_all_job_info().values()  # type: ignore[attr-defined]
    except ray.exceptions.RayError as error:
        raise EngineUnavailable(f"Ray at {address}: {error}; is the cluster up? `assay status` tells") from error
    return [
        job.driver_pid
        for job in jobs
        if not job.is_dead
        and (
            dict(job.config.metadata).get(JOB_MARK) == run_id
            or (job.driver_ip_address in here and not psutil.pid_exists(job.driver_pid))
        )
    ]


def wait_until(done: Callable[[], bool], what: str) -> None:
    """Poll for the grace period. Raises EngineUnavailable when `what` does not end."""
    deadline = time.monotonic() + _GRACE_SECONDS
    while not done():
        if time.monotonic() > deadline:
            raise EngineUnavailable(f"{what}: expected to end within {_GRACE_SECONDS:.0f} s; look at the cluster")
        time.sleep(0.5)


def _is_ray(process: psutil.Process) -> bool:
    return any(word.startswith("ray::") or "/ray/" in word for word in words_of(process))


def _is_of_run(process: psutil.Process, dag_id: str, run_id: str) -> bool:
    marks = environment_of(process)
    return (marks.get("AIRFLOW_CTX_DAG_ID"), marks.get("AIRFLOW_CTX_DAG_RUN_ID")) == (dag_id, run_id)
