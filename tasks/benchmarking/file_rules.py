"""Which files a process may still touch (Landlock, Linux 5.13 and later): what it is told, and nothing else.

Keys, settings and the environments of other processes are out of its reach. It binds this thread and those it starts.
"""

import contextlib
import os
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tasks.benchmarking.kernel import call, prctl

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION, _PATH_BENEATH, _PR_SET_NO_NEW_PRIVS = 1, 1, 38
_EXECUTE, _WRITE, _READ, _LIST, _TRUNCATE = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 14
_ALL_OF_VERSION = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}
_ALL = (1 << 16) - 1
_TO_FILES = _EXECUTE | _WRITE | _READ | _TRUNCATE | 1 << 15  # the others are of folders
_NETWORK = 0b11  # bind and connect of TCP
_SCOPES = 0b11  # abstract sockets of others, signals to others


@dataclass(frozen=True)
class FileRules:
    """Paths; what is not there is passed over. read: with all below. listed: names alone. written: with all below."""

    read: Iterable[Path]
    listed: Iterable[Path] = ()
    written: Iterable[Path] = ()
    devices: Iterable[Path] = field(default=(Path("/dev/null"),))


def keep_to_files(rules: FileRules) -> bool:
    """Whether the kernel now refuses all other files; it may lack Landlock."""
    version = call(_CREATE, 0, 0, _VERSION) if sys.platform == "linux" else -1
    if version < 1:
        return False
    every = _ALL_OF_VERSION.get(version, _ALL)
    words = (every, _NETWORK if version >= 4 else 0, _SCOPES if version >= 6 else 0)
    attribute = struct.pack("QQQ", *words)[: 8 if version < 4 else 16 if version < 6 else 24]
    ruleset = call(_CREATE, attribute, len(attribute), 0)
    if ruleset < 0:
        return False
    try:
        for paths, rights in _grants(rules):
            for path in paths:
                _grant(ruleset, path, rights & every)
        return prctl(_PR_SET_NO_NEW_PRIVS, 1) and call(_RESTRICT, ruleset, 0) == 0
    finally:
        os.close(ruleset)


def _grants(rules: FileRules) -> Iterable[tuple[Iterable[Path], int]]:
    yield rules.read, _READ | _LIST | _EXECUTE
    yield rules.listed, _LIST
    yield rules.written, _ALL & ~_EXECUTE
    yield rules.devices, _READ | _WRITE | 1 << 15


def _grant(ruleset: int, path: Path, rights: int) -> None:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
        beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            allowed = rights if path.is_dir() else rights & _TO_FILES
            call(_ADD, ruleset, _PATH_BENEATH, struct.pack("=Qi", allowed, beneath), 0)
        finally:
            os.close(beneath)
