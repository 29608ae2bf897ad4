"""Batches as OpenLineage's API says: what conforms is kept once, every other event is named with its reason."""

import contextlib
import gzip
import json
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from assay.api.app import create_app
from assay.api.lineage import MAX_BATCH_BYTES
from assay.errors import EngineUnavailable
from assay.json_types import JsonObject
from assay.lineage.emit import step_event
from assay.lineage.openlineage import canonical_event
from assay.lineage.receive import MOST_EVENTS, keep_batch
from assay.lineage.store import LineageStore, ReceivedEvent
from assay.records import RunContext, Step, StepReport, Subject, Verdict
from assay.settings import Settings

URL = "/api/v1/lineage/batch"
EVENTS = "/api/v1/lineage/events"
LINES = {"Content-Type": "application/x-ndjson; charset=utf-8"}
STATIC = {
    "eventTime": "2026-11-21T05:00:00Z",
    "producer": "https://example.org/p",
    "schemaURL": "https://example.org/s",
}
FOLDER = Path(__file__).parents[1] / "lineage/events"
REAL = {path.stem: json.loads(path.read_bytes()) for path in sorted(FOLDER.rglob("*.json")) if "serde" not in path.stem}


def event(number: int) -> JsonObject:
    report = StepReport(
        Step.SPLIT, "digits", Verdict.PASSED, {"train": Subject("dataset/digits.train", f"{number:064x}")}
    )
    return step_event(report, RunContext(f"run-{number}"), datetime(2026, 11, 21, tzinfo=UTC))


def lines(*events: JsonObject) -> bytes:
    return b"\n".join(map(canonical_event, events))


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, database_url=SecretStr(database_url), api_token=SecretStr("secret"))


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), headers={"Authorization": "Bearer secret"}) as client:
        yield client


def stored(settings: Settings) -> int:
    with contextlib.closing(LineageStore.open(settings)) as store:
        return store.events_stored()


@pytest.mark.parametrize("in_lines", [False, True])
def test_batch_keeps_what_conforms_and_names_the_rest(client: TestClient, settings: Settings, in_lines: bool) -> None:
    told: list[Any] = [event(1), {**event(2), "eventType": "DONE"}, event(1), 3, event(3)]
    body = b"\n\n".join(json.dumps(one).encode() for one in told) if in_lines else json.dumps(told).encode()
    answer = client.post(URL, content=body, headers=LINES if in_lines else {})
    assert answer.status_code == 200
    told_back = answer.json()
    assert told_back["status"] == "partial_success"
    assert told_back["summary"] == {
        "received": 5, "successful": 3, "failed": 2, "retriable": 0, "non_retriable": 2, "new": 2
    }  # fmt: skip
    assert [(one["index"], one["retriable"]) for one in told_back["failed_events"]] == [(1, False), (3, False)]
    assert "eventType" in told_back["failed_events"][0]["reason"]
    assert stored(settings) == 2


def test_the_same_batch_twice_is_kept_once(client: TestClient, settings: Settings) -> None:
    answers = [client.post(URL, json=[event(1), event(2)]).json() for _ in range(2)]
    assert [(answer["status"], answer["summary"]["new"]) for answer in answers] == [("success", 2), ("success", 0)]
    assert stored(settings) == 2


def test_a_line_that_is_no_json_costs_only_itself(client: TestClient) -> None:
    answer = client.post(URL, content=lines(event(1)) + b'\n{"a": NaN}\n{\n' + lines(event(2)), headers=LINES).json()
    assert (answer["summary"]["new"], [one["index"] for one in answer["failed_events"]]) == (2, [1, 2])


def test_an_array_that_is_no_json_is_refused_whole(client: TestClient, settings: Settings) -> None:
    for body in [b"", b"{}", b"[{}", b'[{"a": 1, "a": 1}]', b"[] []", b'[{"a": NaN}]']:
        answer = client.post(URL, content=body)
        assert (answer.status_code, answer.json()["error"]) == (400, "SpecError"), body
    assert stored(settings) == 0


def test_batches_are_bounded(client: TestClient, settings: Settings) -> None:
    many = client.post(URL, content=lines(event(1)) + b"\n{}" * MOST_EVENTS, headers=LINES)
    assert (many.status_code, "at most 10000 events" in many.json()["message"]) == (400, True)
    bomb = gzip.compress(b" " * (MAX_BATCH_BYTES + 1))
    for body, headers in ((b" " * (MAX_BATCH_BYTES + 1), {}), (bomb, {"Content-Encoding": "gzip"})):
        assert client.post(URL, content=body, headers=headers).status_code == 413
    assert stored(settings) == 0


def test_nobody_tells_a_batch_or_reads_events_without_the_token(client: TestClient) -> None:
    for method, url in (("POST", URL), ("GET", f"{EVENTS}?run=x"), ("GET", f"{EVENTS}/{'a' * 64}")):
        assert client.request(method, url, headers={"Authorization": "Bearer wrong"}).status_code == 401


class Failing(LineageStore):
    """A PostgreSQL that goes away after the first transaction."""

    kept = 0

    def add_events(self, events: Sequence[ReceivedEvent]) -> list[bool]:
        if self.kept:
            raise EngineUnavailable("PostgreSQL: gone")
        self.kept = len(events)
        return super().add_events(events)


