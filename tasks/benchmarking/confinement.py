"""What a process gives up before it opens a stranger's file; the network is tried afterwards, not taken on trust.

No network, no files but those it is told, no other process or program, no core, an end to its processor time. Memory
is limited from outside, once the libraries are in.
"""

import resource
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.json_types import JsonObject
from tasks.benchmarking.file_rules import FileRules, keep_to_files
from tasks.benchmarking.kernel import prctl
from tasks.benchmarking.system_calls import lose_network, refuse_system_calls

MOST_WRITTEN_BYTES = 64 * 1024**2
_MOST_OPEN_FILES = 512
_PR_SET_PDEATHSIG = 1
_SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/opt", "/sys")
# Not all of these: an administrator may read there passwords, whole disks, and what processes were started with.
_SETTINGS = (
    *("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "timezone", "os-release"),
    *("passwd", "group", "nsswitch.conf", "ssl/openssl.cnf"),
)
_DEVICES = ("null", "zero", "full", "random", "urandom")
_PROCESSES = ("self", "cpuinfo", "meminfo", "stat", "filesystems", "modules", "devices", "sys", "driver")


@dataclass(frozen=True)
class Box:
    """reads: files beyond the libraries. workdir: the one folder to write. cpu_seconds: over all threads."""

    reads: Sequence[Path]
    workdir: Path
    cpu_seconds: int
    has_devices: bool = False


@dataclass(frozen=True)
class Confined:
    """network: by what it is refused; () where it is not. files: whether others than the told are refused."""

    network: tuple[str, ...]
    files: bool

    def to_json(self) -> JsonObject:
        return {"network": list(self.network), "files": self.files}


def confine(box: Box) -> Confined:
    """Give up what cannot be had back. Before any second thread, which would keep it."""
    if sys.platform == "linux":
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _limit(box)
    by = [("namespace", lose_network())]
    files = keep_to_files(_rules(box))
    by.append(("system calls", refuse_system_calls()))
    means = tuple(name for name, stands in by if stands)
    return Confined(means if means and _is_offline() else (), files)


def _limit(box: Box) -> None:
    for limit, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, box.cpu_seconds),
        (resource.RLIMIT_FSIZE, MOST_WRITTEN_BYTES),
        (resource.RLIMIT_NOFILE, _MOST_OPEN_FILES),
    ):
        before = resource.getrlimit(limit)[1]
        allowed = most if before == resource.RLIM_INFINITY else min(most, before)
        resource.setrlimit(limit, (allowed, allowed))


def _rules(box: Box) -> FileRules:
    import assay
    import tasks

    # The folders around the packages hold keys and settings: their names may be listed, as imports do.
    packages = [Path(str(package.__file__)).parent for package in (assay, tasks)]
    installed = [Path(entry) for entry in sys.path if entry.rpartition("/")[2] in {"site-packages", "dist-packages"}]
    interpreter = [Path(sys.prefix), Path(sys.base_prefix), Path(sys.exec_prefix)]
    devices = sorted(Path("/dev").glob("nvidia*")) if box.has_devices else []
    return FileRules(
        read=[
            *map(Path, _SYSTEM),
            *(Path("/etc", name) for name in _SETTINGS),
            *(Path("/dev", name) for name in _DEVICES),
            *(Path("/proc", name) for name in _PROCESSES),
            *interpreter,
            *installed,
            *packages,
            *box.reads,
        ],
        listed=[path for path in map(Path, sys.path) if path.is_dir()],
        written=[box.workdir],
        devices=[Path("/dev/null"), *devices],
    )


def _is_offline() -> bool:
    """Whether not even this machine can be reached; a port that nobody serves would refuse in its own way."""
    try:
        with socket.socket() as attempt:
            attempt.settimeout(1)
            attempt.connect(("127.0.0.1", 9))
    except ConnectionRefusedError:
        return False
    except OSError:
        return True
    return False
