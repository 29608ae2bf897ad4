"""Processes of this machine, asked and ended without tripping over those that end meanwhile."""

import contextlib
from collections.abc import Mapping, Sequence

import psutil


def environment_of(process: psutil.Process) -> Mapping[str, str]:
    """Its variables; empty when it is gone or another user's."""
    try:
        return dict(process.environ())
    except (psutil.Error, OSError):
        return {}


def words_of(process: psutil.Process) -> Sequence[str]:
    """Its command line; empty when it is gone."""
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def with_descendants(processes: Sequence[psutil.Process]) -> list[psutil.Process]:
    """The processes and all below them, each once.

    Servers that write their own title lose their environment: the parent vouches for them.
    """
    found: dict[int, psutil.Process] = {}
    for process in processes:
        found[process.pid] = process
        with contextlib.suppress(psutil.Error):
            found.update({child.pid: child for child in process.children(recursive=True)})
    return list(found.values())


def end_processes(processes: Sequence[psutil.Process], grace_seconds: float) -> int:
    """Ask, wait, then kill and wait again; returns how many had to go."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, stubborn = psutil.wait_procs(processes, timeout=grace_seconds)
    for process in stubborn:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=grace_seconds)
    return len(processes)
