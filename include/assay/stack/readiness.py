"""How each engine is now, and waiting until it answers; an engine that cannot start is named before the limit."""

import time
from dataclasses import asdict, dataclass
from threading import Event

from assay.errors import EngineUnavailable
from assay.json_types import JsonObject
from assay.stack.engines import programs
from assay.stack.health import engine_url, health_checks, notice_of
from assay.stack.home import Home
from assay.stack.supervision import ProgramState, program_states

_LIMIT_SECONDS = 240.0
_PAUSE_SECONDS = 0.4
_MOST_STARTS = 3
_LOG_LINES = 6


@dataclass(frozen=True)
class EngineStatus:
    """One engine now. problem: why it is not healthy. notice: what it does not do though it answers. "" for nothing."""

    name: str
    url: str
    healthy: bool
    pid: int
    version: str
    problem: str = ""
    notice: str = ""

    def to_json(self) -> JsonObject:
        return asdict(self)


def engine_status(home: Home, engine: str, states: dict[str, ProgramState]) -> EngineStatus:
    """Ask one engine; its pid is that of its first program."""
    url = engine_url(home, engine)
    of_engine = [states.get(name, ProgramState("STOPPED", 0, 0)) for name in _programs_of(engine)]
    pid = of_engine[0].pid
    if not all(state.pid for state in of_engine):
        return EngineStatus(engine, url, False, pid, "", "not running")
    try:
        found = health_checks()[engine](home)
        return EngineStatus(engine, url, True, pid, found, notice=_short(notice_of(home, engine)))
    except Exception as error:  # noqa: BLE001 - any failure to answer means: not healthy, and why
        return EngineStatus(engine, url, False, pid, "", _short(str(error)) or type(error).__name__)


def _short(text: str) -> str:
    """In one line of at most 200 characters."""
    return " ".join(text.split())[:200]


def wait_for(home: Home, engine: str, abandoned: Event) -> EngineStatus:
    """Return when the engine answers.

    Raises EngineUnavailable with the end of its log when it ends again and again or stays silent too long,
    or when `abandoned` is set.
    """
    started = time.monotonic()
    starts: dict[str, set[int]] = {name: set() for name in _programs_of(engine)}
    while True:
        states = program_states(home)
        found = engine_status(home, engine, states)
        if found.healthy:
            return found
        for name, seen in starts.items():
            if name in states and states[name].pid:
                seen.add(states[name].pid)
            if len(seen) > _MOST_STARTS:
                raise EngineUnavailable(
                    f"{name}: expected it to run, found that it ends again and again; mend what its log says, "
                    f"then repeat `assay up`{_log(home, name)}"
                )
        if time.monotonic() - started > _LIMIT_SECONDS:
            logs = "".join(_log(home, name) for name in starts)
            raise EngineUnavailable(
                f"{engine} at {found.url}: no answer within {_LIMIT_SECONDS:.0f} s, found: {found.problem}{logs}"
            )
        if abandoned.wait(_PAUSE_SECONDS):
            raise EngineUnavailable(f"{engine}: not waited for, another engine failed")


def _programs_of(engine: str) -> list[str]:
    return [program.name for program in programs() if program.engine == engine]


def _log(home: Home, name: str) -> str:
    """Where the log of a program is, and how it ends."""
    path = home.logs / f"{name}.log"
    lines = path.read_text(errors="replace").splitlines()[-_LOG_LINES:] if path.is_file() else []
    return f"; see {path}, which ends:\n" + "\n".join(f"    {line}" for line in lines)
