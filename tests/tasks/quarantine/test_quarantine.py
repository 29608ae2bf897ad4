"""What a person declares bad spreads to all that was made of it, and stays out until it is released."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from assay.cli import cli
from assay.errors import IntegrityError, PolicyViolation, SpecError
from assay.ledger import Ledger
from assay.ledger_verification import verify_ledger
from assay.lineage.store import LineageStore
from assay.lineage.sync import sync_from_ledger
from assay.quarantine.declaration import Kind, declarations_in_force
from assay.quarantine.environment import has_package
from assay.quarantine.objections import objections, require_sound
from assay.records import RunContext, Step, StepReport, Verdict
from assay.signing import KeyRole
from assay.station import run_station
from assay.triton.repository import REFUSED_FILE
from assay.workbench import Workbench
from tasks.decide_promotion import decide_promotion
from tasks.quarantine.quarantine import Quarantine
from tests.tasks.promotion_story import Story, make_spec


@pytest.fixture
def desk(bench: Workbench) -> Iterator[Quarantine]:
    with contextlib.closing(LineageStore.open(bench.settings)) as lineage:
        yield Quarantine(bench, lineage, RunContext(run_id="by hand", trigger="manual", actor="ann"))


def told(desk: Quarantine, shift: float = 0.0, name: str = "two", **bent: Any) -> Story:
    story = Story(desk.bench, make_spec(name), shift)
    for key, value in bent.items():
        setattr(story, key, value)
    story.tell()
    sync_from_ledger(desk.bench.ledger, desk.lineage)
    return story


def again(desk: Quarantine) -> Quarantine:
    return replace(desk, context=replace(desk.context, run_id=desk.context.run_id + " again"))


def refusal(desk: Quarantine, story: Story) -> str:
    with pytest.raises(PolicyViolation) as error:
        require_sound(desk.bench.ledger, desk.bench.store, story.subjects["model"])
    return str(error.value)


def named(said: Any) -> set[str]:
    return {node.digest for node in said.spread.nodes}


def test_a_version_takes_all_its_descendants_with_it(desk: Quarantine) -> None:
    story, other = told(desk), told(desk, 1.0, "other")
    said = desk.declare(f"dataset/two@{story.subjects['raw'].sha256[:12]}", "bought labels")
    assert named(said) == {story.subjects[role].sha256 for role in
                           ("raw", "admitted", "train", "holdout", "recent", "candidate", "model")}  # fmt: skip
    assert "bought labels" in refusal(desk, story)
    assert "ann" in refusal(desk, story)
    require_sound(desk.bench.ledger, desk.bench.store, other.subjects["model"])


def test_the_gate_refuses_what_was_made_afterwards(desk: Quarantine) -> None:
    first = told(desk)
    assert first.run(decide_promotion).verdict is Verdict.PASSED
    desk.declare(first.subjects["admitted"].sha256, "poisoned")
    second = told(desk, 1.0)
    report = second.run(decide_promotion)
    refused = {check.name for check in report.checks if check.verdict is Verdict.FAILED}
    assert report.verdict is Verdict.FAILED
    assert "quarantine" in refused


def test_a_release_undoes_with_a_reason(desk: Quarantine) -> None:
    story = told(desk)
    desk.declare(story.subjects["raw"].sha256, "suspicion")
    (reference,) = declarations_in_force(desk.bench.ledger)
    again(desk).release(reference, "the audit found it sound")
    assert declarations_in_force(desk.bench.ledger) == {}
    require_sound(desk.bench.ledger, desk.bench.store, story.subjects["model"])
    assert verify_ledger(desk.bench.ledger, desk.bench.keys).broken == ()


def test_a_row_is_found_in_every_version_that_holds_it(desk: Quarantine) -> None:
    story = told(desk)
    said = desk.declare("row/two/row-7", "a person asked for it to go")
    assert story.subjects["train"].sha256 in named(said)
    assert story.subjects["model"].sha256 in named(said)
    assert "row/two/row-7" in refusal(desk, story)


def test_a_model_trained_on_a_bad_row_later_is_refused_by_the_gate_which_reads_the_rows(desk: Quarantine) -> None:
    told(desk)
    desk.declare("row/two/row-7", "a person asked for it to go")
    later = told(desk, 1.0)
    ledger, store, model = desk.bench.ledger, desk.bench.store, later.subjects["model"]
    assert not objections(ledger, store, model)
    assert len(objections(ledger, store, model, reads_rows=True)) == 1
    assert later.run(decide_promotion).verdict is Verdict.FAILED


def test_a_set_of_rows_is_one_word(desk: Quarantine) -> None:
    story = told(desk)
    said = desk.declare("dataset/two", "one contributor", rows=["row-1", "row-2"])
    assert said.bad.kind is Kind.ROWS
    assert said.bad.rows == {"row-1", "row-2"}
    assert said.bad.reference in refusal(desk, story)


def test_a_package_marks_what_was_made_where_it_was_installed(desk: Quarantine) -> None:
    story = told(desk)
    require_sound(desk.bench.ledger, desk.bench.store, story.subjects["model"])
    desk.declare("dependency/numpy<1.0", "a hole that is long mended")
    require_sound(desk.bench.ledger, desk.bench.store, story.subjects["model"])
    again(desk).declare("dependency/NumPy>=1.26", "a hole")
    assert "numpy" in refusal(desk, story).lower()


def test_a_key_marks_what_it_signed(desk: Quarantine) -> None:
    story = told(desk)
    keyid = desk.bench.keys.public_key(KeyRole.PRODUCER).keyid
    said = desk.declare(f"key/{keyid[:12]}", "the laptop was stolen")
    assert said.bad.reference == f"key/{keyid}"
    assert story.subjects["model"].sha256 in named(said)
    assert "laptop" in refusal(desk, story)


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("row/two/no-such", "no-such"),
        ("row/nothing/row-1", "nothing"),
        ("dataset/nobody", "expected a known name"),
        ("deadbeefdeadbeef", "expected a known version"),
        ("source/s3://no/such", "expected an address"),
        ("dependency/<2", "expected a requirement"),
        ("dependency/numpy[all]", "a name and versions only"),
        ("key/0000", "digits or more"),
        ("row/two.train/row-1", "expected the dataset as collected"),
        ("rubbish", "expected a digest"),
    ],
)
def test_what_is_unknown_is_refused_and_nothing_is_signed(desk: Quarantine, reference: str, words: str) -> None:
    told(desk)
    size = desk.bench.ledger.size()
    with pytest.raises(SpecError, match=words.replace("[", r"\[")):
        desk.declare(reference, "why not")
    assert desk.bench.ledger.size() == size


def test_who_names_no_row_is_told_how_ids_are_made_and_one_of_them(desk: Quarantine) -> None:
    told(desk)
    with pytest.raises(SpecError) as error:
        desk.declare("row/two/7", "why not")
    assert str(error.value).startswith("row/two/7: expected rows of dataset/two, found ['7'] in none of its ")
    assert str(error.value).endswith(" versions; ids are position, as 'row-0'")


def test_only_what_is_in_quarantine_is_released(desk: Quarantine) -> None:
    told(desk)
    with pytest.raises(SpecError, match="nothing is in quarantine"):
        desk.release("row/two/row-7", "by mistake")


@pytest.mark.parametrize("reference", ["row/two/row-7", "row/two/row", "dataset/two", "dependency/numpy"])
def test_a_release_frees_nothing_that_merely_begins_alike(desk: Quarantine, reference: str) -> None:
    story = told(desk)
    bad = ["row/two/row-71", story.subjects["admitted"].sha256, "dependency/numpy>=1.26"]
    for count, one in enumerate(bad):
        replace(desk, context=replace(desk.context, run_id=f"{count}")).declare(one, "bad")
    with pytest.raises(SpecError):
        desk.release(reference, "by mistake")
    assert len(declarations_in_force(desk.bench.ledger)) == len(bad)


def test_what_was_declared_by_any_name_is_released_by_any_other(desk: Quarantine) -> None:
    story = told(desk)
    digest = story.subjects["raw"].sha256
    desk.declare(f"dataset/two@{digest[:12]}", "suspicion")
    again(desk).release(digest, "sound")
    again(again(desk)).declare("dependency/NumPy >= 1.26", "a hole")
    again(again(again(desk))).release("dependency/numpy>=1.26", "none after all")
    assert declarations_in_force(desk.bench.ledger) == {}


def test_a_release_of_rows_does_not_release_the_version_that_holds_them(desk: Quarantine) -> None:
    told(desk)
    desk.declare("dataset/two", "suspicion")
    again(desk).declare("dataset/two", "one contributor", rows=["row-1", "row-2"])
    said = again(again(desk)).release("dataset/two", "sound", rows=["row-2", "row-1"])
    assert said.bad.kind is Kind.ROWS
    assert [one.bad.kind for one in declarations_in_force(desk.bench.ledger).values()] == [Kind.VERSION]


def test_a_server_refuses_what_is_registered_and_was_not_deployed_yet(desk: Quarantine) -> None:
    story = told(desk)
    registered = StepReport(
        Step.REGISTER, "two", Verdict.PASSED, products={"registered": story.subjects["model"]},
        inputs={"model": story.subjects["model"]}, facts={"version": 1, "onnx_sha256": "a" * 64},
    )  # fmt: skip
    run_station(lambda _request, _bench: registered, story.request, desk.bench)
    desk.declare("row/two/row-7", "bought")
    refused = desk.bench.settings.triton_repository / "two" / REFUSED_FILE
    assert list(json.loads(refused.read_text())) == ["a" * 64]


def test_a_version_that_cannot_be_compared_is_not_excluded(desk: Quarantine) -> None:
    environment = desk.bench.store.put_bytes(b"numpy==2.0\ntorch==nightly_of_ours\n")
    assert has_package(environment, "torch<2.13", desk.bench.store)
    assert not has_package(environment, "numpy<2", desk.bench.store)


def test_a_producer_cannot_declare_or_release(desk: Quarantine) -> None:
    story = told(desk)
    said = desk.declare(story.subjects["raw"].sha256, "suspicion")
    payload = said.entry.envelope.payload
    with pytest.raises(IntegrityError, match="needs a approver key"):
        desk.bench.ledger.append(desk.bench.keys.sign(payload, KeyRole.PRODUCER))


@pytest.mark.usefixtures("as_person")
def test_the_command_declares_lists_and_releases(desk: Quarantine, tmp_path: Path) -> None:
    story = told(desk)
    ids = tmp_path / "ids.txt"
    ids.write_text("row-3\nrow-4\n")

    def run(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(cli, ["quarantine", *arguments], catch_exceptions=True)
        assert result.exit_code == code, result.output
        return result.stdout

    declared = json.loads(run("dataset/two", "--rows", str(ids), "--reason", "one contributor", "--json"))
    assert declared["state"] == "in quarantine"
    assert story.subjects["model"].sha256 in {node["digest"] for node in declared["nodes"]}
    assert declared["live"] == []
    listed = json.loads(run("--list", "--json"))["quarantine"]
    assert [one["reference"] for one in listed] == [declared["reference"]]
    assert listed[0]["rows"] == ["row-3", "row-4"]
    run(declared["reference"], "--release", "--reason", "sound after all")
    assert json.loads(run("--list", "--json"))["quarantine"] == []
    assert Ledger.open(desk.bench.settings).size() == desk.bench.ledger.size()


@pytest.mark.parametrize("arguments", [[], ["row/two/row-1"], ["--reason", "why"]])
def test_a_word_needs_a_reference_and_a_reason(arguments: list[str]) -> None:
    result = CliRunner().invoke(cli, ["quarantine", *arguments])
    assert isinstance(result.exception, SpecError | SystemExit)
    assert result.exit_code != 0
