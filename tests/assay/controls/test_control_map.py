"""The control map of the models of a real history."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient

from assay.api.app import create_app
from assay.cli import cli
from assay.controls.control_map import Control, ControlMap, Standing, catalogue, control_map
from assay.controls.evidence import KEYS, State
from assay.controls.page import render_control_map
from assay.questions.dossier import open_dossier
from assay.questions.sources import Sources
from assay.settings import Settings
from tests.assay.questions.conftest import history, sources  # noqa: F401 - fixtures


@pytest.fixture(scope="module")
def mapped(sources: Sources) -> dict[str, ControlMap]:  # noqa: F811
    names = ("model/mnist@champion", "model/spam@champion", "model/adult@champion", "model/digits:3")
    dossiers = {name: open_dossier(name, sources.ledger, sources.lineage) for name in names}
    return {
        name.split("/")[1].split("@")[0].split(":")[0]: control_map(one, sources.ledger)
        for name, one in dossiers.items()
    }


def control(found: ControlMap, wanted: str) -> Control:
    (one,) = [one for one in found.controls if one.id == wanted]
    return one


def test_every_evidence_that_a_control_names_can_be_looked_for() -> None:
    named = {key for framework in catalogue() for one in framework["controls"] for key in one["evidence"]}
    assert named <= KEYS
    assert {framework["framework"] for framework in catalogue()} == {
        "EU AI Act", "NIST AI RMF", "MITRE ATLAS", "OWASP ML Top Ten",
    }  # fmt: skip


def test_what_was_attacked_is_evidenced_by_the_entry_that_says_so(mapped: dict[str, ControlMap]) -> None:
    evasion = control(mapped["mnist"], "AML.T0015")
    assert evasion.standing is Standing.EVIDENCED
    (evidence,) = evasion.evidence
    assert any(name.startswith("linf 0.3") for name in evidence.checks)
    assert len(evidence.entries) == 1


def test_what_nobody_asked_for_is_plainly_not_evidenced(mapped: dict[str, ControlMap]) -> None:
    assert control(mapped["spam"], "MEASURE 2.11").evidence[0].state is State.ABSENT
    inversion = control(mapped["spam"], "ML03")
    assert inversion.standing is Standing.NOT_EVIDENCED
    assert inversion.evidence[0].words == "it was not asked for"


def test_a_machine_alone_is_no_human_oversight(mapped: dict[str, ControlMap]) -> None:
    people = control(mapped["mnist"], "Art. 14").evidence[0]
    assert (people.key, people.state) == ("people", State.ABSENT)
    assert "no approve statement" in people.words


def test_fairness_is_evidenced_where_groups_were_compared(mapped: dict[str, ControlMap]) -> None:
    fairness = control(mapped["adult"], "MEASURE 2.11").evidence[0]
    assert fairness.state is State.SHOWN
    assert set(fairness.checks) == {"fairness by sex", "fairness by race"}


def test_a_window_with_drift_shows_that_somebody_looks(mapped: dict[str, ControlMap]) -> None:
    monitoring = control(mapped["spam"], "MANAGE 4.1").evidence[0]
    assert monitoring.state is State.SHOWN
    assert "windows of served traffic judged" in monitoring.words


def test_stopping_is_evidenced_once_it_was_done(mapped: dict[str, ControlMap]) -> None:
    digits, mnist = (control(mapped[name], "MANAGE 2.4") for name in ("digits", "mnist"))
    assert mnist.standing is Standing.NOT_EVIDENCED
    assert digits.standing is Standing.EVIDENCED


def test_the_page_names_every_control_and_runs_nothing(mapped: dict[str, ControlMap]) -> None:
    page = render_control_map(mapped["mnist"])
    for one in mapped["mnist"].controls:
        assert one.id in page
    assert "not evidenced" in page
    assert "<script" not in page
    assert "http" not in page.split("<main>")[1]


def test_the_command_writes_page_and_document_and_http_answers_alike(
    history: Settings,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ASSAY_DATABASE_URL", history.database_url.get_secret_value())
    monkeypatch.setenv("ASSAY_STORE_URL", history.store_url)
    monkeypatch.setenv("ASSAY_KEYS", str(history.keys))
    page = tmp_path / "map.html"
    result = CliRunner().invoke(cli, ["controls", "model/mnist@champion", "--out", str(page), "--json"])
    assert result.exit_code == 0, result.output
    assert "Control map of model/mnist" in page.read_text()
    told = json.loads(result.stdout)
    assert told.pop("path") == str(page)
    with TestClient(create_app(history), headers={"Authorization": "Bearer secret"}) as client:
        assert client.get("/api/v1/controls", params={"ref": "model/mnist@champion"}).json() == told
    assert "not evidenced" in {one["standing"] for one in told["controls"]}
