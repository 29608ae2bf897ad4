"""The page holds what the ledger holds: each number, each failure, each gap; and nothing of it can act."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from assay.errors import IntegrityError, SpecError
from assay.records import Step, Subject, Verdict
from assay.store import FileStore
from assay.workbench import Workbench
from tasks.decide_promotion import decide_promotion
from tasks.reporting.make_report import make_report
from tests.tasks.promotion_story import Story, make_spec
from tests.tasks.reporting.life_story import register
from tests.tasks.reporting.page import Page, is_rounded, read_page, resolve
from tests.tasks.reporting.report_story import threat

HOSTILE = "</script><script>alert(1)</script><img src=//evil.example/x onerror=alert(2)>\u202egnp.exe"


def page_of(story: Story) -> Page:
    return read_page(make_report(story.bench, story.subjects["model"], story.spec))


def facts_of(story: Story) -> Any:
    (entry,) = story.bench.ledger.find(step=Step.ASSAY, subject_sha256=story.subjects["model"].sha256)
    return entry.report.to_json()["facts"]


def test_every_displayed_number_is_the_ledgers(story: Story) -> None:
    story.run(decide_promotion)
    page = page_of(story)
    assert page.data["statements"]["assay"]["report"]["facts"] == facts_of(story)
    for step, statement in page.data["statements"].items():
        (entry,) = [one for one in story.bench.ledger.find(step=Step(step)) if one.seq == statement["seq"]]
        assert statement["report"] == entry.report.to_json() and statement["sha256"] == entry.sha256
    assert len(page.numbers) > 150
    for pointer, value, shown in page.numbers:
        assert resolve(page.data, pointer) == float(value), pointer
        assert is_rounded(shown, float(value)), (pointer, value, shown)


def test_every_number_of_the_examination_is_displayed_or_drawn(story: Story) -> None:
    page = page_of(story)
    shown = {pointer for pointer, _, _ in page.numbers}
    drawn = ("/privacy/membership/reference_models/curve/", "/explanations/map/", "/samples", "/severity")
    missing = [
        pointer
        for pointer, value in numbers_below(facts_of(story), "/statements/assay/report/facts")
        if pointer not in shown and not any(one in pointer for one in drawn)
    ]
    assert not missing


def numbers_below(value: Any, pointer: str) -> list[tuple[str, float]]:
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        return [found for key, one in pairs for found in numbers_below(one, f"{pointer}/{key}")]
    return [(pointer, value)] if isinstance(value, int | float) and not isinstance(value, bool) else []


def test_confusion_is_counted_from_the_stored_predictions(story: Story) -> None:
    derived = page_of(story).data["derived"]
    accuracy = facts_of(story)["metrics"]["accuracy"]
    table = derived["confusion"]
    assert derived["matches"] is True and sum(map(sum, table)) == 200
    assert (table[0][0] + table[1][1]) / 200 == pytest.approx(accuracy)


def test_accuracy_that_the_predictions_do_not_bear_out_is_said(bench: Workbench) -> None:
    story = Story(bench, make_spec(), 0.3)
    story.facts = {"metrics": {"accuracy": 0.999}, "ci95": {}}
    assert "do not give the accuracy that the statement names" in page_of(story.tell()).words


def test_equal_statements_give_equal_bytes(story: Story) -> None:
    model = story.subjects["model"]
    assert make_report(story.bench, model, story.spec) == make_report(story.bench, model, story.spec)


def test_first_page_says_what_it_is_for_and_who_owns_it(story: Story) -> None:
    page = page_of(story)
    assert "Tells spam from mail. (from the pipeline's spec, which nobody signed)" in page.words
    assert "mail-team" in page.words
    assert "nobody wrote it down" in read_page(make_report(story.bench, story.subjects["model"])).words


def test_purpose_that_a_statement_names_outweighs_the_spec(bench: Workbench) -> None:
    story = Story(bench, make_spec(description="Another thing."), 0.3)
    story.facts = {"purpose": {"description": "Signed words.", "owner": "board"}}
    page = page_of(story.tell())
    assert "Signed words." in page.words and "Another thing." not in page.words and "nobody signed" not in page.words


def test_gaps_are_told_each_by_its_own_kind(bench: Workbench, facts: dict[str, Any]) -> None:
    story = Story(bench, make_spec(), 0.3)
    story.facts = {name: fact for name, fact in facts.items() if name != "stress"}
    story.verdicts = {Step.SCREEN: Verdict.NOT_CHECKED}
    story.skip = {Step.VALIDATE}
    gaps = page_of(story.tell()).section("What was not checked")
    assert "Weather: nobody asked what rain does." in gaps
    assert "Privacy: canaries: training planted none" in gaps
    assert "Stress: the statement says nothing of it." in gaps
    assert "screen was told to be not_checked (screening the data)" in gaps
    assert "No signed statement on validating the data." in gaps
    assert "No signed statement on the gate." in gaps


def test_failures_and_the_rules_that_refused_are_told(bench: Workbench) -> None:
    story = Story(bench, make_spec(gate=[{"metric": "accuracy", "min": 0.999}]), 0.3)
    story.verdicts = {Step.ASSAY: Verdict.FAILED}
    story.tell().run(decide_promotion)
    page = page_of(story)
    failed = page.section("What failed")
    assert "assay was told to be failed (examining the model)" in failed
    assert "demanded ≥ 0.999 (the gate)" in failed
    assert "Refused by the gate" in page.words and "2 of 11 rules did not hold" in page.words


def test_model_that_the_gate_let_through_is_told_so_by_the_right_policy(story: Story) -> None:
    story.run(decide_promotion)
    page = page_of(story)
    assert "Let through" in page.words and "all 11 rules held, on 7 signed statements" in page.words
    assert "the policy that the pipeline's spec states now" in page.words
    other = make_spec(gate=[{"metric": "accuracy", "min": 0.1}])
    changed = read_page(make_report(story.bench, story.subjects["model"], other))
    assert "the pipeline's spec has changed since" in changed.words


def test_version_that_is_being_registered_is_named_until_a_statement_names_it(story: Story) -> None:
    model = story.subjects["model"]
    assert read_page(make_report(story.bench, model, version=7)).headings[0] == (1, "two, version 7")
    register(story, 3)
    assert read_page(make_report(story.bench, model, version=7)).headings[0] == (1, "two, version 3")


def test_model_without_a_gate_is_not_decided(story: Story) -> None:
    page = page_of(story)
    assert "Not decided" in page.words and "Nothing of this pipeline serves." in page.words


def test_hostile_names_reasons_and_texts_are_only_words(bench: Workbench) -> None:
    story = Story(bench, make_spec(description=HOSTILE, owner=HOSTILE), 0.3)
    rewrite = {"row_id": HOSTILE, "before": HOSTILE, "after": f"{HOSTILE} x", "label": 0, "predicted": 1}
    story.facts = {
        HOSTILE: {HOSTILE: [{HOSTILE: HOSTILE}, {HOSTILE: 0.25}]},
        "not_examined": {HOSTILE: HOSTILE},
        "evasion": [{**threat([rewrite]), "norm": HOSTILE}],
        "fairness": {HOSTILE: {"problem": HOSTILE}},
        "slices": {"tested": 1, "worst": [{"slice": [HOSTILE], "error": 0.5}]},
        "explanations": {HOSTILE: [{"feature": HOSTILE, "attribution": 1.0}]},
        "stress": {"values": {HOSTILE: HOSTILE}, "speed": [{"batch": 1, "p50_ms": 1.0, HOSTILE: HOSTILE}]},
    }
    page = page_of(story.tell())
    assert list(page.all("script")) == [{"type": "application/json", "id": "assay-report"}]
    assert all(image["src"].startswith("data:image/png;base64,") for image in page.all("img"))
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert "\u202e" not in page.words
    assert page.data["statements"]["assay"]["report"]["facts"]["not_examined"] == {HOSTILE: HOSTILE}


def test_page_reaches_nothing(story: Story) -> None:
    html = make_report(story.bench, story.subjects["model"], story.spec).decode()
    page = read_page(html.encode())
    (policy,) = [one["content"] for one in page.all("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in policy and "img-src data:" in policy and "script" not in policy
    assert not re.search(r"url\(|@import|https?://", page.styles)
    assert {tag for tag, _ in page.elements}.isdisjoint({"link", "iframe", "object", "embed", "form", "base", "video"})
    assert all(one["href"].startswith("#") for one in page.all("a"))


def test_page_can_be_read_without_seeing_it(story: Story) -> None:
    page = page_of(story)
    assert [attributes["lang"] for attributes in page.all("html")] == ["en"]
    levels = [level for level, _ in page.headings]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(below - above <= 1 for above, below in pairwise(levels)), page.headings
    assert all(one.get("scope") in ("col", "row") for one in page.all("th"))
    assert all(one.get("alt") for one in page.all("img"))
    curves = [one for one in page.all("svg") if "curve" in one.get("class", "")]
    assert len(curves) >= 6 and all(one["role"] == "img" and one["aria-label"] for one in curves)
    anchors = [one["id"] for _, one in page.elements if "id" in one]
    assert len(anchors) == len(set(anchors))
    assert {one["href"][1:] for one in page.all("a")} <= set(anchors)


def test_weakness_that_sound_twins_share_is_told(story: Story) -> None:
    page = page_of(story)
    assert "is none all the same: sound twins fall to its triggers" in page.words
    told = {pointer: shown for pointer, _, shown in page.numbers}
    assert told["/statements/assay/report/facts/backdoors/classes/2/transfer"] == "81.2\u202f%"
    assert told["/statements/assay/report/facts/backdoors/pairs/1/transfer"] == "93.8\u202f%"
    assert page.words.count("is none all the same") == 2


def test_unknown_examination_is_told_without_code_for_it(bench: Workbench) -> None:
    story = Story(bench, make_spec(), 0.3)
    story.facts = {"tea_leaves": {"clarity": 0.731, "cups": [{"cup": 1, "omen": "good"}, {"cup": 2, "omen": "bad"}]}}
    page = page_of(story.tell())
    assert (2, "Tea leaves") in page.headings
    assert ("/statements/assay/report/facts/tea_leaves/clarity", "0.731", "0.731") in page.numbers
    assert "omen" in page.words and "bad" in page.words


@pytest.mark.parametrize("odd", [None, 3, "words", [], [1, 2], {}, {"a": {"b": [{"c": None}]}}, [[1], "x"], True])
@pytest.mark.parametrize(
    "name", ["evasion", "corruption", "fairness", "slices", "privacy", "backdoors", "explanations", "stress", "metrics"]
)
def test_facts_of_another_shape_do_not_break_the_page(name: str, odd: Any) -> None:
    from tasks.reporting.make_report import render

    statement = {"seq": 0, "report": {"step": "assay", "verdict": "passed", "facts": {name: odd}}}
    document = {"model": {"pipeline": "two"}, "statements": {"assay": statement}, "served": [], "derived": None}

    def read(sha256: str) -> bytes:
        raise IntegrityError(sha256)

    if name == "evasion" or odd != "words":
        assert b"Trust report" in render(document, read)


def test_changed_predictions_are_noticed(story: Story) -> None:
    tamper(story, facts_of(story)["predictions"])
    with pytest.raises(IntegrityError, match="was changed"):
        page_of(story)


def test_changed_pictures_are_noticed(story: Story) -> None:
    tamper(story, facts_of(story)["evasion"][0]["examples"])
    with pytest.raises(IntegrityError, match="was changed"):
        page_of(story)


def tamper(story: Story, sha256: str) -> None:
    store = story.bench.store
    assert isinstance(store, FileStore)
    path: Path = store._path(sha256)  # the attacker knows the folder
    path.write_bytes(path.read_bytes() + b"x")


def test_examples_that_are_no_pictures_are_an_error_in_words(bench: Workbench) -> None:
    story = Story(bench, make_spec(), 0.3)
    story.facts = {"evasion": [threat(bench.store.put_bytes(b"no archive"))]}
    with pytest.raises(IntegrityError, match="expected an NPZ of pictures"):
        page_of(story.tell())


def test_pictures_carry_their_words(story: Story) -> None:
    page = page_of(story)
    words = [image["alt"] for image in page.all("img") if "row" in image["alt"]]
    assert len(words) == 9 and "before: row <row 0>, truly 0: answered 0, then 2" in words


def test_statement_changed_in_the_database_is_refused(story: Story) -> None:
    connection = story.bench.ledger.connection
    connection.execute("ALTER TABLE assay_ledger.entries DISABLE TRIGGER ALL")
    connection.execute("UPDATE assay_ledger.entries SET envelope = replace(envelope, 'a', 'b') WHERE step = 'assay'")
    with pytest.raises(IntegrityError, match="ledger entry"):
        page_of(story)


def test_model_of_which_nothing_is_signed_has_no_report(bench: Workbench) -> None:
    with pytest.raises(SpecError, match="found none"):
        make_report(bench, Subject("model/two", "f" * 64))
