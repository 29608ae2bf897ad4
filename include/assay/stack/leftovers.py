"""Processes of a home that outlived their supervisor; found by the mark they carry, never by name."""

import os
from collections.abc import Callable, Mapping

import psutil

from assay.process_tree import end_processes, environment_of, with_descendants, words_of
from assay.stack.environment import MARK
from assay.stack.home import Home

_GRACE_SECONDS = 8.0


def leftovers(home: Home) -> list[psutil.Process]:
    """Every process of this home, but for ourselves and our parents."""
    return _find(home, lambda _: True)


def end_all(home: Home) -> int:
    """End every process of this home; returns how many there were."""
    return end_processes(leftovers(home), _GRACE_SECONDS)


def end_program(home: Home, name: str) -> None:
    """End what an earlier life of one program left behind, such as Ray's daemons after a kill."""
    end_processes(_find(home, lambda environment: environment.get("ASSAY_PROGRAM") == name), _GRACE_SECONDS)


def _find(home: Home, wanted: Callable[[Mapping[str, str]], bool]) -> list[psutil.Process]:
    spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    marked = [
        process for process in psutil.process_iter() if process.pid not in spared and _is_of(process, home, wanted)
    ]
    return [process for process in with_descendants(marked) if process.pid not in spared]


def _is_of(process: psutil.Process, home: Home, wanted: Callable[[Mapping[str, str]], bool]) -> bool:
    environment = environment_of(process)
    if environment.get(MARK) == str(home.root) and wanted(environment):
        return True
    # PostgreSQL runs as a user of its own, with an environment of its own.
    return str(home.root / "postgres") in words_of(process) and wanted({"ASSAY_PROGRAM": "postgres"})
