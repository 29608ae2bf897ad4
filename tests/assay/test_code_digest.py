"""The digest of the code tells any change of it, and nothing else."""

import subprocess
import sys
from pathlib import Path

from assay.code_digest import code_digest


def digest(folder: Path) -> str:
    """As a process sees it whose project is `folder`."""
    done = subprocess.run(
        [sys.executable, "-c", "from assay.code_digest import code_digest; print(code_digest())"],
        env={"PYTHONPATH": str(folder)}, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def test_the_same_code_has_one_digest() -> None:
    code_digest.cache_clear()
    first = code_digest()
    code_digest.cache_clear()
    assert code_digest() == first


def test_one_changed_byte_of_a_projects_model_is_another_code(tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / "__init__.py").write_text("")
    (models / "toy.py").write_text("A = 1\n")
    before = digest(tmp_path)
    (models / "notes.txt").write_text("no code")
    assert digest(tmp_path) == before
    (models / "toy.py").write_text("A = 2\n")
    assert digest(tmp_path) != before


def test_the_same_bytes_under_another_name_are_another_code(tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / "__init__.py").write_text("")
    (models / "toy.py").write_text("A = 1\n")
    before = digest(tmp_path)
    (models / "toy.py").rename(models / "game.py")
    assert digest(tmp_path) != before
