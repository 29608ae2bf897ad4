"""A finished model's privacy is examined as the spec asks; what was not checked is told, never passed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from assay.records import Verdict
from assay.sdk import Rows
from tasks.examination.case import Examined
from tasks.examination.privacy import examine_privacy
from tasks.privacy.audited import audit_rows, join_rows
from tasks.privacy.exposure import plant_canaries
from tasks.training.rows import split_validation
from tests.tasks.privacy.privacy_models import Breaking, finished, noisy_rows

MEMBERSHIP = {"membership": {"reference_models": 16, "seconds": 600, "samples": 300}}
HEART, RULE = {"ridge": 1e-3}, {"ridge": 3e4}


def examine(folder: Path, privacy: dict[str, Any], **more: Any) -> Examined:
    train, holdout = more.pop("train", noisy_rows(350, 1, 0.4)), more.pop("holdout", noisy_rows(320, 2, 0.4))
    found = examine_privacy(finished(folder, privacy, train, holdout, **more))
    assert json.loads(json.dumps(found.facts, allow_nan=False)) == found.facts
    return found


def verdicts(found: Examined) -> dict[str, Verdict]:
    return {check.name: check.verdict for check in found.checks}


def part(found: Examined, *path: str) -> Any:
    facts: Any = found.facts
    for key in path:
        facts = facts[key]
    return facts


def test_a_model_that_learned_by_heart_is_told_from_one_that_learned_rules(tmp_path: Path) -> None:
    found = {}
    for name, parameters in (("heart", HEART), ("rule", RULE)):
        (tmp_path / name).mkdir()
        found[name] = examine(tmp_path / name, MEMBERSHIP, parameters=parameters)
        assert set(verdicts(found[name]).values()) == {Verdict.PASSED}
    heart, rule = (one.metrics["membership_true_positive_rate"] for one in found.values())
    assert heart > 0.5 and rule < 0.06
    low, high = found["heart"].ci95["membership_true_positive_rate"]
    assert low < heart <= high
    facts = part(found["heart"], "membership")
    assert facts["samples"]["members"] == facts["samples"]["others"] == 300
    assert facts["reference_models"]["trained"] == 16
    assert facts["reference_models"]["canary"]["sees"] and facts["labels_alone"]["canary"]["sees"]
    assert 10 < len(facts["reference_models"]["curve"]) <= 20
    assert facts["labels_alone"]["auc"]["value"] > part(found["rule"], "membership", "labels_alone", "auc", "value")


def test_without_time_for_reference_models_the_attack_is_not_checked_and_bounds_nothing(tmp_path: Path) -> None:
    privacy = {"membership": {"reference_models": 4, "seconds": 1}}
    slow = {"model": "Slow"}
    found = examine(tmp_path, privacy, **slow)
    assert verdicts(found)["membership by reference models"] is Verdict.NOT_CHECKED
    assert verdicts(found)["membership by labels alone"] is Verdict.PASSED
    assert "membership_true_positive_rate" not in found.metrics
    assert part(found, "membership", "reference_models", "trained") < 4
    assert part(found, "membership", "confidence_alone", "auc", "value") > 0.5


def test_a_class_that_cannot_be_trained_again_is_not_checked(tmp_path: Path) -> None:
    Breaking.made = 0
    found = examine(tmp_path, MEMBERSHIP, model="Breaking")
    check = next(check for check in found.checks if check.name == "membership by reference models")
    assert check.verdict is Verdict.NOT_CHECKED and "the licence server is gone" in check.detail


def test_texts_are_examined_too(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    words = np.array([f"w{at}" for at in range(2000)])

    def mails(count: int, name: str) -> Rows:
        texts = np.empty(count, dtype=object)
        texts[:] = [" ".join(generator.choice(words, 30)) for _ in range(count)]
        return Rows(texts, generator.integers(0, 2, count), tuple(f"{name}{at}" for at in range(count)))

    found = examine(
        tmp_path,
        {"membership": {"reference_models": 8, "samples": 200}, "extraction": {"queries": [50, 200]}},
        model="models.spam:SpamModel",
        parameters={"strength": 1000.0},
        train=mails(260, "t"),
        holdout=mails(220, "h"),
    )
    assert verdicts(found)["membership by reference models"] is Verdict.PASSED
    assert found.metrics["membership_true_positive_rate"] > 0.5
    assert part(found, "membership", "labels_alone", "auc", "value") > 0.7


def test_a_copy_of_a_simple_model_agrees_and_both_answers_are_told(tmp_path: Path) -> None:
    said: list[str] = []
    found = examine(
        tmp_path, {"extraction": {"queries": [30, 300]}}, parameters=RULE, holdout=noisy_rows(600, 2), say=said.append
    )
    assert verdicts(found) == {"model extraction": Verdict.PASSED}
    copies = part(found, "extraction", "copies")
    assert [one["queries"] for one in copies] == [30, 300]
    assert found.metrics["extraction_fidelity"] == max(
        copy[way]["value"] for copy in copies for way in ("by_probabilities", "by_labels")
    )
    assert found.metrics["extraction_fidelity"] > 0.85
    assert any("300 questions" in line for line in said)
    assert len(part(found, "notes")) == 3


def test_columns_are_guessed_from_answers_and_an_unknown_one_is_told_with_what_is_near(tmp_path: Path) -> None:
    holdout = noisy_rows(500, 2, 0.0)
    sex = np.where(holdout.inputs[:, 0] > 0, "f", "m")
    town = np.random.default_rng(0).choice(["x", "y"], 500)
    columns = pa.table({"sex": sex, "town": town})
    found = examine(
        tmp_path, {"attributes": ["sex", "sexx"]}, parameters=RULE, train=noisy_rows(350, 1, 0.0), holdout=holdout,
        columns=columns,
    )  # fmt: skip
    assert verdicts(found)["attribute inference of sex"] is Verdict.PASSED
    assert verdicts(found)["attribute inference of sexx"] is Verdict.NOT_CHECKED
    assert "did you mean 'sex'" in part(found, "attributes", "sexx", "problem")
    assert found.metrics["attribute_advantage"] > 0.3
    low, high = found.ci95["attribute_advantage"]
    assert low < found.metrics["attribute_advantage"] < high


@pytest.mark.parametrize(("parameters", "remembered"), [(HEART, True), (RULE, False)])
def test_planted_rows_are_found_by_the_candidates_facts(
    tmp_path: Path, parameters: dict[str, float], remembered: bool
) -> None:
    found = examine(
        tmp_path,
        {},
        parameters=parameters,
        train=noisy_rows(350, 1, 0.0),
        holdout=noisy_rows(300, 2, 0.0),
        facts={"canaries": {"count": 24, "seed": 5}},
        learned=lambda rows, classes: plant_canaries(rows, 24, classes, 5)[0],
    )
    assert verdicts(found) == {"planted rows": Verdict.PASSED}
    assert part(found, "canaries", "is_remembered") is remembered
    assert part(found, "canaries", "canary", "sees") is True


def test_too_few_planted_rows_are_not_checked(tmp_path: Path) -> None:
    found = examine(tmp_path, {}, facts={"canaries": {"count": 3, "seed": 5}})
    assert verdicts(found) == {"planted rows": Verdict.NOT_CHECKED}
    assert "8 planted rows" in part(found, "canaries", "problem")


def test_canaries_that_training_did_not_plant_are_not_checked(tmp_path: Path) -> None:
    found = examine(tmp_path, {"canaries": 24})
    assert verdicts(found) == {"planted rows": Verdict.NOT_CHECKED}
    assert "expected 24 planted rows" in part(found, "canaries", "problem")


def test_too_few_rows_are_not_checked(tmp_path: Path) -> None:
    found = examine(tmp_path, {**MEMBERSHIP, "extraction": {}}, holdout=noisy_rows(40, 2))
    assert set(verdicts(found).values()) == {Verdict.NOT_CHECKED} and len(found.checks) == 2
    assert not found.metrics


def test_a_blind_test_is_not_checked(tmp_path: Path) -> None:
    """Rows that are all alike show nothing, whatever the model knows."""
    alike = noisy_rows(320, 2)
    alike.inputs[:] = 1
    train = noisy_rows(350, 1)
    train.inputs[:] = 1
    found = examine(tmp_path, MEMBERSHIP, train=train, holdout=alike)
    assert set(verdicts(found).values()) == {Verdict.NOT_CHECKED}
    assert all("blind" in check.detail for check in found.checks)
    assert not found.metrics


def test_reference_models_see_as_many_rows_as_the_examined_one() -> None:
    train, holdout = split_validation(noisy_rows(400, 1)).train, noisy_rows(90, 2)
    audited = audit_rows(train, holdout, 1000)
    assert len(audited.rows) == 180 and audited.is_member.sum() == 90
    assert len(audited.rest) + 90 == len(train)
    assert set(audited.rows.row_ids[:90]) | set(audited.rest.row_ids) == set(train.row_ids)
    weighted = join_rows(
        Rows(holdout.inputs, holdout.labels, holdout.row_ids, np.full(90, 0.5, np.float32)), audited.rest
    )
    assert weighted.weights is not None
    assert weighted.weights.sum() == 45 + len(audited.rest)
