"""Commands given what does not exist: one clear error, exit 2, no engine asked, nothing written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from assay.cli import cli
from assay.errors import SpecError


def command(*words: str) -> Callable[[Path], Any]:
    return lambda home: CliRunner().invoke(cli, list(words), env={"ASSAY_HOME": str(home)})


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "digit"), "did you mean 'digits'"),
        (("run", "digits", "--param", "epochs=abc"), "expected an integer from 1 to 200, found 'abc'"),
        (("rollback", "nope"), "no such pipeline; choose one of adult, digits"),
        (("cut-out", "nope", "--reason", "x"), "no such pipeline; choose one of adult, digits"),
        (("replay", "nope"), "no such pipeline; choose one of adult, digits"),
        (("replay", "digits"), "digits: expected a collector with `time_column`"),
        (("lineage", "up", "nonsense"), "'nonsense': expected a digest"),
        (("audit", "verify", "--bundle", "missing.zip"), "missing.zip: expected a bundle, found no file"),
        (("up", "--port", "aiflow=1"), "--port aiflow: no such engine; did you mean 'airflow'"),
    ],
)
def test_misused_command_is_a_spec_error_before_any_engine_is_asked(
    tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    result = command(*words)(tmp_path / "home")
    assert isinstance(result.exception, SpecError), result.exception
    assert result.exception.exit_code == 2
    assert message in str(result.exception)
    assert not (tmp_path / "home").exists()


def test_checking_a_file_that_is_not_there_ends_in_2(tmp_path: Path) -> None:
    result = command("check", "/nonsense/path.yaml")(tmp_path / "home")
    assert result.exit_code == 2
    assert "/nonsense/path.yaml:1: cannot be read" in result.output


@pytest.mark.parametrize(
    "words",
    [
        ("--epsilon", "nan"),
        ("--epsilon", "inf"),
        ("--epsilon", "0.1", "--min", "nan"),
        ("--epsilon", "0.1", "--memory", "nan"),
        ("--epsilon", "0.1", "--memory", "1e300"),
        ("--epsilon", "0.1", "--timeout", "inf"),
        ("--epsilon", "0.1", "--range", "nan", "1"),
    ],
)
def test_option_that_is_no_finite_number_is_refused_in_one_line(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "model.onnx").write_bytes(b"x")
    result = command("bench", str(tmp_path / "model.onnx"), str(tmp_path / "model.onnx"), *words)(tmp_path / "home")
    assert result.exit_code == 2, result.output
    assert "Invalid value for" in result.output
