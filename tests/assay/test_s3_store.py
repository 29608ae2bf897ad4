"""Objects come whole and verified from S3, however the line to it behaves."""

import multiprocessing
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from assay.digests import sha256_bytes
from assay.errors import AssayError, EngineUnavailable, IntegrityError, SpecError
from assay.settings import Settings
from assay.store import Store, open_store
from tests.s3_server import KEY, SECRET, start_s3

OBJECT = bytes(range(256)) * 8_000
ABSENT = sha256_bytes(b"nobody stored this")


@dataclass
class Line:
    """A server of one object. breaks: how many of the next answers end half-way. sent: bytes of each answer so far."""

    content: bytes = OBJECT
    breaks: int = 0
    sent: list[int] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def line() -> Iterator[Line]:
    kept = Line()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            first, last = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")
            start, end = int(first), int(last or len(kept.content) - 1) + 1
            self.send_response(206 if "Range" in self.headers else 200)
            self.send_header("Content-Length", str(end - start))
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(kept.content)}")
            self.send_header("ETag", '"one"')
            self.send_header("Last-Modified", "Sat, 21 Nov 2026 07:28:00 GMT")
            self.end_headers()
            given = (end - start) // 2 if len(kept.sent) < kept.breaks else end - start
            kept.sent.append(given)
            self.wfile.write(kept.content[start : start + given])
            self.close_connection = True

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield kept
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("s3")
    (root / "assay").mkdir()
    with start_s3(root) as url:
        yield url


def store_at(endpoint: str, url: str = "s3://assay/kept/here", secret: str = SECRET) -> Store:
    return open_store(Settings.model_validate(
        {"store_url": url, "s3_endpoint_url": endpoint, "s3_access_key": KEY, "s3_secret_key": secret}
    ))  # fmt: skip


def test_a_small_object_comes_in_one_stream(line: Line, tmp_path: Path) -> None:
    assert store_at(line.url).fetch(sha256_bytes(OBJECT), tmp_path / "object").read_bytes() == OBJECT
    assert line.sent == [len(OBJECT)]


def test_a_stream_that_breaks_goes_on_where_it_broke(line: Line, tmp_path: Path) -> None:
    line.breaks = 2
    assert store_at(line.url).fetch(sha256_bytes(OBJECT), tmp_path / "object").read_bytes() == OBJECT
    assert line.sent == [len(OBJECT) // 2, len(OBJECT) // 4, len(OBJECT) // 4]


def test_a_line_that_always_breaks_is_named_and_leaves_nothing(line: Line, tmp_path: Path) -> None:
    line.breaks = 100
    with pytest.raises(EngineUnavailable, match="is the object store up") as told:
        store_at(line.url).fetch(sha256_bytes(OBJECT), tmp_path / "object")
    assert "\n" not in str(told.value)
    assert list(tmp_path.iterdir()) == []


def test_other_bytes_are_refused_and_leave_nothing(line: Line, tmp_path: Path) -> None:
    line.content = OBJECT[:-1] + b"\0"
    with pytest.raises(IntegrityError, match="expected sha256"):
        store_at(line.url).fetch(sha256_bytes(OBJECT), tmp_path / "object")
    with pytest.raises(IntegrityError, match="expected sha256"):
        store_at(line.url).read(sha256_bytes(OBJECT))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.engines
def test_what_is_stored_is_found_again_until_it_is_removed(endpoint: str, tmp_path: Path) -> None:
    store = store_at(endpoint)
    (tmp_path / "large").write_bytes(OBJECT * 10)  # in two parts
    for sha256, content in (
        (store.put_bytes(OBJECT), OBJECT),
        (store.put_file(tmp_path / "large"), OBJECT * 10),
        (store.put_bytes(b""), b""),
    ):
        assert sha256 == sha256_bytes(content)
        assert store.put_bytes(content) == sha256
        assert store.exists(sha256) and store.size(sha256) == len(content)
        assert store.read(sha256) == store.fetch(sha256, tmp_path / "fetched").read_bytes() == content
        assert store.url(sha256) == f"s3://assay/kept/here/sha256/{sha256[:2]}/{sha256}"
        store.remove(sha256)
        store.remove(sha256)
        assert not store.exists(sha256)


@pytest.mark.engines
def test_what_is_not_there_is_named(endpoint: str, tmp_path: Path) -> None:
    store = store_at(endpoint, "s3://assay")
    assert not store.exists(ABSENT)
    for ask in (store.read, store.size, lambda sha256: store.fetch(sha256, tmp_path / "object")):
        with pytest.raises(IntegrityError, match=f"s3://assay/sha256/{ABSENT[:2]}/{ABSENT}: expected an object"):
            ask(ABSENT)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.engines
def test_wrong_bucket_secret_and_place_are_told_apart(endpoint: str) -> None:
    for store, words in (
        (store_at(endpoint, "s3://nobucket"), "NoSuchBucket.*check the S3 credentials and bucket"),
        (store_at(endpoint, secret="another-secret"), "check the S3 credentials and bucket"),
        (store_at("http://127.0.0.1:9"), "is the object store up"),
    ):
        with pytest.raises(EngineUnavailable, match=words):
            store.put_bytes(b"anything")


def test_credentials_come_from_where_boto3_looks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: Line) -> None:
    nowhere = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "none", "AWS_SHARED_CREDENTIALS_FILE": "none"}
    for name, value in nowhere.items():
        monkeypatch.setenv(name, value)
    settings = Settings.model_validate({"store_url": "s3://assay", "s3_endpoint_url": line.url})
    with pytest.raises(SpecError, match="ASSAY_S3_ACCESS_KEY"):
        open_store(settings)
    profile = tmp_path / "credentials"
    profile.write_text(f"[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(profile))
    assert open_store(settings).read(sha256_bytes(OBJECT)) == OBJECT


def _read(store: Store, answer: "multiprocessing.SimpleQueue[str]") -> None:
    try:
        answer.put(str(len(store.read(sha256_bytes(OBJECT)))))
    except AssayError as error:
        answer.put(str(error))


def test_a_fork_is_told_instead_of_waiting_for_ever(line: Line) -> None:
    store = store_at(line.url)
    store.read(sha256_bytes(OBJECT))
    forks = multiprocessing.get_context("fork")
    answer = forks.SimpleQueue()
    child = forks.Process(target=_read, args=(store, answer))
    child.start()
    child.join(20)
    assert not child.is_alive()
    assert "was forked after it had used S3" in answer.get()
