"""The page of what differs between two models of a real history, against the answer that it tells."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

import pytest
from fastapi.testclient import TestClient

from assay.page.rendering import number
from assay.questions.diff import ModelDiff, diff_models
from assay.questions.sources import Sources
from assay.records import Step
from assay.workbench import Workbench
from tests.assay.page.conftest import Door
from tests.assay.page.page_story import newest
from tests.assay.page.test_pages import words
from tests.assay.questions.conftest import history, sources  # noqa: F401 - fixtures
from tests.tasks.promotion_story import Story
from tests.tasks.reporting.page import read_page


@dataclass(frozen=True)
class Compared:
    """An answer and the page of it."""

    found: ModelDiff
    page: str

    def table(self, title: str) -> dict[str, list[str]]:
        """First cell of each line -> the others, as text; nothing where there is no such table."""
        section = re.search(rf'aria-label="{title}">(.*?)</table>', self.page, re.DOTALL)
        lines = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', section[1] if section else "", re.DOTALL)
        return {
            _text(name): [_text(cell) for cell in re.findall(r"<td.*?>(.*?)</td>", cells, re.DOTALL)]
            for name, cells in lines
        }


@pytest.fixture(scope="module")
def of_history(sources: Sources) -> Iterator[TestClient]:  # noqa: F811
    app = Door().pages(sources.settings)
    yield TestClient(app)
    app.state.engines.close()


@pytest.fixture(
    scope="module",
    params=[("model/spam:1", "model/spam:2"), ("model/spam:2", "model/spam:3"), ("model/digits:3", "model/spam:3")],
)
def compared(request: pytest.FixtureRequest, sources: Sources, of_history: TestClient) -> Compared:  # noqa: F811
    a, b = request.param
    answer = of_history.get("/diff", params={"a": a, "b": b})
    assert answer.status_code == 200
    return Compared(diff_models(a, b, sources.ledger, sources.lineage, sources.store), answer.text)


def test_each_role_is_told_with_its_rows_and_leads_to_both_versions(compared: Compared) -> None:
    told = compared.table("Data")
    for role in compared.found.roles:
        rows = role.rows
        assert role.a is not None
        assert role.b is not None
        for side in (role.a, role.b):
            assert f'href="/version?id={side.sha256}"' in compared.page
        known = f"{rows.both} in both, {rows.only_a} in A alone, {rows.only_b} in B alone"
        assert told[role.role][2] == (f"{rows.a} in A, {rows.b} in B; {rows.why}" if rows.why else known)
    changed = [f"source {source.uri}" for source in compared.found.sources if not source.same]
    assert list(told) == [*(role.role for role in compared.found.roles), *changed]


def test_of_code_and_parameters_what_differs_is_listed_and_the_rest_counted(compared: Compared) -> None:
    found = compared.found
    assert list(compared.table("Code")) == [code.step.value for code in found.code if not code.same]
    assert f"{sum(bool(code.same) for code in found.code)} steps ran the same code." in compared.page
    assert list(compared.table("Parameters")) == [one.name for one in found.parameters if not one.same]
    assert f"{sum(one.same for one in found.parameters)} are alike." in compared.page


def test_each_verdict_that_differs_leads_to_its_statements(compared: Compared) -> None:
    told = compared.table("Verdicts")
    differing = [verdict for verdict in compared.found.verdicts if verdict.differs]
    assert set(told) == {f"{verdict.step.value}: {verdict.check}" for verdict in differing}
    for verdict in differing:
        cells = told[f"{verdict.step.value}: {verdict.check}"]
        for cell, dossier, check in zip(
            cells, (compared.found.a, compared.found.b), (verdict.a, verdict.b), strict=True
        ):
            entry = dossier.statements[verdict.step]
            if check is None:
                assert cell == "not asked"
            else:
                assert entry is not None
                assert cell.endswith(f"{number(check.measured)} entry {entry.seq}")


def test_what_is_known_of_rows_and_what_is_not_is_told_in_words(of_history: TestClient) -> None:
    answer = of_history.get("/diff?a=model/spam:2&b=model/spam:3").text
    assert "742 in both, 0 in A alone, 500 in B alone" in answer
    assert "not in the store any more: shards of A" in answer
    assert "67 checks have the same verdict" in answer


def test_a_version_leads_to_what_differs_from_the_one_before(client: TestClient, bench: Workbench) -> None:
    second, first = bench.ledger.find(step=Step.REGISTER, pipeline="two", limit=2)
    timeline = read_page(client.get("/model/two").content)
    (link,) = (a["href"] for a in timeline.all("a") if a["href"].startswith("/diff"))
    assert unquote(link) == "/diff?a=model/two:1&b=model/two:2"
    assert html.escape(link) in client.get(f"/version?id={second.report.products['registered'].sha256}").text
    assert "/diff" not in client.get(f"/version?id={first.report.products['registered'].sha256}").text
    told = words(client, link)
    assert "A is model/two version 1" in told
    assert "B is model/two version 2" in told


def test_the_same_model_is_told_to_be(client: TestClient, story: Story) -> None:
    assert "They are the same model." in words(client, f"/diff?a=model/two:1&b={story.subjects['model'].sha256}")


def test_a_model_of_others_is_refused_on_either_side(
    client: TestClient, door: Door, bench: Workbench, story: Story
) -> None:
    door.closed = {"two"}
    mine, theirs = newest(bench, Step.EXPORT, "fair").report.products["model"].sha256, story.subjects["model"].sha256
    assert client.get(f"/diff?a={mine}&b={mine}").status_code == 200
    for a, b in ((mine, theirs), (theirs, mine), (mine, "model/two:1"), ("model/two:1", mine)):
        assert client.get(f"/diff?a={a}&b={b}").status_code == 403, (a, b)


def _text(markup: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", "", markup).split())
