"""`assay check` as a user types it: exit codes, one JSON document, nothing imported, nothing written."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from assay.cli import cli

FIXTURES = Path(__file__).parents[1] / "spec_fixtures"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder: classes in `include/`, two specs of which one is broken."""
    pipelines = tmp_path / "include/pipelines"
    pipelines.mkdir(parents=True)
    shutil.copy(FIXTURES / "trial_models.py", tmp_path / "include")
    shutil.copy(FIXTURES / "sound/smallest.yaml", pipelines)
    shutil.copy(FIXTURES / "broken/unknown_key.yaml", pipelines)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    return tmp_path


def _assay(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["check", *arguments])


def test_all_specs_are_checked_and_one_broken_spec_ends_in_2(project: Path) -> None:
    result = _assay("--json")
    document = json.loads(result.stdout)
    assert result.exit_code == 2
    assert [(Path(spec["path"]).stem, spec["ok"]) for spec in document["specs"]] == [
        ("smallest", True),
        ("unknown_key", False),
    ]
    assert document["specs"][1]["errors"] == [
        {"line": 9, "field": "train.modle", "message": "unknown key", "hint": "did you mean 'model'?"}
    ]


def test_a_pipeline_is_named_or_given_as_a_file(project: Path) -> None:
    assert _assay("smallest").exit_code == 0
    assert _assay("include/pipelines/smallest.yaml").exit_code == 0
    broken = _assay("unknown_key")
    assert broken.exit_code == 2
    assert "include/pipelines/unknown_key.yaml:9: train.modle: unknown key; did you mean 'model'?" in broken.stderr


def test_explained_spec_marks_every_default_and_says_why(project: Path) -> None:
    lines = _assay("smallest", "--explain").stdout.splitlines()
    fraction = next(line for line in lines if line.strip().startswith("max_class_shift:"))
    assert "# default; largest change" in fraction
    model = next(line for line in lines if line.strip().startswith("model:"))
    assert "default" not in model


def test_checking_writes_nothing(project: Path) -> None:
    before = sorted(project.rglob("*"))
    _assay()
    assert sorted(project.rglob("*")) == before