def test_events_that_the_database_could_not_take_are_named_for_another_try(settings: Settings) -> None:
    body = lines(*map(event, range(501)), {**event(600), "job": 3}, event(601))
    with contextlib.closing(Failing.open(settings)) as store:
        kept = keep_batch(store, body, in_lines=True)
        assert (kept.received, kept.new) == (503, 500)
        assert [(one.index, one.retriable) for one in kept.failed] == [(500, True), (501, False), (502, True)]
        with pytest.raises(EngineUnavailable):
            keep_batch(store, body, in_lines=True)


def test_every_kept_event_is_found_by_all_that_it_is_about(client: TestClient) -> None:
    assert client.post(URL, json=list(REAL.values())).json()["status"] == "success"
    for told in REAL.values():
        namespace, name = told["job"]["namespace"], told["job"]["name"]
        job = name if namespace == "assay" else f"{namespace}/{name}"
        by_run, by_job = (client.get(EVENTS, params=asked).json()["events"]
                          for asked in ({"run": told["run"]["runId"]}, {"job": job}))  # fmt: skip
        assert {one["run"] for one in by_run} == {told["run"]["runId"].lower()}
        digests = {one["sha256"] for one in by_run} & {one["sha256"] for one in by_job}
        assert told in [client.get(f"{EVENTS}/{sha256}").json()["event"] for sha256 in digests]
    by_dataset = client.get(EVENTS, params={"dataset": "postgres://db:5432/shop.public.orders"}).json()["events"]
    assert [one["state"] for one in by_dataset] == ["COMPLETE", "RUNNING"]
    both = client.get(
        EVENTS, params={"dataset": "postgres://db:5432/shop.public.orders", "job": "flink_jobs/orders_stream"}
    )
    assert [one["state"] for one in both.json()["events"]] == ["RUNNING"]


def test_events_about_a_job_or_a_dataset_alone_are_found(client: TestClient) -> None:
    dataset = {**STATIC, "dataset": {"namespace": "s3://b", "name": "x.csv"}}
    job = {**STATIC, "job": {"namespace": "dbt", "name": "shop"}, "inputs": []}
    assert client.post(URL, json=[dataset, job]).json()["summary"]["new"] == 2
    for asked, told in (({"dataset": "s3://b/x.csv"}, dataset), ({"job": "dbt/shop"}, job)):
        (found,) = client.get(EVENTS, params=asked).json()["events"]
        assert (found["run"], found["state"]) == ("", "")
        assert client.get(f"{EVENTS}/{found['sha256']}").json()["event"] == told


def test_the_newest_events_come_first_and_no_more_than_asked_for(client: TestClient) -> None:
    run = str(uuid.uuid4())
    times = [f"2026-11-21T05:00:0{second}Z" for second in (3, 1, 4, 2)]
    told = [{**event(1), "run": {"runId": run}, "eventTime": time} for time in times]
    assert client.post(URL, json=told).json()["summary"]["new"] == 4
    found = client.get(EVENTS, params={"run": run.upper(), "limit": 2}).json()["events"]
    assert [one["at"] for one in found] == ["2026-11-21T05:00:04+00:00", "2026-11-21T05:00:03+00:00"]


def test_questions_that_cannot_be_answered_are_refused(client: TestClient) -> None:
    refused = {"": 400, "?run=%00": 400, "?limit=0&run=x": 422, "?limit=1001&run=x": 422, "/nothex": 422}
    for query, status in {**refused, f"/{'0' * 64}": 400, "?run=x": 200}.items():
        assert client.get(EVENTS + query).status_code == status, query


def test_what_no_database_can_hold_is_refused_and_never_a_fault(client: TestClient) -> None:
    dataset = {"namespace": "n", "name": "d"}
    changes: list[dict[str, Any]] = [
        {"dataset": dataset, "eventTime": "0000-01-01T00:00:00Z"},
        {"dataset": dataset, "eventTime": "0001-01-01T00:00:00+14:00"},
        {"dataset": dataset, "eventTime": "9999-12-31T23:59:59-14:00"},
        {"dataset": dataset, "eventTime": "2026-11-21T05:00:60Z"},
        {"dataset": dataset, "producer": "https://example.org/\ud800"},
        {"dataset": dataset, "extra": "\ud800"},
        {"dataset": dataset, "extra": "a\x00b"},
        {"dataset": {"namespace": "n" * 900, "name": "d"}},
        {**event(1), "job": {"namespace": "n", "name": "a\x00b"}},
        {**event(1), "job": {"namespace": "n", "name": "n" * 900}},
    ]
    for change in changes:
        answer = client.post("/api/v1/lineage", content=json.dumps({**STATIC, **change}))
        assert (answer.status_code, answer.json()["error"]) == (400, "SpecError"), change


def test_infinite_numbers_and_backslashes_before_u0000_are_told_apart(client: TestClient) -> None:
    body = json.dumps(event(1)).encode()[:-1]
    assert client.post("/api/v1/lineage", content=body + b', "big": 1e999}').status_code == 400
    assert client.post("/api/v1/lineage", content=body + b', "text": "\\\\u0000"}').status_code == 201
    assert client.post("/api/v1/lineage", content=body + b', "text": "\\\\\\u0000"}').status_code == 400
