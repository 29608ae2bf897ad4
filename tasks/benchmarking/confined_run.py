"""Do one job on a stranger's file in a process of its own, which has no network, no secrets and an end.

The caller never parses the file: it hears lines of progress, and a document or an error. What comes back is data of
a process that may have been taken over: printable text of bounded length, and JSON.
"""

import contextlib
import json
import os
import resource
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from assay.errors import AssayError, EngineUnavailable, IntegrityError, PolicyViolation, SpecError
from assay.json_types import JsonObject
from tasks.benchmarking.confined_child import OUT_OF_MEMORY

GIB = 1024**3
_MOST_TOLD_BYTES = 64 * 1024**2
_MOST_TEXT = 2000
_SECONDS_TO_END = 5
_STACK_BYTES = 192 * 1024**2  # what a thread reserves without using it: its stack, and its share of the heap
_FAMILIES: Mapping[str, type[AssayError]] = {
    family.__name__: family for family in (SpecError, IntegrityError, PolicyViolation, EngineUnavailable)
}
_PASSED_ON = (
    *("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH"),
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES"),
)
# With -I nothing of the surroundings decides what is imported; the caller's own path does.
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from tasks.benchmarking.confined_child import main; main()"
)


@dataclass(frozen=True)
class Job:
    """function: `module:name`, which takes `request` and a `say`, and gives a document. reads: files it may open."""

    function: str
    request: JsonObject
    reads: tuple[Path, ...]
    libraries: tuple[str, ...] = ()
    has_devices: bool = False


@dataclass(frozen=True)
class Limits:
    """memory_bytes: beyond what the libraries take. seconds: from start to end, and for each processor."""

    memory_bytes: int
    seconds: float
    allow_network: bool = False


@dataclass
class _Heard:
    """What the process has told so far."""

    confined: JsonObject = field(default_factory=dict)
    done: JsonObject | None = None
    error: JsonObject | None = None


def default_memory_bytes() -> int:
    """Four fifths of what this machine, or this container, has."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):
            machine = min(machine, int(Path(path).read_text()))
    return machine * 4 // 5


def run_confined(job: Job, limits: Limits, say: Callable[[str], None]) -> tuple[JsonObject, JsonObject]:
    """The job's document, and how it was confined.

    Raises SpecError when it takes more memory or time than allowed, or no network cannot be had; what the job raised;
    AssayError when its process ends without a word.
    """
    with tempfile.TemporaryDirectory(prefix="assay-") as folder, _started(job, limits, Path(folder)) as (process, pipe):
        heard = _hear(process, pipe, limits, job.has_devices, say)
        if heard.error is not None:
            raise _as_raised(heard.error, limits)
        if heard.done is None:
            raise _as_ended(_end(process), (Path(folder) / "errors").read_bytes(), limits)
        return heard.done, {**heard.confined, "memory_bytes": limits.memory_bytes, "seconds": limits.seconds}


@contextlib.contextmanager
def _started(job: Job, limits: Limits, folder: Path) -> "Iterator[tuple[subprocess.Popen[bytes], int]]":
    """The process at work, and the end of the pipe on which it tells; it is dead afterwards."""
    workdir = folder / "work"
    workdir.mkdir()
    here, there = os.pipe()
    with os.fdopen(here, "rb"), (folder / "errors").open("wb") as errors:
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-c", _START, _import_path()],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors, pass_fds=(there,), cwd=workdir,
                env=_environment(workdir), start_new_session=True,
            )  # fmt: skip
        finally:
            os.close(there)
        try:
            _write(process, _request(job, limits, workdir, there))
            yield process, here
        finally:
            process.kill()
            process.wait()
            with contextlib.suppress(OSError):
                cast(Any, process.stdin).close()


def _import_path() -> str:
    return json.dumps([str(Path(entry).absolute()) for entry in sys.path if entry])


def _environment(workdir: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in _PASSED_ON}
    return {**kept, "HOME": str(workdir), "TMPDIR": str(workdir), "PYTHONDONTWRITEBYTECODE": "1"}


def _request(job: Job, limits: Limits, workdir: Path, pipe: int) -> JsonObject:
    return {
        "pipe": pipe,
        "workdir": str(workdir),
        "reads": [str(path.absolute()) for path in job.reads],
        "cpu_seconds": int(limits.seconds * (os.cpu_count() or 1)) + 1,
        "has_devices": job.has_devices,
        "allow_network": limits.allow_network,
        "libraries": list(job.libraries),
        "function": job.function,
        "request": job.request,
    }


def _write(process: "subprocess.Popen[bytes]", line: JsonObject) -> None:
    """A process that is gone already tells by its end."""
    stdin = cast(Any, process.stdin)
    with contextlib.suppress(BrokenPipeError):
        stdin.write(json.dumps(line).encode() + b"\n")
        stdin.flush()


def _hear(
    process: "subprocess.Popen[bytes]", pipe: int, limits: Limits, has_devices: bool, say: Callable[[str], None]
) -> _Heard:
    """Until it has no more to tell. Raises SpecError when its time is over."""
    heard = _Heard()
    for kind, what in _lines(pipe, limits.seconds):
        if kind == "say":
            say(_text(what))
        elif kind == "confined" and isinstance(what, dict):
            heard.confined = what
        elif kind == "ready":
            _limit_memory(process.pid, limits.memory_bytes, has_devices)
            _write(process, {"go": True})
        elif kind == "done" and isinstance(what, dict):
            heard.done = what
        elif kind == "error" and isinstance(what, dict):
            heard.error = what
    return heard


def _limit_memory(pid: int, memory_bytes: int, has_devices: bool) -> None:
    """What it has now, by its libraries, and `memory_bytes`. A device's driver reserves addresses without end."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[5 if has_devices else 0])
    most = pages * os.sysconf("SC_PAGE_SIZE") + memory_bytes + _STACK_BYTES * (os.cpu_count() or 1)
    resource.prlimit(pid, resource.RLIMIT_DATA if has_devices else resource.RLIMIT_AS, (most, most))


