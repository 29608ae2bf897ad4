"""Places that are really there: a web server that keeps what is posted, S3 servers without and with object lock."""

import hashlib
import hmac
import os
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

KEY, SECRET = "checkpoints", "a secret of tests"


@pytest.fixture
def webhook():
    """A server on this machine; `.posted` has (body, whether its HMAC holds), `.answer` is the status it gives."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            wanted = f"sha256={hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}"
            server.posted.append((body.decode(), self.headers["X-Assay-Signature"] == wanted))
            self.send_response(server.answer)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.posted, server.answer = [], 204
    server.url = f"http://127.0.0.1:{server.server_port}/notes?token=hidden"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def plain_s3(tmp_path_factory):
    """Endpoint of rclone over a folder: no versions, no object lock. Bucket `notes`."""
    root = tmp_path_factory.mktemp("s3")
    (root / "notes").mkdir()
    port = _free_port()
    rclone = Path(sys.executable).with_name("rclone")
    command = [rclone, "serve", "s3", root, "--addr", f"127.0.0.1:{port}", "--auth-key", f"{KEY},{SECRET}"]
    yield from _served(command, port)


@pytest.fixture(scope="session")
def locking_s3():
    """Endpoint of moto's S3 server, which keeps versions and refuses to delete what is locked; or of your own."""
    if own := os.environ.get("TEST_S3_WITH_LOCK"):
        yield own
        return
    pytest.importorskip("moto.server", reason="moto is not installed: no S3 server with object lock here")
    port = _free_port()
    yield from _served([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], port)


def _served(command, port):
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait(port):
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("the server does not listen")
