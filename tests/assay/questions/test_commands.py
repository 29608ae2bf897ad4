"""The questions on the command line: one JSON document, words for people, exit code 2 for what is unknown."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from assay.cli import main
from assay.settings import Settings


@dataclass(frozen=True)
class Done:
    """What a process would have left."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def assay(history: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`assay lineage ARGUMENTS` on the history."""
    monkeypatch.setenv("ASSAY_DATABASE_URL", history.database_url.get_secret_value())
    monkeypatch.setenv("ASSAY_KEYS", str(history.keys))
    monkeypatch.setenv("ASSAY_STORE_URL", history.store_url)
    monkeypatch.setenv("ASSAY_HOME", str(history.home))

    def run(*arguments: str) -> Done:
        monkeypatch.setattr("sys.argv", ["assay", "lineage", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return Done(int(ended.value.code or 0), told.out, told.err)

    return run


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["diff", "model/spam:3", "45d1807c"], "given.strength: none -> 5.0"),
        (["exposure", "row/digits/digit-00000"], "served as digits version 2 from 2026-11-22"),
        (["diff", "model/spam:1", "cb12ed48a0df"], "A and B are one and the same model"),
        (["coverage", "model/mnist:1"], "not asked    assay     fairness: whether groups of people fare alike"),
        (["dora", "spam"], "67%, 2 of 3 changes (cut_out 1, watch 2)"),
    ],
)
def test_answers_in_words_and_as_one_document(assay: Run, arguments: list[str], words: str) -> None:
    told = assay(*arguments)
    assert (told.returncode, told.stderr) == (0, "")
    assert words in told.stdout
    document = json.loads(assay(*arguments, "--json").stdout)
    assert document["seconds"] >= 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["diff", "model/spam:1", "model/spam:9"], "expected a registered version, found none; known: model/spam:3, "),
        (["up", "model/spam@nobody"], "model/spam:1, model/spam@champion"),
        (["up", "model/nobody:1"], "known: model/adult, model/digits"),
        (
            ["coverage", "row/digits/digit-00000"],
            "named as a digest (8 digits or more) or model/NAME[",
        ),
        (["diff", "model/spam:1", "dataset/spam"], "expected a model that a pipeline exported"),
        (["exposure", "source/nowhere"], "known: source/captured:spam"),
        (["exposure", "row/digits/nobody"], "found it in none"),
        (["exposure", "mnist", "--at", "2026-03-03"], "expected a digest"),
        (["coverage", "deadbeefdeadbeef"], "expected a known version, found none"),
        (["dora", "nothing"], "found no statement of it"),
        (["dora", "--since", "yesterday"], "expected ISO 8601"),
        (["dora", "\udc80"], "printable characters"),
        (["served", "--name", "\udc80"], "printable characters"),
        (["dora", "--since", "2026-01-02", "--until", "2026-01-01"], "expected a time before"),
        (["exposure", "dataset/spam\udc80"], "printable characters"),
    ],
)
def test_what_is_unknown_is_refused_with_a_next_step(assay: Run, arguments: list[str], words: str) -> None:
    refused = assay(*arguments)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert words in refused.stderr
    assert refused.stderr.startswith("SpecError: ")
