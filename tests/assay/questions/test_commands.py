"""The questions on the command line: one JSON document, words for people, exit code 2 for what is unknown."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from assay.cli import main
from assay.digests import canonical_json
from assay.json_types import JsonObject
from assay.ledger_entry import role_of
from assay.lineage.served import served
from assay.provenance import current_provenance
from assay.quarantine.declaration import PIPELINE, Bad, Kind
from assay.questions.sources import Sources
from assay.records import RunContext, Step, StepReport, Verdict
from assay.settings import Settings
from assay.signing import KeyRing
from assay.statement import StepRecord, build_statement


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


def test_what_is_in_quarantine_is_said_before_anything_else(assay: Run, sources: Sources) -> None:
    (serving,) = served(sources.lineage, None, "mnist")
    bad = Bad(Kind.VERSION, f"model/mnist@{serving.model}", frozenset({serving.model}))
    _say(sources, bad, released=False)
    try:
        for arguments in (["served", "--name", "mnist"], ["coverage", serving.model], ["exposure", serving.model],
                          ["up", serving.model, "--limit", "9"], ["down", serving.model]):  # fmt: skip
            told = assay(*arguments).stdout
            assert f"in quarantine: {bad.reference} was declared bad by ann (entry " in told, arguments
            assert "): a trigger, since 2026-11-22 09:00:00+0000" in told, arguments
        (deployment,) = json.loads(assay("served", "--name", "mnist", "--json").stdout)["deployments"]
        assert [one["reason"] for one in deployment["quarantine"]] == ["a trigger"]
    finally:
        _say(sources, bad, released=True)
    assert "quarantine" not in assay("served", "--name", "mnist").stdout


def _say(sources: Sources, bad: Bad, *, released: bool) -> None:
    facts: JsonObject = {"bad": bad.to_json(), "reason": "a trigger", "released": released}
    report = StepReport(Step.QUARANTINE, PIPELINE, Verdict.PASSED, facts=facts)
    context = RunContext(run_id=f"by hand {released}", actor="ann")
    at = datetime(2026, 11, 22, 9, tzinfo=UTC)
    record = StepRecord(report, context, current_provenance(), {}, 0, at, at)
    keys = KeyRing.open(sources.settings.keys)
    sources.ledger.append(keys.sign(canonical_json(build_statement(record)), role_of(report.step)))


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
        (["exposure", "row/digits/nobody"], "found ['nobody'] in none of its"),
        (["up", "row/digits/nobody"], "; ids are "),
        (["up", "row/nothing/nobody"], "expected a known dataset, found none"),
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
