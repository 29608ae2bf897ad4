"""A real S3 server over a folder: rclone's."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

KEY, SECRET = "assay-test-key", "assay-test-secret"


@contextlib.contextmanager
def start_s3(folder: Path, key: str = KEY, secret: str = SECRET) -> Iterator[str]:
    """The endpoint of a server whose buckets are the folders in `folder`; it is gone after the block."""
    rclone = str(Path(sys.executable).with_name("rclone"))
    with listening(
        [rclone, "serve", "s3", str(folder), "--auth-key", f"{key},{secret}", "--addr"], "127.0.0.1:{}"
    ) as url:
        yield url


@contextlib.contextmanager
def listening(command: Sequence[str], address: str) -> Iterator[str]:
    """The URL of `command` once it takes connections. address: its last argument, with `{}` for a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = [*command, address.format(port)]
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait(port, server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _wait(port: int, server: "subprocess.Popen[bytes]") -> None:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert server.poll() is None, f"{server.args!r} has ended"
        time.sleep(0.1)
    raise AssertionError(f"{server.args!r} does not listen")
