"""Nobody without login, nothing but GET, nothing loaded from elsewhere, nothing written."""

import html
import itertools
import time

import psycopg
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.assay.page.conftest import Copy, Door
from tests.tasks.reporting.page import read_page

EVERY_PAGE = ("/", "/search?q=two", "/model/two", "/lineage?ref=model/two:1", "/statement/0", "/statement/0/proof",
              "/run?dag_id=two.train&run_id=manual__0.0", "/controls?ref=model/two",
              "/diff?a=model/two:1&b=model/two:2", "/version?id=" + "0" * 64, "/report/" + "0" * 64,
              "/static/0/page.css")  # fmt: skip


@pytest.mark.parametrize("path", EVERY_PAGE)
def test_without_login_nothing_is_read(client: TestClient, door: Door, path: str) -> None:
    door.name = ""
    answer = client.get(path)
    assert answer.status_code == 401
    assert html.escape(f"/login?next={path.partition('?')[0]}") in answer.text
    assert "ledger" not in answer.text.lower()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_can_be_changed(client: TestClient, method: str) -> None:
    for path in EVERY_PAGE:
        assert client.request(method, path).status_code == 405


def test_a_page_can_load_nothing_but_our_own_files(client: TestClient) -> None:
    for path in ("/", "/model/two", "/lineage?ref=model/two:1", "/statement/3"):
        answer = client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'self'" in policy
        assert "unsafe" not in policy
        page = read_page(answer.content)
        assert all(script.get("src", "").startswith("/static/") or script.get("type") == "application/json"
                   for script in page.all("script"))  # fmt: skip
        assert not page.styles
        assert not [attributes for _, attributes in page.elements if "style" in attributes or "onclick" in attributes]


def test_headings_come_in_order_and_fields_have_labels(client: TestClient) -> None:
    for path in ("/", "/model/two", "/lineage?ref=model/two:1", "/statement/3", "/search?q=two",
                 "/diff?a=model/two:1&b=model/two:2"):  # fmt: skip
        page = read_page(client.get(path).content)
        levels = [level for level, _ in page.headings]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels)), (path, levels)
        labelled = {label["for"] for label in page.all("label")}
        fields = [f for tag in ("input", "select") for f in page.all(tag)]
        assert {field["id"] for field in fields} <= labelled
        ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
        assert len(ids) == len(set(ids))


def test_the_ledgers_connections_cannot_write(app: FastAPI) -> None:
    with (
        app.state.engines.ledger() as ledger,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
    ):
        ledger.connection.execute("CREATE TABLE assay_ledger.mine (x int)")


def test_static_files_are_a_fixed_list(client: TestClient) -> None:
    assert client.get("/static/0/..%2Fapp.py").status_code == 404
    assert client.get("/static/0/page.css").status_code == 404


def test_a_lineage_far_behind_is_read_in_the_background_and_that_is_told(
    copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assay.page.catch_up._AT_ONCE", 3)
    assert "2 pipelines" in copy.client.get("/").text
    deadline = time.monotonic() + 30
    while "since" not in (page := copy.client.get("/").text):
        assert "Lineage is behind the log" in page
        assert time.monotonic() < deadline
    assert "version 1" in page
