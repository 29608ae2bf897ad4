"""The four figures of delivery on a model's timeline."""

import re

import pytest
from fastapi.testclient import TestClient

from assay.records import Step
from assay.workbench import Workbench
from tests.assay.page.page_story import newest
from tests.assay.page.test_pages import words
from tests.tasks.reporting.page import read_page


def test_tells_how_delivery_goes_and_which_entries_say_so(client: TestClient, bench: Workbench) -> None:
    told = words(client, "/model/two")
    assert "DORA" in told
    assert "not measurable" not in told
    assert "50%, 1 of 2 changes (rollback 1, watch 1)" in told
    failed = re.search(r"1 of 2 changes.*?</td><td>(.*?)</td>", client.get("/model/two").text)
    assert failed
    for step in (Step.WATCH, Step.ROLLBACK):
        assert f'href="/statement/{newest(bench, step).seq}"' in failed[1]
    assert "not measurable: no change was deployed" in words(client, "/model/fair")
    gate = newest(bench, Step.GATE)
    assert "DORA" not in words(client, f"/model/two?before={gate.seq}")


def test_figures_that_take_long_are_worked_out_when_asked(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.page.delivery.UNASKED", 3)
    page = client.get("/model/two")
    assert "1 of 2 changes" not in page.text
    asked = next(a["href"] for a in read_page(page.content).all("a") if a["href"].endswith("#delivery"))
    assert "1 of 2 changes" in words(client, asked)
