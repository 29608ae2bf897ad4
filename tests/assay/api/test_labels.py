"""Late labels over HTTP: what is kept, what is refused, and that nothing is read for those without the token."""

import asyncio
import json
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from assay.api.app import create_app
from assay.api.body import MAX_BODY_BYTES
from assay.capture import requests_folder
from assay.settings import Settings

TOKEN = {"Authorization": "Bearer secret"}
URL = "/api/v1/labels/digits"
GOOD = {"request_id": "r", "label": 1}
HUGE = 99999999999999999999999999


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a stack on which `digits` was deployed: the server made the folder of its requests."""
    made = Settings(home=tmp_path, api_token=SecretStr("secret"), capture_url=(tmp_path / "capture").as_uri())
    requests_folder(made, "digits").mkdir(parents=True)
    return made


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), headers=TOKEN, raise_server_exceptions=False) as client:
        yield client


def kept(settings: Settings) -> list[Path]:
    return list((settings.home / "capture").rglob("*.parquet"))


def test_labels_are_appended_beside_the_captured_requests(client: TestClient, settings: Settings) -> None:
    labels = [{"request_id": "r1", "label": 3}, {"request_id": "r2", "label": 2**63 - 1, "row": 1, "by": "Ann Bö"}]
    answer = client.post(URL, json={"labels": labels})
    assert (answer.status_code, answer.json()) == (201, {"appended": 2})
    assert [path.parent for path in kept(settings)] == [settings.home / "capture/digits/labels"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"label": HUGE}, {"row": HUGE}, {"label": -HUGE}, {"row": -1}, {"label": True}, {"label": "1"}, {"label": 1.0},
        {"label": None}, {"request_id": "\0"}, {"request_id": "a\u202eb"}, {"by": "\u2067ann"}, {"by": "ann\n"},
        {"request_id": "\ud800"}, {"request_id": ""}, {"origin": "robot"}, {"more": 1},
    ],
    ids=repr,
)  # fmt: skip
def test_label_of_another_form_is_refused_and_nothing_kept(
    client: TestClient, settings: Settings, wrong: dict[str, Any]
) -> None:
    body = json.dumps({"labels": [GOOD, GOOD | wrong]})
    refused = client.post(URL, content=body)
    assert (refused.status_code, set(refused.json())) == (422, {"error", "message"})
    assert refused.json()["message"].startswith("body")
    assert kept(settings) == []


def test_thousands_of_faults_are_told_in_a_few_words(client: TestClient) -> None:
    refused = client.post(URL, json={"labels": [{}] * 9_000})
    assert refused.status_code == 422
    assert "more" in refused.json()["message"]
    assert len(refused.content) < 1_000


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b"null", b"{}", b'{"labels": []}'])
def test_body_that_holds_no_labels_is_refused(client: TestClient, body: bytes) -> None:
    refused = client.post(URL, content=body)
    assert (refused.status_code, refused.json()["error"]) == (422, "MalformedRequest")


def test_body_larger_than_the_bound_is_not_parsed(client: TestClient) -> None:
    assert client.post(URL, content=b" " * (MAX_BODY_BYTES + 1)).status_code == 413


@pytest.mark.parametrize(
    ("path", "status"),
    [("null", 404), ("true", 404), ("digit", 404), ("..%2F..", 404), ("Digits", 422), ("a.b", 422), ("%00", 400)],
)
def test_pipeline_that_captures_nothing_gets_no_folder(
    client: TestClient, settings: Settings, path: str, status: int
) -> None:
    refused = client.post(f"/api/v1/labels/{path}", json={"labels": [GOOD]})
    assert (refused.status_code, set(refused.json())) == (status, {"error", "message"})
    assert [folder.name for folder in (settings.home / "capture").iterdir()] == ["digits"]


@pytest.mark.parametrize("body", [b"[" * 100_000, b"{", b" " * (MAX_BODY_BYTES + 1)], ids=["deep", "cut", "large"])
@pytest.mark.parametrize("path", [URL, "/api/v1/labels/%00", "/api/v1/lineage", "/nowhere"])
def test_without_the_token_nothing_is_said_of_the_body(client: TestClient, path: str, body: bytes) -> None:
    refused = client.post(path, content=body, headers={"Authorization": "Bearer wrong"})
    assert (refused.status_code, set(refused.json())) == (401, {"error", "message"})
    assert refused.headers["WWW-Authenticate"] == "Bearer"


def test_without_the_token_the_body_is_not_even_read(settings: Settings) -> None:
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        raise AssertionError("the body was read")

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": URL, "query_string": b"", "headers": []}
    asyncio.run(create_app(settings)(scope, receive, send))
    assert sent[0]["status"] == 401


def test_openapi_promises_what_is_answered(client: TestClient) -> None:
    operation = client.get("/openapi.json").json()["paths"]["/api/v1/labels/{pipeline}"]["post"]
    assert {"201", "404", "413", "422"} <= set(operation["responses"])
    assert "200" not in operation["responses"]
    answer = operation["responses"]["201"]["content"]["application/json"]["schema"]
    assert answer == {"$ref": "#/components/schemas/AppendedAnswer"}
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"]["labels"]["items"]["properties"]["label"]["maximum"] == 2**63 - 1


def test_failure_that_nobody_foresaw_has_the_shape_of_refusals(client: TestClient, settings: Settings) -> None:
    """A file lies where the folder of labels should be."""
    (settings.home / "capture/digits/labels").write_bytes(b"")
    failed = client.post(URL, json={"labels": [GOOD]})
    assert (failed.status_code, failed.json()["error"]) == (500, "FileExistsError")
    assert 'route="/api/v1/labels/{pipeline}",status="500"} 1' in client.get("/metrics").text
