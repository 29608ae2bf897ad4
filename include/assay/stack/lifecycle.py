"""Up, down and status of one home. `up` returns only when every engine answers, and can be called at any time.

After a kill of everything the next `up` recovers: what still lives of this home is ended first, engines
recover from their own logs, served models are loaded again.
"""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from threading import Event

from assay.errors import EngineUnavailable
from assay.stack.engines import engine_names, programs
from assay.stack.home import Home, exclusive
from assay.stack.leftovers import end_all, leftovers
from assay.stack.postgres import make_databases
from assay.stack.preparation import check_ports, migrate_airflow, prepare
from assay.stack.readiness import EngineStatus, engine_status, wait_for
from assay.stack.supervision import is_supervised, program_states, start_program, start_supervisor, stop_supervisor

_EARLY, _ON_DATABASES = 30, 40  # orders of programs that need nothing, and of those that need the databases


def up(home: Home, tell: Callable[[EngineStatus], None]) -> list[EngineStatus]:
    """Start what does not run; `tell` is called as each engine becomes healthy.

    Raises EngineUnavailable naming the engine, its problem and its log when one does not come up.
    """
    with exclusive(home.root / ".lock"):
        if not is_supervised(home):
            end_all(home)
            check_ports(home)
            prepare(home)
            start_supervisor(home)
        return _start_engines(home, tell)


def down(home: Home) -> int:
    """Stop everything; returns how many processes had to be ended besides. No process, socket or pid file stays."""
    with exclusive(home.root / ".lock"):
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


def _start_engines(home: Home, tell: Callable[[EngineStatus], None]) -> list[EngineStatus]:
    """Independent engines at once; those that need the databases when these are there."""
    abandoned = Event()
    with ThreadPoolExecutor(len(engine_names())) as pool:
        waiting = {engine: pool.submit(wait_for, home, engine, abandoned) for engine in engine_names()}
        for future in waiting.values():
            future.add_done_callback(lambda done: None if done.exception() else tell(done.result()))
        try:
            _start(home, lambda order: order <= _EARLY)
            waiting["postgres"].result()
            make_databases(home)
            _start(home, lambda order: _EARLY < order <= _ON_DATABASES)
            migrate_airflow(home)
            _start(home, lambda order: order > _ON_DATABASES)
            for done in as_completed(waiting.values()):
                done.result()
        except BaseException:
            abandoned.set()
            raise
    return [waiting[engine].result() for engine in engine_names()]


def _start(home: Home, chosen: Callable[[int], bool]) -> None:
    for program in programs():
        if chosen(program.order):
            start_program(home, program.name)
