"""A process that was taken over reaches nothing, and ends when it should."""

import os
import platform
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from assay.errors import AssayError, SpecError
from assay.json_types import JsonObject
from tasks.benchmarking import confined_child
from tasks.benchmarking.confined_run import GIB, Job, Limits, run_confined
from tasks.benchmarking.confinement import Confined

HERE = Path(__file__).parent
JOBS = "tests.tasks.benchmarking.confined_jobs"
linux = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="the filter is of Linux on x86-64"
)


def ran(name: str, request: JsonObject | None = None, memory: int = GIB, seconds: float = 60) -> tuple[Any, Any]:
    job = Job(f"{JOBS}:{name}", request or {}, (HERE,))
    return run_confined(job, Limits(memory, seconds), lambda _: None)


def has_landlock() -> bool:
    return bool(ran("tell_surroundings")[1]["files"])


@linux
def test_no_network_and_no_socket_is_reached(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
        local.bind(str(tmp_path / "engine.sock"))
        local.listen()
        port = server.getsockname()[1]
        socket.create_connection(("127.0.0.1", port), 2).close()  # it is there for others
        found, confined = ran("reach_out", {"port": port, "socket": str(tmp_path / "engine.sock")})
    assert set(found.values()) == {"PermissionError"}, found
    assert "system calls" in confined["network"]


@linux
def test_files_of_others_are_neither_read_nor_written(tmp_path: Path) -> None:
    if not has_landlock():
        pytest.skip("this kernel has no Landlock")
    secret = tmp_path / "producer.key"
    secret.write_text("secret")
    found, confined = ran("touch_files", {"secret": str(secret), "folder": str(tmp_path)})
    assert confined["files"] is True
    assert (found.pop("own"), found.pop("device"), found.pop("large")) == ("done", "done", "OSError")
    assert set(found.values()) == {"PermissionError"}, found
    assert [path.name for path in tmp_path.iterdir()] == ["producer.key"]
    assert secret.read_text() == "secret"


@linux
def test_no_other_process_is_started_or_touched_and_no_limit_raised() -> None:
    found, _ = ran("touch_processes")
    assert found.pop("thread") == "done"
    assert found.pop("more_memory") in {"PermissionError", "ValueError"}
    assert found.pop("more_files") in {"PermissionError", "ValueError"}
    assert set(found.values()) == {"PermissionError"}, found


def test_credentials_do_not_come_along(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ASSAY_KEYS", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD", "AIRFLOW__CORE__FERNET_KEY", "PYTHONPATH"):
        monkeypatch.setenv(name, "secret")
    found, _ = ran("tell_surroundings")
    assert not {name for name in found["environment"] if name.startswith(("ASSAY", "AWS", "PG", "AIRFLOW"))}
    assert (found["here"], found["core"]) == ([], 0)


def test_a_memory_hog_is_told_in_one_clear_error() -> None:
    with pytest.raises(SpecError, match=r"needs more than 1 GiB; raise --memory"):
        ran("take_memory", {"bytes": 4 * GIB})
    assert ran("take_memory", {"bytes": GIB // 2})[0] == {"taken": GIB // 2}


def test_what_hangs_is_ended() -> None:
    heard: list[str] = []
    job = Job(f"{JOBS}:hang", {}, (HERE,))
    with pytest.raises(SpecError, match="not done after 3 s"):
        run_confined(job, Limits(GIB, 3), heard.append)
    assert not psutil.pid_exists(int(heard[0]))


@pytest.mark.parametrize(("job", "end"), [("vanish", "exit code 0"), ("crash", "SIGSEGV")])
def test_an_end_without_a_word_is_no_result(job: str, end: str) -> None:
    with pytest.raises(AssayError, match=end) as caught:
        ran(job)
    assert caught.value.exit_code == 1


def test_what_it_says_is_printable() -> None:
    heard: list[str] = []
    with pytest.raises(AssayError, match="ValueError") as caught:
        run_confined(Job(f"{JOBS}:talk_to_the_terminal", {}, (HERE,)), Limits(GIB, 60), heard.append)
    assert heard == [" ]0;owned  fine"]
    assert "\x1b" not in str(caught.value)


def test_it_dies_with_the_process_that_waits_for_it(tmp_path: Path) -> None:
    script = tmp_path / "waits.py"
    script.write_text(
        "from pathlib import Path\n"
        "from tasks.benchmarking.confined_run import GIB, Job, Limits, run_confined\n"
        f"job = Job({JOBS!r} + ':hang', {{}}, (Path({str(HERE)!r}),))\n"
        "run_confined(job, Limits(GIB, 60), lambda line: print(line, flush=True))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.send_signal(signal.SIGKILL)
    child.wait(timeout=20)


def test_where_no_network_can_be_refused_nothing_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that permits neither cannot be had here."""
    monkeypatch.setattr(confined_child, "confine", lambda _: Confined((), files=False))
    asked = {"reads": [], "workdir": "/", "cpu_seconds": 1, "has_devices": False, "allow_network": False}
    with pytest.raises(SpecError, match="--allow-network"):
        confined_child._work(asked, lambda *_: None)


@linux
@pytest.mark.parametrize("means", ["refuse_system_calls", "lose_network"])
def test_either_means_alone_keeps_it_off_the_network(means: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        script = (
            f"import socket\nfrom tasks.benchmarking.system_calls import {means}\n"
            f"if not {means}(): raise SystemExit(77)\n"
            f"try: socket.create_connection(('127.0.0.1', {port}), 2)\n"
            "except OSError as error: print(error.errno)\n"
        )
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False
        )
    if done.returncode == 77:
        pytest.skip(f"this kernel does not permit {means}")
    assert done.stdout.strip() in {"1", "101"}, done.stderr
