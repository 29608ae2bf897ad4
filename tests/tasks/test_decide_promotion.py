"""The gate: what it refuses, on real statements in a real ledger."""

import io
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.records import Step, StepReport, Subject, Verdict
from assay.signing import KeyRole
from assay.station import run_station
from assay.workbench import Workbench
from tasks.decide_promotion import decide_promotion
from tests.tasks.promotion_story import Story, make_spec

CHALLENGE = {"challenger": "accuracy", "rows": "holdout"}


def serve(bench: Workbench, story: Story, version: int) -> None:
    """A deployment of the story's model, as the deploy station states it."""
    model = story.subjects["model"]
    report = StepReport(
        step=Step.DEPLOY,
        pipeline=story.spec.name,
        verdict=Verdict.PASSED,
        products={"deployment": Subject(f"deployment/{story.spec.name}", model.sha256)},
        inputs={"model": model},
        facts={"version": version, "onnx_sha256": "0" * 64},
    )
    run_station(lambda _request, _bench: report, story.request, bench)


def check_of(report: StepReport, name: str) -> str:
    return next(check.detail for check in report.checks if check.name == name)


def test_model_with_whole_fresh_evidence_passes_and_cites_it(bench: Workbench) -> None:
    story = Story(bench, make_spec()).tell()
    report = story.run(decide_promotion)
    assert report.verdict is Verdict.PASSED, report.checks
    entries = [entry.sha256 for entry in bench.ledger.find() if entry.report.step is not Step.GATE]
    assert sorted(report.facts["input_attestations"]) == sorted(entries)
    entry = bench.ledger.find(step=Step.GATE)[0]
    assert entry.role is KeyRole.GATE


@pytest.mark.parametrize(
    "step", [Step.COLLECT, Step.VALIDATE, Step.SCREEN, Step.SPLIT, Step.TRAIN, Step.EXPORT, Step.ASSAY]
)
def test_model_with_a_missing_statement_is_refused(bench: Workbench, step: Step) -> None:
    story = Story(bench, make_spec())
    story.skip = {step}
    report = story.tell().run(decide_promotion)
    assert report.verdict is Verdict.FAILED
    assert "found none" in check_of(report, f"evidence of {step.value}")


@pytest.mark.parametrize("verdict", [Verdict.FAILED, Verdict.NOT_CHECKED])
def test_model_whose_screen_did_not_pass_is_refused_with_its_reason(bench: Workbench, verdict: Verdict) -> None:
    story = Story(bench, make_spec())
    story.verdicts = {Step.SCREEN: verdict}
    report = story.tell().run(decide_promotion)
    assert report.verdict is Verdict.FAILED
    assert f"screen was told to be {verdict.value}" in check_of(report, "evidence of screen")


def test_stale_evidence_is_refused_and_fresh_evidence_of_an_older_run_is_not(bench: Workbench) -> None:
    story = Story(bench, make_spec(max_evidence_age_hours=24))
    story.hours_ago = {Step.COLLECT: 23, Step.VALIDATE: 25}
    report = story.tell().run(decide_promotion)
    assert report.verdict is Verdict.FAILED
    assert "25.0 h old, allowed 24 h" in check_of(report, "evidence of validate")
    assert check_of(report, "evidence of collect").endswith("says passed")


def test_evidence_from_the_future_is_refused(bench: Workbench) -> None:
    story = Story(bench, make_spec())
    story.hours_ago = {Step.TRAIN: -2}
    assert story.tell().run(decide_promotion).verdict is Verdict.FAILED


def test_run_that_speaks_of_another_dataset_than_its_evidence_is_refused(bench: Workbench) -> None:
    story = Story(bench, make_spec()).tell()
    story.subjects["train"] = Subject("dataset/two.train", "f" * 64)
    report = story.run(decide_promotion)
    assert report.verdict is Verdict.FAILED
    assert "this run cites ffffffffffff" in check_of(report, "same digests throughout")


def test_later_refusal_is_not_outvoted_by_an_earlier_pass(bench: Workbench) -> None:
    story = Story(bench, make_spec()).tell()
    story.verdicts = {Step.VALIDATE: Verdict.FAILED}
    story.context = replace(story.context, run_id="second")
    assert story.tell().run(decide_promotion).verdict is Verdict.FAILED


def test_evidence_signed_by_the_wrong_key_never_enters_the_ledger(bench: Workbench) -> None:
    story = Story(bench, make_spec()).tell()
    envelope = bench.ledger.find(step=Step.ASSAY)[0].envelope
    forged = bench.keys.sign(envelope.payload, KeyRole.APPROVER)
    from assay.errors import IntegrityError

    with pytest.raises(IntegrityError, match="needs a producer key"):
        bench.ledger.append(forged)
    assert story.run(decide_promotion).verdict is Verdict.PASSED


