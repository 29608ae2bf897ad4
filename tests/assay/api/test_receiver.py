"""The OpenLineage receiver: who may tell, what is kept, what is refused and why."""

import gzip
import logging
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi.testclient import TestClient
from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
from openlineage.client.transport.http import ApiKeyTokenProvider, HttpCompression, HttpConfig, HttpTransport
from pydantic import SecretStr

from assay.api.app import create_app
from assay.api.body import MAX_BODY_BYTES
from assay.digests import canonical_json
from assay.lineage.emit import emit_step, step_event
from assay.lineage.store import LineageStore
from assay.lineage.walk import Direction, walk
from assay.records import RunContext, Step, StepReport, Subject, Verdict
from assay.settings import Settings

TOKEN = {"Authorization": "Bearer secret"}
URL = "/api/v1/lineage"
REPORT = StepReport(
    Step.SCREEN,
    "digits",
    Verdict.PASSED,
    products={"admitted": Subject("dataset/digits.admitted", "b" * 64)},
    inputs={"raw": Subject("dataset/digits", "a" * 64)},
)
EVENT = dict(step_event(REPORT, RunContext("run-1"), datetime(2026, 11, 21, tzinfo=UTC)))


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, database_url=SecretStr(database_url), api_token=SecretStr("secret"))


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), headers=TOKEN) as client:
        yield client


@pytest.fixture
def served(settings: Settings) -> Iterator[Settings]:
    """The API on a real port; the settings a step would have."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield settings.model_copy(update={"api_url": f"http://127.0.0.1:{port}"})
    server.should_exit = True
    thread.join()


def stored(settings: Settings) -> int:
    return LineageStore.open(settings).events_stored()


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer wrong", "Basic secret", "Bearer secret2", "Bearer sécret"])
def test_nobody_tells_or_asks_without_the_token(client: TestClient, token: str) -> None:
    headers = {"Authorization": token.encode("utf-8")}
    for method, path in (("POST", URL), ("GET", URL + "/up?ref=x"), ("GET", "/api/v1/served"), ("GET", "/metrics"),
                         ("POST", "/api/v1/labels/digits")):  # fmt: skip
        assert client.request(method, path, headers=headers).status_code == 401


def test_without_a_token_configured_nobody_may_ask(settings: Settings) -> None:
    closed = settings.model_copy(update={"api_token": SecretStr("")})
    with TestClient(create_app(closed), headers={"Authorization": "Bearer "}) as client:
        assert client.post(URL, json=EVENT).status_code == 401
        assert client.get("/health").status_code == 200


def test_same_event_twice_is_kept_once(client: TestClient, settings: Settings) -> None:
    answers = [client.post(URL, json=EVENT), client.post(URL, json=dict(reversed(EVENT.items())))]
    assert [(answer.status_code, answer.json()) for answer in answers] == [
        (201, {"stored": True}),
        (200, {"stored": False}),
    ]
    assert stored(settings) == 1


def test_gzip_is_unpacked(client: TestClient, settings: Settings) -> None:
    packed = gzip.compress(canonical_json(EVENT))
    assert client.post(URL, content=packed, headers={"Content-Encoding": "gzip"}).status_code == 201
    assert stored(settings) == 1


@pytest.mark.parametrize(
    ("content", "encoding", "status"),
    [
        (b"{}", "identity", 400),
        (b"not gzip", "gzip", 400),
        (gzip.compress(b"{}")[:-9], "gzip", 400),
        (b"{}", "br", 400),
        (b" " * (MAX_BODY_BYTES + 1), "identity", 413),
        (gzip.compress(b" " * (MAX_BODY_BYTES * 9)), "gzip", 413),
    ],
    ids=["empty", "rubbish", "cut", "unknown encoding", "too large", "bomb"],
)
def test_body_that_is_no_event_is_refused_with_the_reason(
    client: TestClient, settings: Settings, content: bytes, encoding: str, status: int
) -> None:
    answer = client.post(URL, content=content, headers={"Content-Encoding": encoding})
    assert answer.status_code == status
    assert answer.json()["message"]
    assert stored(settings) == 0


def test_event_that_does_not_conform_names_its_fault(client: TestClient, settings: Settings) -> None:
    answer = client.post(URL, json={**EVENT, "eventType": "DONE"})
    assert answer.status_code == 400
    assert answer.json()["error"] == "SpecError"
    assert "eventType" in answer.json()["message"]
    assert stored(settings) == 0


def test_event_about_a_dataset_alone_is_kept_and_draws_no_edge(client: TestClient, settings: Settings) -> None:
    event: dict[str, Any] = {key: EVENT[key] for key in ("eventTime", "producer")}
    event |= {"schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/DatasetEvent"}
    assert client.post(URL, json={**event, "dataset": {"namespace": "a", "name": "b"}}).status_code == 201
    assert stored(settings) == 1


def test_metrics_count_requests_and_events(client: TestClient) -> None:
    client.post(URL, json=EVENT)
    client.get("/nowhere/" + "x" * 50)
    text = client.get("/metrics").text
    assert 'assay_requests_total{method="POST",route="/api/v1/lineage",status="201"} 1' in text
    assert 'route="unknown",status="404"} 1' in text
    assert "assay_lineage_events 1" in text
    assert "assay_ledger_entries 0" in text
    assert "assay_database_up 1" in text


def test_a_step_tells_the_running_api_and_the_walk_shows_it(served: Settings) -> None:
    emit_step(REPORT, RunContext("run-1"), served)
    walked = walk(LineageStore.open(served), Direction.UP, "b" * 64)
    assert [node.name for node in walked.nodes] == ["dataset/digits", "dataset/digits.admitted"]


def test_the_public_client_with_gzip_is_understood(served: Settings) -> None:
    config = HttpConfig(
        url=served.api_url,
        auth=ApiKeyTokenProvider({"apiKey": "secret"}),
        compression=HttpCompression.GZIP,
        timeout=2,
        retry={"total": 0},
    )
    event = RunEvent(
        eventTime="2026-11-21T05:00:00Z",
        eventType=RunState.START,
        run=Run("01a1fc25-c63e-7576-a59b-da367de33191"),
        job=Job("assay", "dag.task"),
        producer="https://example.org/producer",
    )
    assert HttpTransport(config).emit(event).status_code == 201
    assert stored(served) == 1


def test_lost_event_is_a_warning_and_never_an_error(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    nowhere = settings.model_copy(update={"api_url": "http://127.0.0.1:9"})
    with caplog.at_level(logging.WARNING):
        emit_step(REPORT, RunContext("run-1"), nowhere)
        emit_step(REPORT, RunContext("run-1"), settings)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "was not sent" in caplog.text
