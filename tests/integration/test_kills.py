"""Kill -9 of each part in the middle of a run: the run completes, the ledger verifies, nothing is half-written.

Takes about ten minutes, so it runs only when asked for: `pytest -m kills`.
"""

import contextlib
import subprocess
import time
from collections.abc import Callable

import psutil
import pytest

from assay.dataset import load_dataset
from assay.records import Subject
from assay.store import open_store
from tests.embedded_stack import ASSAY, ROOT, Stack, stack

pytestmark = [pytest.mark.engines, pytest.mark.kills]
__all__ = ["stack"]  # the fixture


def of_stack(stack: Stack, wanted: Callable[[str, dict[str, str]], bool]) -> list[psutil.Process]:
    """Processes of this stack by command line and environment."""
    found = []
    for process in psutil.process_iter():
        try:
            environment, words = process.environ(), " ".join(process.cmdline())
        except (psutil.Error, OSError):
            continue
        if environment.get("ASSAY_STACK") == str(stack.home) and wanted(words, environment):
            found.append(process)
    return found


def program(name: str) -> Callable[[Stack], list[psutil.Process]]:
    return lambda stack: of_stack(stack, lambda words, environment: environment.get("ASSAY_PROGRAM") == name)


def running_task(stack: Stack) -> list[psutil.Process]:
    """The process that executes the training task: the child of the supervisor that holds its log open."""
    tasks = []
    for process in of_stack(stack, lambda words, environment: "airflow" in words):
        with contextlib.suppress(psutil.Error):
            if any("task_id=train" in file.path for file in process.open_files()):
                tasks += process.children()
    return tasks


def postmaster(stack: Stack) -> list[psutil.Process]:
    wanted = f"-D {stack.home}/postgres"
    return [p for p in psutil.process_iter(["cmdline"]) if wanted in " ".join(p.info["cmdline"] or [])]


@pytest.mark.parametrize(
    "victims",
    [program("airflow-scheduler"), running_task, program("ray"), program("triton"), postmaster],
    ids=["scheduler", "running task", "ray", "triton", "postgres"],
)
def test_run_completes_although_a_part_is_killed(
    stack: Stack, victims: Callable[[Stack], list[psutil.Process]]
) -> None:
    run = subprocess.Popen(
        [ASSAY, "run", "digits", "--follow", "--param", f"seed={time.time_ns() % 10_000}"],
        cwd=ROOT, env=stack.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 180
    while not of_stack(stack, lambda words, environment: words.startswith("ray::") and "train" in words):
        assert run.poll() is None and time.monotonic() < deadline, "training did not start"
        time.sleep(0.2)
    killed = victims(stack)
    assert killed
    for process in killed:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    stack.run("up", "--detach")
    output, _ = run.communicate(timeout=500)
    assert run.returncode == 0, output
    assert stack.json("audit", "verify")["ok"]
    settings = stack.settings()
    newest = stack.json("lineage", "up", "deployment/digits")["nodes"]
    for node in newest:
        if node["type"] == "dataset":
            load_dataset(Subject(node["name"], node["digest"]), open_store(settings))
