"""What a file that took over its reader would try, as jobs of a confined process."""

import ctypes
import os
import resource
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Request = dict[str, Any]
Say = Callable[[str], None]


def reach_out(request: Request, say: Say) -> dict[str, str]:
    """Every way to a network or a socket of this machine."""
    port = request["port"]
    return _tried(
        tcp=lambda: socket.create_connection(("127.0.0.1", port), 2),
        tcp6=lambda: socket.socket(socket.AF_INET6),
        udp=lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", port)),
        packets=lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
        local=lambda: socket.socket(socket.AF_UNIX).connect(request["socket"]),
        abstract=lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"x", "\0assay-test"),
        listen=lambda: socket.socket(socket.AF_UNIX).bind("own.sock"),
        ring=lambda: _called(425, 8, 0),
    )


def touch_files(request: Request, say: Say) -> dict[str, str]:
    """Files of others, and of its own."""
    secret, folder = Path(request["secret"]), Path(request["folder"])
    return _tried(
        read=secret.read_text,
        passwords=Path("/etc/shadow").read_text,
        devices=lambda: list(Path("/dev").iterdir()),
        environment=Path(f"/proc/{os.getppid()}/environ").read_bytes,
        write=lambda: (folder / "planted").write_text("x"),
        change=lambda: secret.write_text("x"),
        remove=secret.unlink,
        link=lambda: (folder / "link").symlink_to("/etc/passwd"),
        beside=lambda: Path("../planted").write_text("x"),
        own=lambda: Path("own").write_text("x"),
        device=lambda: Path("/dev/null").write_text("x"),
        large=_write_much,
    )


def touch_processes(request: Request, say: Say) -> dict[str, str]:
    """Other processes, programs, and its own limits."""
    infinite = resource.RLIM_INFINITY
    return _tried(
        fork=os.fork,
        program=lambda: subprocess.run(["true"], check=True),
        become=lambda: os.execv("/bin/true", ["true"]),  # noqa: S606 - a program we know
        kill=lambda: os.kill(os.getppid(), 0),
        trace=lambda: _called(101, 16, os.getppid(), 0, 0),
        memory_of_others=lambda: _called(310, os.getppid(), 0, 0, 0, 0, 0),
        more_memory=lambda: resource.prlimit(0, resource.RLIMIT_AS, (infinite, infinite)),
        more_files=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1 << 20, 1 << 20)),
        namespace=lambda: _called(272, 0x40000000),
        thread=_thread,
    )


def tell_surroundings(request: Request, say: Say) -> dict[str, Any]:
    return {
        "environment": sorted(os.environ),
        "here": [path.name for path in Path().iterdir()],
        "core": resource.getrlimit(resource.RLIMIT_CORE)[1],
    }


def take_memory(request: Request, say: Say) -> dict[str, Any]:
    return {"taken": len(bytearray(request["bytes"]))}


def hang(request: Request, say: Say) -> dict[str, Any]:
    say(str(os.getpid()))
    time.sleep(600)
    return {}


def vanish(request: Request, say: Say) -> dict[str, Any]:
    os._exit(0)


def crash(request: Request, say: Say) -> dict[str, Any]:
    ctypes.string_at(0)
    return {}


def talk_to_the_terminal(request: Request, say: Say) -> dict[str, Any]:
    say("\x1b]0;owned\x07 fine")
    raise ValueError("\x1b[2J gone")


def lie(request: Request, say: Say) -> dict[str, Any]:
    """A benchmark of another file than the scanned one."""
    return {"verdict": "passed", "checks": [], "model": {"sha256": "0" * 64}}


def _tried(**attempts: Callable[[], Any]) -> dict[str, str]:
    """What came of each: `done`, or the error's type."""
    found = {}
    for name, attempt in attempts.items():
        try:
            attempt()
            found[name] = "done"
        except Exception as error:  # noqa: BLE001 - whatever stops it
            found[name] = type(error).__name__
    return found


def _called(number: int, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(number, *map(ctypes.c_long, arguments)) < 0:
        raise OSError(ctypes.get_errno(), "refused")


def _thread() -> None:
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()


def _write_much() -> None:
    with Path("large").open("wb") as file:
        file.truncate(1 << 40)
