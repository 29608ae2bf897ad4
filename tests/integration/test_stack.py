"""The whole stack on this machine: it comes up healthy, survives the loss of everything, and leaves nothing behind."""

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import SecretStr

from assay.s3 import s3_client
from assay.settings import load_settings
from assay.stack.home import Home, open_home
from assay.stack.leftovers import leftovers
from assay.stack.readiness import engine_status
from assay.stack.supervision import program_states
from assay.triton.repository import Repository

pytestmark = [pytest.mark.engines, pytest.mark.timeout(900)]
ENGINES = {"postgres", "s3", "mlflow", "airflow", "ray", "triton", "api"}


@pytest.fixture(scope="module")
def home():
    # Not below pytest's folder: each pytest of this user closes it to PostgreSQL's system user again.
    with tempfile.TemporaryDirectory(prefix="assay-home-") as folder:
        root = Path(folder) / "home"
        try:
            _assay("up", "--detach", "--json", root)
            yield open_home(root)
        finally:
            _assay("down", "", "--json", root)


def _assay(command: str, flag: str, as_json: str, root: Path) -> dict:
    words = [str(Path(sys.executable).with_name("assay")), command, *filter(None, [flag, as_json]), "--home", str(root)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=400)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _status(home: Home) -> dict:
    return {engine["name"]: engine for engine in _assay("status", "", "--json", home.root)["engines"]}


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)
    psutil.wait_procs(processes, timeout=10)


def test_every_engine_answers(home):
    engines = _status(home)
    assert set(engines) == ENGINES
    assert all(engine["healthy"] and engine["pid"] and engine["version"] for engine in engines.values())


def test_second_up_changes_nothing(home):
    before = {name: engine["pid"] for name, engine in _status(home).items()}
    after = _assay("up", "--detach", "--json", home.root)
    assert {engine["name"]: engine["pid"] for engine in after["engines"]} == before


def test_nothing_listens_beyond_loopback(home):
    loopback = {"127.0.0.1", "::ffff:127.0.0.1", "::1"}
    listening = [entry for process in leftovers(home) for entry in _listening(process)]
    assert len(listening) >= len(home.ports)
    assert not [entry for entry in listening if entry[0].ip not in loopback]


def _listening(process: psutil.Process) -> list[tuple[Any, list[str]]]:
    try:
        command, connections = process.cmdline()[:3], process.net_connections(kind="inet")
    except psutil.NoSuchProcess:  # a worker that ended in between listens nowhere
        return []
    return [(connection.laddr, command) for connection in connections if connection.status == psutil.CONN_LISTEN]


def test_secrets_lie_in_files_of_their_owner_alone(home):
    values = list(home.secrets.values())
    for path in home.root.rglob("*"):
        if not path.is_file() or path.stat().st_size > 1 << 20 or (home.root / "postgres") in path.parents:
            continue
        if any(value in path.read_text(errors="ignore") for value in values):
            assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


def test_wrong_credentials_are_refused(home):
    import psycopg
    import requests

    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(home.database_url("assay").replace(home.secrets["postgres_password"], "guessed"))
    assert requests.post(home.url("triton") + "/v2/repository/index", timeout=5).status_code == 403
    assert requests.get(home.url("airflow") + "/api/v2/dags", timeout=5).status_code == 401
    assert requests.post(home.url("api") + "/api/v1/lineage", json={}, timeout=5).status_code == 401
    assert requests.get(home.url("s3") + "/assay", timeout=5).status_code in (400, 403)  # unsigned


def test_s3_refuses_a_wrong_secret(home):
    from botocore.exceptions import ClientError

    settings = load_settings(home.root)
    s3_client(settings, attempts=1).put_object(Bucket="assay", Key="probe", Body=b"1")
    wrong = settings.model_copy(update={"s3_secret_key": SecretStr("guessed-and-wrong")})
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        s3_client(wrong, attempts=1).get_object(Bucket="assay", Key="probe")


def test_killed_engine_comes_back_by_itself_and_tells_which_model_it_could_not_load(home):
    repository = Repository(home.triton_repository)
    repository.write_config("damaged", 'name: "damaged"\nbackend: "python"\n')
    repository.set_active("damaged", 1)
    before = program_states(home)["triton"].pid
    psutil.Process(before).kill()
    deadline = time.monotonic() + 60
    while not (found := engine_status(home, "triton", program_states(home))).healthy or found.pid == before:
        assert time.monotonic() < deadline, found
        time.sleep(0.5)
    assert found.notice.startswith("damaged is not served: ")
    repository.set_active("damaged", None)
    assert not engine_status(home, "triton", program_states(home)).notice


def test_up_recovers_after_the_supervisor_alone_was_killed(home):
    _write_row(home, 1)
    _kill([psutil.Process(int((home.root / "supervisord.pid").read_text()))])
    assert len(leftovers(home)) > 10, "engines outlive their supervisor"
    assert all(engine["healthy"] for engine in _assay("up", "--detach", "--json", home.root)["engines"])
    assert _rows(home) == [1]


def test_up_recovers_after_everything_was_killed_and_loses_no_committed_row(home):
    _write_row(home, 2)
    _kill(leftovers(home))
    assert (home.root / "postgres" / "postmaster.pid").exists()
    assert all(engine["healthy"] for engine in _assay("up", "--detach", "--json", home.root)["engines"])
    assert _rows(home) == [1, 2]


def test_down_leaves_no_process_and_no_lock(home):
    ports = home.ports.values()
    _assay("down", "", "--json", home.root)
    assert not leftovers(home)
    mine = {connection.laddr.port for connection in psutil.net_connections("tcp") if connection.status == "LISTEN"}
    assert not mine & set(ports)
    assert not list(home.root.rglob("*.pid"))
    assert not home.run.exists()
    assert not [process for process in psutil.process_iter() if str(home.root) in " ".join(_words(process))]


def _words(process: psutil.Process) -> list[str]:
    try:
        return [] if process.pid in (os.getpid(), os.getppid()) else list(process.cmdline())
    except psutil.Error:
        return []


def _write_row(home: Home, number: int) -> None:
    import psycopg

    url = load_settings(home.root).database_url.get_secret_value()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS survivors (number int)")
        connection.execute("INSERT INTO survivors VALUES (%s)", [number])


def _rows(home: Home) -> list[int]:
    import psycopg

    with psycopg.connect(home.database_url("assay")) as connection:
        return [number for (number,) in connection.execute("SELECT number FROM survivors ORDER BY 1").fetchall()]
