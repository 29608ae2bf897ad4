"""Processes of a home that outlived their supervisor; found by the mark they carry, never by name."""

import os
from collections.abc import Callable

import psutil

from assay.stack.environment import MARK
from assay.stack.home import Home

_GRACE_SECONDS = 8.0


def leftovers(home: Home) -> list[psutil.Process]:
    """Every process of this home, but for ourselves and our parents."""
    return _find(home, lambda _: True)


def end_all(home: Home) -> int:
    """End every process of this home; returns how many there were."""
    return _end(leftovers(home))


def end_program(home: Home, name: str) -> None:
    """End what an earlier life of one program left behind, such as Ray's daemons after a kill."""
    _end(_find(home, lambda environment: environment.get("ASSAY_PROGRAM") == name))


def _find(home: Home, wanted: Callable[[dict[str, str]], bool]) -> list[psutil.Process]:
    spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        environment = _environment(process)
        belongs = environment.get(MARK) == str(home.root) and wanted(environment)
        if process.pid not in spared and (belongs or _is_postgres_of(process, home, wanted)):
            found[process.pid] = process
            # Servers that write their own title lose their environment: the parent vouches for them.
            found.update({child.pid: child for child in _children(process) if child.pid not in spared})
    return list(found.values())


def _is_postgres_of(process: psutil.Process, home: Home, wanted: Callable[[dict[str, str]], bool]) -> bool:
    try:
        words = process.cmdline()
    except psutil.Error:
        return False
    return str(home.root / "postgres") in words and wanted({"ASSAY_PROGRAM": "postgres"})


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return dict(process.environ())
    except (psutil.Error, OSError):
        return {}


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.Error:
        return []


def _end(processes: list[psutil.Process]) -> int:
    for process in processes:
        _quietly(process.terminate)
    _, stubborn = psutil.wait_procs(processes, timeout=_GRACE_SECONDS)
    for process in stubborn:
        _quietly(process.kill)
    psutil.wait_procs(stubborn, timeout=_GRACE_SECONDS)
    return len(processes)


def _quietly(send: Callable[[], None]) -> None:
    try:
        send()
    except psutil.NoSuchProcess:
        return
