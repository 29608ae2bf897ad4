"""`assay sbom`: what it writes, and how it ends, for people and for other programs."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from assay.cli import cli
from assay.digests import sha256_file
from assay.errors import SpecError
from assay.settings import Settings
from assay.workbench import Workbench
from tasks.supply_chain.packages import installed_packages
from tests.tasks.promotion_story import Story, make_spec
from tests.tasks.supply_chain.site_packages import Site


def sbom(*words: str | Path) -> Any:
    return CliRunner().invoke(cli, ["sbom", *map(str, words)])


@pytest.fixture
def stack(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ledger and store by environment, as a running stack names them; no registry."""
    monkeypatch.setenv("ASSAY_DATABASE_URL", settings.database_url.get_secret_value())
    monkeypatch.setenv("ASSAY_STORE_URL", settings.store_url)
    monkeypatch.setenv("ASSAY_KEYS", str(settings.keys))


def test_document_goes_to_stdout_or_to_a_file_and_is_the_same(tmp_path: Path) -> None:
    out = tmp_path / "sbom.json"
    shown, written = sbom(), sbom("--out", out, "--json")
    assert (shown.exit_code, written.exit_code) == (0, 0), written.output
    assert json.loads(shown.stdout) == json.loads(out.read_bytes())
    told = json.loads(written.stdout)
    assert told["sha256"] == sha256_file(out) and told["path"] == str(out) and told["verdict"] is None
    assert told["components"] == len(installed_packages())


def test_verified_environment_ends_in_0_and_a_drifted_one_in_3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site, lock = Site(tmp_path).add("web"), tmp_path / "requirements.lock"
    site.install(monkeypatch)
    lock.write_text("web==1.0\n")
    verified = sbom("--verify", "--lock", lock)
    assert verified.exit_code == 0 and "passed  packages' files are as installed" in verified.stderr
    (site.root / "web/__init__.py").write_text("import os")
    assert sbom("--verify", "--lock", lock).exit_code == 3
    lock.write_text("web==2.0\n")
    drifted = sbom("--verify", "--lock", lock, "--json")
    told = json.loads(drifted.stdout)
    assert (drifted.exit_code, told["verdict"]) == (3, "failed")
    assert [check["verdict"] for check in told["checks"]] == ["failed", "failed"]


def test_verification_without_a_lock_is_no_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Site(tmp_path).add("web").install(monkeypatch)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    result = sbom("--verify")
    assert result.exit_code == 3 and "no lock to compare with" in result.stderr


@pytest.mark.parametrize("words", [("--lock", "/nonexistent/lock"), ("--out", "/nonexistent/folder/sbom.json"), ("x",)])
def test_bad_input_ends_in_2(words: tuple[str, ...]) -> None:
    result = sbom(*words)
    assert isinstance(result.exception, SpecError) and result.exception.exit_code == 2


def test_bill_of_a_model_comes_from_ledger_and_store(stack: None, bench: Workbench) -> None:
    story = Story(bench, make_spec())
    story.tell()
    result = sbom(story.subjects["model"].sha256)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["metadata"]["component"]["type"] == "machine-learning-model"