def _lines(pipe: int, seconds: float) -> Iterator[tuple[str, Any]]:
    """(kind, what) of each line, as it comes."""
    ends, told, rest = time.monotonic() + seconds, 0, b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            if not selector.select(max(ends - time.monotonic(), 0)):
                raise SpecError(
                    f"not done after {seconds:g} s, its process was ended; allow more by --timeout, or measure less by "
                    "--samples or --suite quick"
                )
            block = os.read(pipe, 1 << 16)
            told += len(block)
            if not block or told > _MOST_TOLD_BYTES:
                return
            *whole, rest = (rest + block).split(b"\n")
            yield from map(_parsed, whole)


def _parsed(line: bytes) -> tuple[str, Any]:
    with contextlib.suppress(ValueError, RecursionError):
        value = json.loads(line)
        if isinstance(value, dict) and len(value) == 1:
            return cast("tuple[str, Any]", next(iter(value.items())))
    return "", None


def _end(process: "subprocess.Popen[bytes]") -> int:
    """The exit code; 0 where it goes on without telling anything."""
    try:
        return process.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        return 0


def _as_raised(error: JsonObject, limits: Limits) -> AssayError:
    if error.get("out_of_memory") is True:
        return _too_large(limits)
    family = _FAMILIES.get(str(error.get("family")), AssayError)
    text = _text(error.get("text"))
    return family(text) if family is not AssayError else AssayError(f"the measuring process failed: {text}")


def _as_ended(code: int, errors: bytes, limits: Limits) -> AssayError:
    """A process that said nothing at its end: its signal, and what the libraries wrote."""
    words = errors[-_MOST_TEXT:].decode(errors="replace")
    if code == -signal.SIGKILL or any(one in words for one in (*OUT_OF_MEMORY, "Memory allocation")):
        return _too_large(limits)
    if code == -signal.SIGXCPU:
        return SpecError(f"it took more processor time than {limits.seconds:g} s; allow more by --timeout")
    end = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return AssayError(
        f"the measuring process ended by {end} and said nothing; the file may be made to break its reader: "
        f"do not open it elsewhere. Last words: {_text(words[-500:]) or 'none'}"
    )


def _too_large(limits: Limits) -> SpecError:
    return SpecError(
        f"the model is too large: with these rows it needs more than {limits.memory_bytes / GIB:.3g} GiB; "
        "raise --memory, or measure on a larger machine"
    )


def _text(what: Any) -> str:
    """Printable: a terminal must not obey a stranger's file."""
    return "".join(character if character.isprintable() else " " for character in str(what)[:_MOST_TEXT])
