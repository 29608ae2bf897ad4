"""Objects come whole and verified from S3, however the line to it behaves."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from assay.digests import sha256_bytes
from assay.errors import EngineUnavailable, IntegrityError
from assay.settings import Settings
from assay.store import S3Store, s3_client

OBJECT = bytes(range(256)) * 8_000


@dataclass
class Line:
    """A server of one object. breaks: how many of the next answers end half-way. sent: the answers so far."""

    content: bytes = OBJECT
    breaks: int = 0
    sent: list[str] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def line() -> Iterator[Line]:
    kept = Line()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(kept.content)))
            self.send_header("ETag", '"one"')
            self.end_headers()

        def do_GET(self) -> None:
            self.do_HEAD()
            is_broken = len(kept.sent) < kept.breaks
            kept.sent.append("half" if is_broken else "whole")
            self.wfile.write(kept.content[: len(kept.content) // 2] if is_broken else kept.content)
            self.close_connection = True

        def log_message(self, *arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield kept
    server.shutdown()
    server.server_close()


def store_at(line: Line) -> S3Store:
    settings = Settings.model_validate({"s3_endpoint_url": line.url, "s3_access_key": "key", "s3_secret_key": "secret"})
    return S3Store(s3_client(settings, attempts=1), bucket="assay", prefix="")


def test_a_small_object_comes_in_one_stream(line: Line, tmp_path: Path) -> None:
    assert store_at(line).fetch(sha256_bytes(OBJECT), tmp_path / "object").read_bytes() == OBJECT
    assert line.sent == ["whole"]


def test_a_stream_that_breaks_is_begun_again(line: Line, tmp_path: Path) -> None:
    line.breaks = 2
    assert store_at(line).fetch(sha256_bytes(OBJECT), tmp_path / "object").read_bytes() == OBJECT
    assert line.sent == ["half", "half", "whole"]


def test_a_line_that_always_breaks_is_named_and_leaves_nothing(line: Line, tmp_path: Path) -> None:
    line.breaks = 100
    with pytest.raises(EngineUnavailable, match="is the object store up"):
        store_at(line).fetch(sha256_bytes(OBJECT), tmp_path / "object")
    assert list(tmp_path.iterdir()) == []


def test_other_bytes_are_refused_and_leave_nothing(line: Line, tmp_path: Path) -> None:
    line.content = OBJECT[:-1] + b"\0"
    with pytest.raises(IntegrityError, match="expected sha256"):
        store_at(line).fetch(sha256_bytes(OBJECT), tmp_path / "object")
    assert list(tmp_path.iterdir()) == []


def test_a_large_object_comes_in_parts(line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.store._MOST_IN_ONE_STREAM", len(OBJECT) - 1)
    assert store_at(line).fetch(sha256_bytes(OBJECT), tmp_path / "object").read_bytes() == OBJECT
    assert len(line.sent) == 2, "the stream that is left, and the transfer"
