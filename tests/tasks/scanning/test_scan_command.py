"""`assay scan`: verdict, exit code and reports, for people and for other programs."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner

from assay.cli import cli
from assay.errors import SpecError
from tasks.scanning import formats
from tests.tasks.scanning.hostile_archives import SYSTEM


def scan(*words: str | Path) -> Any:
    return CliRunner().invoke(cli, ["scan", *map(str, words)])


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    folder = tmp_path / "sound"
    folder.mkdir()
    np.save(folder / "w.npy", np.ones(3))
    (folder / "README.md").write_text("# Card\n")
    return folder


@pytest.fixture
def hostile(sound: Path) -> Path:
    (sound / "a b.pkl").write_bytes(SYSTEM)
    return sound


def test_sound_folder_ends_in_0_with_a_line_a_file(sound: Path) -> None:
    result = scan(sound)
    assert result.exit_code == 0, result.output
    assert [line.split()[0] for line in result.output.splitlines()] == ["passed", "passed", "passed:"]


def test_hostile_file_ends_in_3_with_its_reasons(hostile: Path) -> None:
    result = scan(hostile)
    assert result.exit_code == 3
    assert "imports posix.system, which can run code" in result.output
    assert "failed: 1 of 3 files refused" in result.output


def test_json_is_one_document(hostile: Path) -> None:
    result = scan(hostile, "--json")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["verdict"], len(document["files"])) == (3, "failed", 3)
    (bad,) = [one for one in document["files"] if one["verdict"] == "failed"]
    assert bad["format"] == "pickle" and bad["bytes"] == len(SYSTEM) and len(bad["sha256"]) == 64
    assert {"rule", "severity", "detail"} == set(bad["findings"][0])
    assert len(document["canaries"]) >= 15 and all(one["is_found"] for one in document["canaries"])


@pytest.mark.parametrize("words", [(), ("/nonexistent/model.pt",), ("--sarif", "/nonexistent/out.sarif", "/")])
def test_bad_input_ends_in_2(words: tuple[str, ...]) -> None:
    result = scan(*words)
    assert isinstance(result.exception, SpecError) and result.exception.exit_code == 2


def test_missing_path_beside_a_sound_one_is_bad_input(sound: Path, tmp_path: Path) -> None:
    report = tmp_path / "out.sarif"
    result = scan(sound, tmp_path / "missing.pt", "--sarif", report)
    assert isinstance(result.exception, SpecError) and "missing.pt" in str(result.exception)
    assert not report.exists()


def test_sarif_holds_what_a_code_host_needs(hostile: Path, tmp_path: Path) -> None:
    scan(hostile, "--sarif", tmp_path / "out.sarif")
    document = json.loads((tmp_path / "out.sarif").read_text())
    assert document["version"] == "2.1.0" and document["$schema"].endswith("sarif-2.1.0.json")
    (run,) = document["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert run["tool"]["driver"]["name"] and len(rules) == len(set(rules)) >= 2
    assert run["invocations"][0]["executionSuccessful"] is True and len(run["artifacts"]) == 3
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"] and result["message"]["text"]
        assert result["level"] == "error"
        (location,) = result["locations"]
        assert location["physicalLocation"]["artifactLocation"]["uri"].endswith("a%20b.pkl")


def test_sarif_of_a_sound_folder_has_no_results(sound: Path, tmp_path: Path) -> None:
    assert scan(sound, "--sarif", tmp_path / "out.sarif").exit_code == 0
    assert json.loads((tmp_path / "out.sarif").read_text())["runs"][0]["results"] == []


def test_junit_fails_a_case_a_refused_file(hostile: Path, tmp_path: Path) -> None:
    scan(hostile, "--junit", tmp_path / "out.xml")
    suite = ElementTree.parse(tmp_path / "out.xml").getroot()  # noqa: S314 - our own
    cases = suite.findall("testcase")
    assert suite.tag == "testsuite" and len(cases) == int(suite.attrib["tests"])
    (failed,) = [case for case in cases if case.find("failure") is not None]
    assert failed.attrib["name"].endswith("a b.pkl") and suite.attrib["failures"] == "1"
    assert suite.attrib["errors"] == "0" and len(cases) >= 3 + 15


def test_blind_scanner_gives_no_verdict(sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A format whose scan finds nothing any more must not let files of it pass."""
    blind = tuple(
        formats.Format(one.name, one.claims, lambda *_: iter(())) if one.name == "gguf" else one
        for one in formats.FORMATS
    )
    monkeypatch.setattr(formats, "FORMATS", blind)
    result = scan(sound, "--json", "--junit", tmp_path / "out.xml", "--sarif", tmp_path / "out.sarif")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["verdict"]) == (3, "not_checked")
    assert [one["format"] for one in document["canaries"] if not one["is_found"]] == ["gguf"]
    assert ElementTree.parse(tmp_path / "out.xml").getroot().attrib["errors"] == "1"  # noqa: S314 - our own
    run = json.loads((tmp_path / "out.sarif").read_text())["runs"][0]
    assert run["invocations"][0]["executionSuccessful"] is False


def test_report_can_lie_in_the_folder_it_is_of(sound: Path) -> None:
    assert scan(sound, "--sarif", sound / "scan.json").exit_code == 0
    assert scan(sound, "--sarif", sound / "scan.json").exit_code == 0