@pytest.mark.parametrize(
    ("rule", "passes"),
    [
        ({"metric": "accuracy", "min": 0.99}, True),
        ({"metric": "accuracy", "min": 0.99, "confident": True}, False),
        ({"metric": "accuracy", "max": 0.5}, False),
        ({"metric": "robust_accuracy", "min": 0.1}, False),
    ],
)
def test_metric_rule_judges_the_assay_statement_and_what_was_not_measured_refuses(
    bench: Workbench, rule: dict[str, object], passes: bool
) -> None:
    report = Story(bench, make_spec(gate=[rule])).tell().run(decide_promotion)
    assert (report.verdict is Verdict.PASSED) is passes


@pytest.mark.parametrize(("bound", "passes"), [(0.3, True), (0.8, False)])
def test_fairness_rule_refuses_and_explains(bench: Workbench, bound: float, passes: bool) -> None:
    rule = {"fairness": "selection_rate_ratio", "column": "sex", "min": bound}
    spec = make_spec(gate=[rule], assay={"fairness": [{"column": "sex"}]})
    story = Story(bench, spec)
    measured = {"value": 0.33, "ci95": [0.28, 0.38], "lowest": "Female 0.0850", "highest": "Male 0.2585"}
    story.facts = {"fairness": {"sex": {"positive": 1, "measures": {"selection_rate_ratio": measured}}}}
    report = story.tell().run(decide_promotion)
    assert (report.verdict is Verdict.PASSED) is passes
    told = check_of(report, "selection_rate_ratio by sex")
    assert (
        told == f"selection_rate_ratio by sex is 0.3300, demanded ≥ {bound}: lowest Female 0.0850, highest Male 0.2585"
    )


def test_fairness_that_the_assay_statement_does_not_tell_refuses(bench: Workbench) -> None:
    rule = {"fairness": "accuracy_difference", "column": "sex", "max": 0.9}
    spec = make_spec(gate=[rule], assay={"fairness": [{"column": "sex"}]})
    report = Story(bench, spec).tell().run(decide_promotion)
    assert report.verdict is Verdict.FAILED
    assert "it was not measured" in check_of(report, "accuracy_difference by sex")


def test_assay_that_was_asked_for_a_weaker_attacker_is_no_evidence(bench: Workbench) -> None:
    rule = {"metric": "robust_accuracy", "min": 0.5}
    story = Story(bench, make_spec(gate=[rule], assay={"threat_models": [{"epsilon": 0.01}]}))
    story.facts = {"metrics": {"robust_accuracy": 0.9}}
    assert story.tell().run(decide_promotion).verdict is Verdict.PASSED
    story.spec = make_spec(gate=[rule], assay={"threat_models": [{"epsilon": 0.3}], "privacy": {"membership": {}}})
    report = story.run(decide_promotion)
    assert report.verdict is Verdict.FAILED
    assert "asks otherwise now: privacy, threat_models" in check_of(report, "examined as asked")


def test_assay_that_does_not_say_what_it_was_asked_for_refuses(bench: Workbench) -> None:
    story = Story(bench, make_spec())
    story.facts = {"asked": None}
    report = story.tell().run(decide_promotion)
    assert report.verdict is Verdict.FAILED and "asked for" in check_of(report, "examined as asked")


def test_first_model_has_no_champion_to_beat(bench: Workbench) -> None:
    report = Story(bench, make_spec(gate=[CHALLENGE | {"must": "beat"}])).tell().run(decide_promotion)
    assert report.verdict is Verdict.PASSED
    assert "no champion" in check_of(report, "champion on holdout")


@pytest.mark.parametrize(
    ("champion", "challenger", "must", "passes"),
    [
        (0.0, 1.0, "not_lose", False),
        (1.0, 0.0, "not_lose", True),
        (1.0, 0.0, "beat", True),
        (0.0, 0.01, "beat", False),
        (0.0, 0.01, "not_lose", True),
        (0.0, 0.0, "beat", True),
    ],
)
def test_challenger_is_compared_with_the_serving_champion_on_the_same_rows(
    bench: Workbench, champion: float, challenger: float, must: str, passes: bool
) -> None:
    """The model without a shift is perfect; a shift of 1 makes it wrong on about a fifth of the rows."""
    spec = make_spec(gate=[CHALLENGE | {"must": must}])
    old, new = Story(bench, spec, champion).tell(), Story(bench, spec, challenger).tell()
    serve(bench, old, version=1)
    report = new.run(decide_promotion)
    assert (report.verdict is Verdict.PASSED) is passes, check_of(report, "champion on holdout")
    assert "champion version 1" in check_of(report, "champion on holdout")


