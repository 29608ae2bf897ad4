"""Places that are really there: a web server that keeps what is posted, S3 servers without and with object lock."""

import hashlib
import hmac
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.s3_server import listening, start_s3

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
    with start_s3(root, KEY, SECRET) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def locking_s3():
    """Endpoint of moto's S3 server, which keeps versions and refuses to delete what is locked; or of your own."""
    if own := os.environ.get("TEST_S3_WITH_LOCK"):
        yield own
        return
    pytest.importorskip("moto.server", reason="moto is not installed: no S3 server with object lock here")
    with listening([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p"], "{}") as endpoint:
        yield endpoint
