"""The questions over HTTP: the same answers as on the command line, in the shapes that /openapi.json promises."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from jsonschema_rs import Draft202012Validator
from pydantic import SecretStr

from assay.api.app import create_app
from assay.digests import canonical_json
from assay.json_types import JsonObject
from assay.ledger import Ledger
from assay.ledger_entry import role_of
from assay.provenance import current_provenance
from assay.quarantine.declaration import MARKED, PIPELINE, Bad, Kind
from assay.records import Check, RunContext, Step, StepReport, Subject, Verdict
from assay.settings import Settings
from assay.signing import KeyRing
from assay.statement import StepRecord, build_statement

TOKEN = {"Authorization": "Bearer secret"}
NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
RAW, TRAIN = Subject("dataset/toy", "a" * 64), Subject("dataset/toy.train", "b" * 64)
CANDIDATE, MODEL = Subject("model/toy", "c" * 64), Subject("model/toy", "d" * 64)
DEPLOYMENT = Subject("deployment/toy", "e" * 64)
SEEN = Check("accuracy on holdout", Verdict.PASSED, "as told", 0.9, 0.8)
REPORTS = (
    StepReport(Step.COLLECT, "toy", Verdict.PASSED, products={"raw": RAW},
               facts={"sources": [{"uri": "file:toy.csv", "sha256": "f" * 64}]}),
    StepReport(Step.SPLIT, "toy", Verdict.PASSED, products={"train": TRAIN}, inputs={"admitted": RAW}),
    StepReport(Step.TRAIN, "toy", Verdict.PASSED, products={"candidate": CANDIDATE}, inputs={"train": TRAIN}),
    StepReport(Step.EXPORT, "toy", Verdict.PASSED, products={"model": MODEL}, inputs={"candidate": CANDIDATE}),
    StepReport(Step.ASSAY, "toy", Verdict.PASSED, inputs={"model": MODEL}, judged=("model",), checks=(SEEN,),
               facts={"not_examined": {"fairness": "whether groups fare alike"}}),
    StepReport(Step.REGISTER, "toy", Verdict.PASSED, products={"registered": MODEL}, facts={"version": 1}),
    StepReport(Step.DEPLOY, "toy", Verdict.PASSED, products={"deployment": DEPLOYMENT}, inputs={"model": MODEL},
               facts={"version": 1}),
)  # fmt: skip
QUESTIONS = {
    "/api/v1/lineage/up?ref=model/toy:1": "/api/v1/lineage/up",
    "/api/v1/lineage/down?ref=dataset/toy&limit=3": "/api/v1/lineage/down",
    "/api/v1/served?at=2026-03-03T13:00Z": "/api/v1/served",
    "/api/v1/diff?a=model/toy:1&b=dddddddd": "/api/v1/diff",
    "/api/v1/exposure?ref=source/file:toy.csv": "/api/v1/exposure",
    "/api/v1/coverage?ref=model/toy@champion": "/api/v1/coverage",
    "/api/v1/controls?ref=model/toy:1": "/api/v1/controls",
    "/api/v1/dora?pipeline=toy": "/api/v1/dora",
    "/api/v1/dora?since=2026-03-03": "/api/v1/dora",
}

ODD = {
    "/api/v1/exposure": 422,
    "/api/v1/exposure?ref=": 422,
    "/api/v1/exposure?ref=" + "x" * 5000: 400,
    "/api/v1/exposure?ref=%00": 400,
    "/api/v1/exposure?ref=row/toy/%00": 400,
    "/api/v1/exposure?ref=source/%ff%fe": 400,
    "/api/v1/exposure?ref=model/toy:1&at=0001-01-01T00:00:00%2B14:00": 400,
    "/api/v1/lineage/up?ref=model/toy:1&at=9999-12-31T23:59:59-14:00": 400,
    "/api/v1/lineage/sideways?ref=model/toy:1": 404,
    "/api/v1/lineage/%00?ref=model/toy:1": 404,
    "/api/v1/lineage/batch": 405,
    "/api/v1/lineage/up?ref=model/toy:1&limit=0": 422,
    "/api/v1/served?at=yesterday": 400,
    "/api/v1/served?name=%00": 400,
    "/api/v1/diff?a=model/toy:1": 422,
    "/api/v1/diff?a=model/toy:1&b=model/toy:2": 400,
    "/api/v1/coverage?ref=dataset/toy": 400,
    "/api/v1/coverage?ref=model/toy:1&max_age=99999999999999999999": 422,
    "/api/v1/controls": 422,
    "/api/v1/controls?ref=": 422,
    "/api/v1/controls?ref=%00": 400,
    "/api/v1/controls?ref=" + "x" * 5000: 400,
    "/api/v1/controls?ref=dataset/toy": 400,
    "/api/v1/controls?ref=model/toy:2": 400,
    "/api/v1/controls?ref=row/toy/1": 400,
    "/api/v1/controls?ref=source/file:toy.csv": 400,
    "/api/v1/controls?ref=%2e%2e/%2e%2e": 400,
    "/api/v1/dora?pipeline=toi": 400,
    "/api/v1/dora?since=2026-01-02&until=2026-01-01": 400,
    "/nowhere": 404,
}


@pytest.fixture
def client(settings: Settings, ledger: Ledger, keys: KeyRing, tmp_path: Path) -> Iterator[TestClient]:
    """The API on a ledger that tells of one model from its source to its deployment."""
    for report in REPORTS:
        record = StepRecord(report, RunContext(run_id="run"), current_provenance(), {}, 0, NOON, NOON)
        ledger.append(keys.sign(canonical_json(build_statement(record)), role_of(report.step)))
    asked = settings.model_copy(update={"api_token": SecretStr("secret"), "home": tmp_path})
    with TestClient(create_app(asked), headers=TOKEN, raise_server_exceptions=False) as client:
        yield client


def test_every_question_is_answered_in_the_shape_that_is_promised(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    for question, path in QUESTIONS.items():
        answer = client.get(question)
        assert answer.status_code == 200, answer.text
        promised = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        strict = _strict({**document, **promised})
        faults = [fault.message for fault in Draft202012Validator(strict).iter_errors(answer.json())]
        assert not faults, (question, faults)


def test_answers_are_those_of_the_ledger(client: TestClient) -> None:
    exposed = client.get("/api/v1/exposure?ref=source/file:toy.csv").json()
    assert exposed["live"] is True
    assert [model["versions"] for model in exposed["models"]] == [[], ["1"]]
    holes = client.get("/api/v1/coverage?ref=model/toy:1").json()["not_checked"]
    assert {
        "kind": "not_asked",
        "step": "assay",
        "what": "fairness",
        "why": "whether groups fare alike",
        "entry": 4,
    } in holes
    assert client.get("/api/v1/diff?a=model/toy:1&b=dddddddd").json()["same_model"] is True
    assert client.get("/api/v1/dora?pipeline=toy").json()["deployment_frequency"]["changes"] == 1


def test_what_is_in_quarantine_is_said_so_until_it_is_released(
    client: TestClient, ledger: Ledger, keys: KeyRing
) -> None:
    bad = Bad(Kind.VERSION, f"dataset/toy@{RAW.sha256}", frozenset({RAW.sha256}))
    _declare(ledger, keys, bad)
    said = {"reference": bad.reference, "reason": "bought labels", "by": "ann", "since": NOON.isoformat(),
            "entry": len(REPORTS)}  # fmt: skip
    assert client.get("/api/v1/served").json()["deployments"][0]["quarantine"] == [said]
    assert client.get("/api/v1/coverage?ref=model/toy:1").json()["quarantine"] == [said]
    for question in ("exposure?ref=dataset/toy", "lineage/down?ref=dataset/toy", "lineage/up?ref=model/toy:1"):
        marks = {mark.pop("id"): mark for mark in client.get(f"/api/v1/{question}").json()["quarantine"]}
        assert marks[RAW.sha256] == said | {"is_itself": True}, question
        assert marks[MODEL.sha256] == said | {"is_itself": False}, question
    test_every_question_is_answered_in_the_shape_that_is_promised(client)
    _declare(ledger, keys, bad, released=True)
    assert client.get("/api/v1/served").json()["deployments"][0]["quarantine"] == []
    assert client.get("/api/v1/exposure?ref=dataset/toy").json()["quarantine"] == []


def _declare(ledger: Ledger, keys: KeyRing, bad: Bad, *, released: bool = False) -> None:
    facts: JsonObject = {"bad": bad.to_json(), "reason": "bought labels", "released": released}
    report = StepReport(Step.QUARANTINE, PIPELINE, Verdict.PASSED, inputs={f"{MARKED}.0": MODEL}, facts=facts)
    record = StepRecord(
        report, RunContext(run_id=f"by hand {released}", actor="ann"), current_provenance(), {}, 0, NOON, NOON
    )
    ledger.append(keys.sign(canonical_json(build_statement(record)), role_of(report.step)))


def test_nobody_asks_without_the_token(client: TestClient) -> None:
    for path in (*QUESTIONS, *ODD, "/openapi.json"):
        refused = client.get(path, headers={"Authorization": "Bearer wrong"})
        assert refused.status_code == 401, path
        assert set(refused.json()) == {"error", "message"}


def test_a_refused_reference_is_told_only_the_forms_that_the_question_takes(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    for path in ("/api/v1/coverage?ref=row/toy/1", "/api/v1/controls?ref=row/toy/1", "/api/v1/diff?a=row/toy/1&b=d"):
        told = client.get(path).json()["message"]
        assert "model/NAME[:VERSION|@ALIAS|@DIGEST]" in told, path
        assert "row/DATASET/ROW_ID" not in told, path
        (asked, *_) = paths[path.partition("?")[0]]["get"]["parameters"]
        assert "row/" not in asked["description"], path
    assert "row/DATASET/ROW_ID" in paths["/api/v1/exposure"]["get"]["parameters"][0]["description"]


def test_every_operation_names_its_refusals_and_wants_the_token(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert {"400", "401", "409", "422", "503"} <= set(operation["responses"]), path
            assert operation["security"] == ([] if path == "/health" else [{"token": []}]), path
            refusal = operation["responses"]["422"]["content"]["application/json"]["schema"]
            assert refusal == {"$ref": "#/components/schemas/Refusal"}, path


def test_odd_questions_are_refused_in_words(client: TestClient) -> None:
    for path, status in ODD.items():
        refused = client.get(path)
        assert refused.status_code == status, (path, refused.text)
        assert set(refused.json()) == {"error", "message"}
        assert refused.json()["message"]


def test_changed_ledger_is_a_conflict_and_no_answer(client: TestClient, ledger: Ledger) -> None:
    assert client.get("/api/v1/coverage?ref=model/toy:1").status_code == 200
    ledger.connection.execute("ALTER TABLE assay_ledger.entries DISABLE TRIGGER ALL")
    ledger.connection.execute("UPDATE assay_ledger.entries SET verdict = 'failed' WHERE step = 'assay'")
    refused = client.get("/api/v1/coverage?ref=model/toy:1")
    assert (refused.status_code, refused.json()["error"]) == (409, "IntegrityError")


def test_without_a_database_the_answer_is_503(settings: Settings) -> None:
    nowhere = SecretStr("postgresql://nobody@127.0.0.1:9/none")
    asked = settings.model_copy(update={"api_token": SecretStr("secret"), "database_url": nowhere})
    with TestClient(create_app(asked), headers=TOKEN) as client:
        assert client.get("/api/v1/dora").status_code == 503
        assert client.get("/openapi.json").status_code == 200


def _strict(schema: Any) -> Any:
    """The schema, with no key allowed that it does not name: what is answered is described."""
    if isinstance(schema, list):
        return [_strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _strict(part) for key, part in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        closed["additionalProperties"] = False
    return closed
