"""`assay report` as people call it: a file, a JSON document, an error that says what to do."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from assay.cli import cli
from assay.digests import sha256_bytes
from assay.errors import SpecError
from assay.records import Step
from assay.workbench import Workbench
from tasks.decide_promotion import decide_promotion
from tests.tasks.promotion_story import Story, make_spec
from tests.tasks.reporting.life_story import deploy, register, state
from tests.tasks.reporting.page import read_page

SPEC = """\
name: two
owner: mail-team
description: Tells spam from mail.
data:
  collector:
    sources: [{source: path, path: rows}]
train: {model: "models.digits:DigitsModel"}
"""


@pytest.fixture
def called(bench: Workbench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Workbench:
    """The command finds the test's engines, as it would find a stack's, and the pipeline's spec."""
    pipelines = tmp_path / "pipelines"
    pipelines.mkdir()
    (pipelines / "two.yaml").write_text(SPEC)
    settings = bench.settings
    for name in ("home", "keys", "store_url"):
        monkeypatch.setenv(f"ASSAY_{name.upper()}", str(getattr(settings, name)))
    monkeypatch.setenv("ASSAY_DATABASE_URL", settings.database_url.get_secret_value())
    monkeypatch.setenv("ASSAY_PIPELINES", str(pipelines))
    return bench


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["report", *arguments])


def test_served_version_has_its_page_and_its_numbers_as_json(called: Workbench) -> None:
    story = Story(called, make_spec(), 0.3).tell()
    story.run(decide_promotion)
    state(story, Step.APPROVE, actor="grace", responder="grace", reason="good enough")
    register(story, 4)
    deploy(story, 4)
    made = call("two:4", "--json")
    assert made.exit_code == 0, made.output
    document = json.loads(made.stdout)
    assert document["verdict"] == "passed" and document["version"] == 4 and document["serves"] is True
    assert document["model"] == story.subjects["model"].sha256
    assert document["statements"]["assay"] == called.ledger.find(step=Step.ASSAY)[0].sha256
    page = read_page(Path(document["path"]).read_bytes())
    assert page.headings[0] == (1, "two, version 4")
    assert "Approved by grace" in page.words and "“good enough”" in page.words
    assert "It serves as version 4" in page.words
    assert "Tells spam from mail." in page.words and "mail-team" in page.words


def test_refused_model_has_its_page_too(called: Workbench, tmp_path: Path) -> None:
    story = Story(called, make_spec(gate=[{"metric": "accuracy", "min": 0.999}]), 0.3).tell()
    story.run(decide_promotion)
    made = call("two", "--out", str(tmp_path / "deep" / "page.html"))
    assert made.exit_code == 0, made.output
    page = read_page((tmp_path / "deep" / "page.html").read_bytes())
    assert "Refused by the gate" in page.words
    assert sha256_bytes((tmp_path / "deep" / "page.html").read_bytes())


def test_spec_that_no_longer_reads_does_not_stand_in_the_way(called: Workbench, tmp_path: Path) -> None:
    (tmp_path / "pipelines" / "two.yaml").write_text("name: [")
    Story(called, make_spec(), 0.3).tell()
    made = call("two", "--out", str(tmp_path / "page.html"))
    assert made.exit_code == 0 and "nobody wrote it down" in read_page((tmp_path / "page.html").read_bytes()).words


def test_unknown_name_is_a_near_miss_and_writes_nothing(called: Workbench, tmp_path: Path) -> None:
    Story(called, make_spec(), 0.3).tell()
    made = call("twoo", "--out", str(tmp_path / "page.html"))
    assert isinstance(made.exception, SpecError) and made.exception.exit_code == 2
    assert "did you mean 'two'?" in str(made.exception) and not (tmp_path / "page.html").exists()


def test_model_that_was_never_examined_is_told_how_to_get_there(called: Workbench) -> None:
    made = call("two")
    assert isinstance(made.exception, SpecError) and "assay run two" in str(made.exception)


def test_place_that_cannot_be_written_is_named(called: Workbench, tmp_path: Path) -> None:
    Story(called, make_spec(), 0.3).tell()
    (tmp_path / "file").write_text("")
    made = call("two", "--out", str(tmp_path / "file" / "page.html"))
    assert isinstance(made.exception, SpecError) and "--out" in str(made.exception)
