"""Up, down and status of one home. `up` returns only when every engine answers, and can be called at any time.

After a kill of everything the next `up` recovers: what still lives of this home is ended first, engines
recover from their own logs, served models are loaded again.
"""

import fcntl
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from assay.errors import EngineUnavailable
from assay.json_types import JsonObject
from assay.stack.engines import engine_names, programs
from assay.stack.environment import airflow_environment, common_environment
from assay.stack.health import engine_url, health_checks
from assay.stack.home import Home, write_private
from assay.stack.leftovers import end_all, leftovers
from assay.stack.postgres import make_cluster, make_databases
from assay.stack.settings_file import write_settings
from assay.stack.supervision import (
    ProgramState,
    is_supervised,
    program_states,
    start_program,
    start_supervisor,
    stop_supervisor,
)

_LIMIT_SECONDS = 240.0
_PAUSE_SECONDS = 0.25


@dataclass(frozen=True)
class EngineStatus:
    """One engine now. problem: why it is not healthy, "" when it is."""

    name: str
    url: str
    healthy: bool
    pid: int
    version: str
    problem: str = ""

    def to_json(self) -> JsonObject:
        return {
            "name": self.name,
            "url": self.url,
            "healthy": self.healthy,
            "pid": self.pid,
            "version": self.version,
            "problem": self.problem,
        }


def up(home: Home, tell: Callable[[EngineStatus], None]) -> list[EngineStatus]:
    """Start what does not run; `tell` is called as each engine becomes healthy.

    Raises EngineUnavailable naming the engine, its problem and its log when one does not come up.
    """
    with _locked(home):
        if not is_supervised(home):
            end_all(home)
            _prepare(home)
            start_supervisor(home)
        return _start_engines(home, tell)


def down(home: Home) -> int:
    """Stop everything; returns how many processes had to be ended besides. No process, socket or pid file stays."""
    with _locked(home):
        if is_supervised(home):
            stop_supervisor(home)
        ended = end_all(home)
        (home.root / "supervisord.pid").unlink(missing_ok=True)
        (home.root / "postgres" / "postmaster.pid").unlink(missing_ok=True)
        shutil.rmtree(home.run, ignore_errors=True)
        left = leftovers(home)
    if left:
        raise EngineUnavailable(f"{home.root}: expected no process, found {[p.pid for p in left]}; end them by hand")
    return ended


def status(home: Home) -> list[EngineStatus]:
    """Every engine as it answers now."""
    states = program_states(home)
    with ThreadPoolExecutor(len(engine_names())) as pool:
        return list(pool.map(lambda engine: engine_status(home, engine, states), engine_names()))


def engine_status(home: Home, engine: str, states: dict[str, ProgramState]) -> EngineStatus:
    """Ask one engine; its pid is that of its first program."""
    first = states.get(next(program.name for program in programs() if program.engine == engine))
    pid = first.pid if first else 0
    url = engine_url(home, engine)
    try:
        return EngineStatus(engine, url, True, pid, health_checks()[engine](home))
    except Exception as error:  # noqa: BLE001 - any failure to answer means: not healthy, and why
        problem = " ".join(str(error).split())[:200] or type(error).__name__
        return EngineStatus(engine, url, False, pid, "", problem)


def _prepare(home: Home) -> None:
    """What engines find when they start."""
    shutil.rmtree(home.run / "ray", ignore_errors=True)
    home.run.mkdir(mode=0o700, exist_ok=True)
    make_cluster(home)
    write_settings(home)
    write_private(home.root / "ray.token", home.secrets["ray_token"])
    passwords = json.dumps({"assay": home.secrets["airflow_password"]})
    write_private(home.root / "airflow" / "passwords.json", passwords)
    preload = Path(__file__).with_name("airflow_preload.py").read_text()
    (home.root / "airflow" / "config" / "airflow_local_settings.py").write_text(preload)


def _start_engines(home: Home, tell: Callable[[EngineStatus], None]) -> list[EngineStatus]:
    """Independent engines at once; those that need the databases when these are there."""
    started = time.monotonic()
    first = [program for program in programs() if program.order <= 30]
    for program in first:
        start_program(home, program.name)
    _wait(home, "postgres", started)
    make_databases(home)
    for program in (p for p in programs() if p.order == 40):
        start_program(home, program.name)
    _migrate_airflow(home)
    for program in (p for p in programs() if p.order > 40):
        start_program(home, program.name)
    with ThreadPoolExecutor(len(engine_names())) as pool:
        return list(pool.map(lambda engine: _told(tell, _wait(home, engine, started)), engine_names()))


def _told(tell: Callable[[EngineStatus], None], status: EngineStatus) -> EngineStatus:
    tell(status)
    return status


def _wait(home: Home, engine: str, started: float) -> EngineStatus:
    while True:
        found = engine_status(home, engine, program_states(home))
        if found.healthy:
            return found
        if time.monotonic() - started > _LIMIT_SECONDS:
            logs = [str(home.logs / f"{program.name}.log") for program in programs() if program.engine == engine]
            raise EngineUnavailable(
                f"{engine} at {found.url}: expected an answer within {_LIMIT_SECONDS:.0f} s, found {found.problem}; "
                f"see {', '.join(logs)}"
            )
        time.sleep(_PAUSE_SECONDS)


def _migrate_airflow(home: Home) -> None:
    """Once per version of Airflow; it costs seconds."""
    from importlib.metadata import version

    mark = home.root / "airflow" / "migrated"
    if mark.is_file() and mark.read_text() == version("apache-airflow"):
        return
    environment = {**common_environment(home), **airflow_environment(home)}
    command = [str(Path(sys.executable).with_name("airflow")), "db", "migrate"]
    log = home.logs / "airflow-migrate.log"
    with log.open("w") as stream:
        done = subprocess.run(command, env=environment, stdout=stream, stderr=stream, check=False, timeout=300)
    if done.returncode:
        raise EngineUnavailable(f"airflow db migrate ended with {done.returncode}; see {log}")
    mark.write_text(version("apache-airflow"))


@contextmanager
def _locked(home: Home) -> Iterator[None]:
    """One `up` or `down` of a home at a time."""
    with (home.root / ".lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
