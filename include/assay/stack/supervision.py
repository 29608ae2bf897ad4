"""The process manager: `supervisord` with a socket only its owner can use. We configure it and talk to it."""

import contextlib
import http.client
import socket
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from assay.errors import EngineUnavailable
from assay.stack.engines import programs
from assay.stack.environment import common_environment
from assay.stack.home import Home, write_private

_START_SECONDS = 15.0
_STOP_SECONDS = 90.0


def configuration(home: Home) -> str:
    """supervisord's INI file. It holds no secret: each program reads them when it starts."""
    head = f"""[unix_http_server]
file={_socket(home)}
chmod=0700

[supervisord]
logfile={home.logs / "supervisord.log"}
pidfile={home.root / "supervisord.pid"}
directory={home.root}
umask=077
nodaemon=false

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
    launch = f"{sys.executable} -m assay.stack.launch"
    sections = [
        f"""
[program:{program.name}]
command={launch} "{_literal(home.root)}" "{_literal(home.project)}" {program.name}
priority={program.order}
autostart=false
autorestart=true
startsecs=1
startretries=1000
stopsignal={program.stop_signal}
stopasgroup={str(program.stops_children).lower()}
killasgroup=true
stopwaitsecs=15
redirect_stderr=true
stdout_logfile={_literal(home.logs / program.name)}.log
stdout_logfile_maxbytes=20MB
stdout_logfile_backups=2
"""
        for program in programs()
    ]
    return head + "".join(sections)


def start_supervisor(home: Home) -> None:
    """Start the daemon; nothing else starts yet. Raises EngineUnavailable with its log when it does not come up."""
    config = home.root / "supervisord.conf"
    write_private(config, configuration(home))
    _socket(home).unlink(missing_ok=True)
    command = [str(Path(sys.executable).with_name("supervisord")), "-c", str(config)]
    done = subprocess.run(
        command, env=common_environment(home), capture_output=True, text=True, check=False, timeout=60
    )
    deadline = time.monotonic() + _START_SECONDS
    while done.returncode == 0 and time.monotonic() < deadline:
        if is_supervised(home):
            return
        time.sleep(0.05)
    raise EngineUnavailable(
        f"supervisord did not start: {(done.stderr or done.stdout).strip()[-500:]}; see {home.logs / 'supervisord.log'}"
    )


def is_supervised(home: Home) -> bool:
    """Whether this home's supervisor answers."""
    try:
        with _rpc(home) as rpc:
            return bool(rpc.getState()["statecode"] == 1)
    except EngineUnavailable:
        return False


def start_program(home: Home, name: str) -> None:
    """Start one program; no-op when it runs. Raises EngineUnavailable when the supervisor does not know it."""
    if name not in program_states(home):
        raise EngineUnavailable(
            f"{name}: the stack in {home.root} was started by another version of Assay; "
            "stop it with `assay down`, then start it again"
        )
    with contextlib.suppress(_AlreadyStarted), _rpc(home) as rpc:
        rpc.startProcess(name, False)


@dataclass(frozen=True)
class ProgramState:
    """pid: 0 when it does not run. since: POSIX seconds of its last start."""

    state: str
    pid: int
    since: int


def program_states(home: Home) -> dict[str, ProgramState]:
    """Program -> how the supervisor sees it; empty when there is no supervisor."""
    try:
        with _rpc(home) as rpc:
            return {
                info["name"]: ProgramState(info["statename"], int(info["pid"]), int(info["start"]))
                for info in rpc.getAllProcessInfo()
            }
    except EngineUnavailable:
        return {}


def stop_supervisor(home: Home) -> None:
    """Stop every program, those that need no other at once, then the daemon; returns when it is gone."""
    deadline = time.monotonic() + _STOP_SECONDS
    for name in program_states(home).keys() - {"postgres"}:
        with _rpc(home) as rpc, contextlib.suppress(xmlrpc.client.Fault):  # one that does not run
            rpc.stopProcess(name, False)
    while any(s.pid for name, s in program_states(home).items() if name != "postgres") and time.monotonic() < deadline:
        time.sleep(0.1)
    with _rpc(home) as rpc:
        rpc.shutdown()
    pidfile = home.root / "supervisord.pid"
    while (is_supervised(home) or pidfile.exists()) and time.monotonic() < deadline:
        time.sleep(0.1)


def _socket(home: Home) -> Path:
    return home.run / "supervisor.sock"


def _literal(path: Path) -> str:
    """The INI reader expands `%`."""
    return str(path).replace("%", "%%")


class _AlreadyStarted(Exception):
    """The program runs."""


@contextlib.contextmanager
def _rpc(home: Home) -> Iterator[Any]:
    """Supervisor's XML-RPC over its socket."""
    transport = _UnixTransport(str(_socket(home)))
    proxy = xmlrpc.client.ServerProxy("http://127.0.0.1/RPC2", transport=transport)
    try:
        yield cast(Any, proxy).supervisor
    except xmlrpc.client.Fault as fault:
        if "ALREADY_STARTED" in fault.faultString:
            raise _AlreadyStarted from fault
        raise EngineUnavailable(f"the supervisor of {home.root} says {fault.faultString}; see {home.logs}") from fault
    except (OSError, http.client.HTTPException) as error:
        raise EngineUnavailable(
            f"the supervisor of {home.root} does not answer ({error}); `assay up` starts it"
        ) from error
    finally:
        transport.close()


class _UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        return _UnixConnection(self._path)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("127.0.0.1", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(60)
        self.sock.connect(self._path)