def outcomes(bench: Workbench, robust: list[bool], **threat: object) -> dict[str, Any]:
    """What the assay statement says of rows that were attacked."""
    sink = io.BytesIO()
    rows = [f"row-{number}" for number in range(len(robust))]
    pq.write_table(pa.table({"row_id": rows, "clean": [True] * len(rows), "robust": robust}), sink)
    told = {"norm": "linf", "epsilon": 0.1, "suite": "quick", "outcomes": bench.store.put_bytes(sink.getvalue())}
    return {"evasion": [{**told, **threat}]}


@pytest.mark.parametrize(
    ("fell", "passes"),
    [(12, True), (60, False)],
    ids=["half a point within noise", "as many as nobody loses by chance"],
)
def test_robustness_is_compared_row_by_row_under_the_same_threat_model(
    bench: Workbench, fell: int, passes: bool
) -> None:
    spec = make_spec(gate=[{"challenger": "robust_accuracy"}])
    old, new = Story(bench, spec, 0.5), Story(bench, spec, 0.0)
    old.facts = outcomes(bench, [number >= 10 for number in range(800)])
    new.facts = outcomes(bench, [number < 800 - fell for number in range(800)])
    serve(bench, old.tell(), version=1)
    report = new.tell().run(decide_promotion)
    told = check_of(report, "champion's robust_accuracy on holdout")
    assert (report.verdict is Verdict.PASSED) is passes, told
    assert f"only the challenger right 10, only the champion right {fell}" in told and "95 %" in told


def test_champion_that_was_never_attacked_this_way_is_no_comparison(bench: Workbench) -> None:
    spec = make_spec(gate=[{"challenger": "robust_accuracy"}])
    old, new = Story(bench, spec, 0.5), Story(bench, spec, 0.0)
    old.facts = outcomes(bench, [True] * 100)
    new.facts = outcomes(bench, [True] * 100, epsilon=0.2)
    serve(bench, old.tell(), version=1)
    report = new.tell().run(decide_promotion)
    assert report.verdict is Verdict.FAILED
    assert "never attacked by linf 0.2 quick" in check_of(report, "champion's robust_accuracy on holdout")


def test_loss_under_reworded_texts_is_not_passed_over_for_a_gain_under_gradients(bench: Workbench) -> None:
    spec = make_spec(gate=[{"challenger": "robust_accuracy"}])
    old, new = Story(bench, spec, 0.5), Story(bench, spec, 0.0)
    words = {"norm": "words", "suite": None, "moves": ["typo"]}
    for story, robust in ((old, 100), (new, 40)):
        told = [outcomes(bench, [True] * 100), outcomes(bench, [at < robust for at in range(100)], **words)]
        story.facts = {"evasion": [one for facts in told for one in facts["evasion"]]}
    serve(bench, old.tell(), version=1)
    report = new.tell().run(decide_promotion)
    assert report.verdict is Verdict.FAILED
    assert check_of(report, "champion's robust_accuracy on holdout").startswith("words 0.1: against champion")


def test_attack_whose_outcomes_were_not_kept_is_no_comparison(bench: Workbench) -> None:
    spec = make_spec(gate=[{"challenger": "robust_accuracy"}])
    old, new = Story(bench, spec, 0.5), Story(bench, spec, 0.0)
    old.facts = outcomes(bench, [True] * 100)
    new.facts = {"evasion": [*outcomes(bench, [True] * 100)["evasion"], {"norm": "words", "epsilon": 0.1}]}
    serve(bench, old.tell(), version=1)
    report = new.tell().run(decide_promotion)
    assert report.verdict is Verdict.FAILED
    assert "no outcomes of it were kept" in check_of(report, "champion's robust_accuracy on holdout")


def test_champion_whose_file_was_changed_stops_the_gate(bench: Workbench) -> None:
    from assay.bundle import ONNX_FILE, load_bundle
    from assay.errors import IntegrityError

    spec = make_spec(gate=[CHALLENGE])
    old, new = Story(bench, spec, 0.5).tell(), Story(bench, spec, 0.0).tell()
    serve(bench, old, version=1)
    sha256 = load_bundle(old.subjects["model"], bench.store).file(ONNX_FILE).sha256
    path = bench.store._path(sha256)  # type: ignore[attr-defined]
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(IntegrityError, match=sha256):
        new.run(decide_promotion)


def test_policy_digest_names_the_rules(bench: Workbench) -> None:
    strict, lax = (
        Story(bench, make_spec(gate=[{"metric": "accuracy", "min": bound}])).tell().run(decide_promotion)
        for bound in (0.9, 0.1)
    )
    assert strict.facts["policy_sha256"] != lax.facts["policy_sha256"]
