"""`assay init` in an empty folder: the new pipeline's own test passes; nothing is ever overwritten."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

KINDS = ["image", "tabular", "text"]


def _assay(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from assay.cli import main; main()", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_scaffolded_pipelines_of_every_kind_pass_their_own_tests(tmp_path: Path) -> None:
    for kind in KINDS:
        made = _assay(tmp_path, "init", f"my_{kind}", "--kind", kind, "--json")
        assert made.returncode == 0, made.stderr
        files = json.loads(made.stdout)["files"]
        assert {f"include/pipelines/my_{kind}.yaml", f"tests/models/test_my_{kind}.py"} <= set(files)
        assert all((tmp_path / file).is_file() for file in files)
    checked = _assay(tmp_path, "check")
    assert checked.returncode == 0, checked.stderr
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert tested.returncode == 0, tested.stdout
    assert "15 passed" in tested.stdout


def test_run_finds_the_classes_of_the_project_it_is_called_in(tmp_path: Path) -> None:
    assert _assay(tmp_path, "init", "mine", "--kind", "tabular").returncode == 0
    asked = _assay(tmp_path, "run", "mine")
    assert asked.returncode == 2
    assert "start the stack with `assay up`" in asked.stderr
    assert "mine" not in asked.stderr


def test_second_init_refuses_and_changes_nothing(tmp_path: Path) -> None:
    assert _assay(tmp_path, "init", "mine", "--kind", "tabular").returncode == 0
    model = tmp_path / "include/models/mine.py"
    model.write_text("# my own work\n")
    (tmp_path / "include/pipelines/mine.yaml").unlink()
    before = sorted(tmp_path.rglob("*"))
    again = _assay(tmp_path, "init", "mine", "--kind", "text")
    assert again.returncode == 2 and "already there" in again.stderr
    assert model.read_text() == "# my own work\n" and sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["Mine", "my-model", "class", "../escape", "1st"])
def test_name_that_no_module_can_have_is_refused(tmp_path: Path, name: str) -> None:
    refused = _assay(tmp_path, "init", name, "--kind", "text")
    assert refused.returncode == 2 and "cannot name a pipeline" in refused.stderr
    assert list(tmp_path.iterdir()) == []
