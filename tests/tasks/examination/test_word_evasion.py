"""A served text model is examined end to end: what falls is told, and what cannot be examined is never a pass."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from assay.bundle import ModelBundle
from assay.inference import OnnxModel
from assay.records import Check, Verdict
from assay.sdk import Rows
from assay.spec import WordThreat
from assay.store import Store
from assay.text_onnx import export_text_classifier
from tasks.examination.case import ModelCase
from tasks.examination.evasion import EvasionResult
from tasks.examination.word_evasion import examine_words, shortened
from tests.tasks.examination.test_feature_evasion import write_linear
from tests.tasks.model_story import make_spec

THREAT = WordThreat(norm="words", epsilon=0.15, queries=150, samples=24)
SPAM, HAM, OTHER = (
    ("lottery", "prize", "winner"),
    ("meeting", "agenda", "minutes"),
    ("about", "there", "which", "would"),
)
VOCABULARY = (*SPAM, *HAM, *OTHER)


def mails(count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Mails of 20 words, 1 to 6 of them telling."""
    generator = np.random.default_rng(0)
    labels = (np.arange(count) % 2).astype(np.int64)
    made = np.empty(count, dtype=object)
    for at, label in enumerate(labels):
        telling = generator.choice(SPAM if label else HAM, generator.integers(1, 7))
        words = [*telling, *generator.choice(OTHER, 20 - len(telling))]
        made[at] = " ".join(generator.permutation(words))
    return made, labels


def write_model(path: Path, weight: float = 3.0) -> OnnxModel:
    weights = np.zeros((len(VOCABULARY), 2), np.float32)
    weights[: len(SPAM), 1] = weights[len(SPAM) : len(SPAM) + len(HAM), 0] = weight
    export_text_classifier(
        path, VOCABULARY, idf=np.ones(len(VOCABULARY), np.float32), weights=weights, bias=np.zeros(2, np.float32)
    )
    return OnnxModel(path.read_bytes(), "m")


def case_of(served: OnnxModel, rows: Rows, tmp_path: Path) -> ModelCase:
    return ModelCase(
        spec=make_spec(),
        bundle=ModelBundle("m", "onnx", (), facts={"classes": 2}),
        file=tmp_path / "m.onnx",
        served=served,
        rows={"holdout": rows},
        predicted={"holdout": rows.labels},
        columns=cast("Any", None),
        candidate=lambda: pytest.fail("the served file suffices"),
        training=lambda: pytest.fail("the holdout suffices"),
        store=cast("Store", None),
        workdir=tmp_path,
        say=lambda _: None,
    )


def examined(tmp_path: Path, threat: WordThreat = THREAT, weight: float = 3.0) -> EvasionResult | Check:
    texts, labels = mails()
    rows = Rows(texts, labels, tuple(f"mail-{at}" for at in range(len(texts))))
    return examine_words(threat, case_of(write_model(tmp_path / "m.onnx", weight), rows, tmp_path))


def test_a_model_of_few_words_falls_and_everything_about_it_is_told(tmp_path: Path) -> None:
    result = examined(tmp_path)
    assert isinstance(result, EvasionResult) and {check.verdict for check in result.checks} == {Verdict.PASSED}
    facts = cast("dict[str, Any]", result.facts)
    assert result.samples == 24 and facts["clean_accuracy"] == 1 and 0 < result.robust_accuracy < 1
    assert result.ci95[0] < result.robust_accuracy < result.ci95[1] and facts["ci95"] == list(result.ci95)
    curve = [point["robust_accuracy"] for point in facts["curve"]]
    assert curve == sorted(curve, reverse=True) and (curve[0], curve[-1]) == (1, result.robust_accuracy)
    assert 1 <= facts["mean_changes"] <= 3 and 0 < facts["mean_queries"] <= THREAT.queries
    assert facts["learning_queries"] > 60 and len(facts["class_robust_accuracy"]) == 2
    assert [one["name"] for one in facts["attacks"]] == ["good-words", "important-words", "together"]


def test_examples_name_the_row_and_fool_the_served_file(tmp_path: Path) -> None:
    result = examined(tmp_path)
    assert isinstance(result, EvasionResult)
    served, (texts, labels) = OnnxModel((tmp_path / "m.onnx").read_bytes(), "m"), mails()
    examples = cast("Sequence[dict[str, Any]]", result.facts["examples"])
    assert len(examples) == 3
    for one in examples:
        place = int(one["row_id"].removeprefix("mail-"))
        assert one["before"].strip("…") in texts[place] and one["label"] == labels[place]
        whole = texts[place].removesuffix(one["before"].strip("…")) + one["after"].strip("…")
        assert served.predict(np.array([whole], dtype=object)).label[0] == one["predicted"] != one["label"]


def test_a_model_that_goes_by_no_word_is_not_examined(tmp_path: Path) -> None:
    result = examined(tmp_path, weight=0.0)
    assert isinstance(result, EvasionResult)
    verdicts = {check.name: check.verdict for check in result.checks}
    assert verdicts["words 0.15: unbounded attack wins"] is Verdict.NOT_CHECKED


def test_answers_that_are_no_numbers_fail(tmp_path: Path) -> None:
    result = examined(tmp_path, weight=float("nan"))
    assert isinstance(result, Check) and result.verdict is Verdict.FAILED and "no probabilities" in result.detail


def test_a_model_that_takes_no_texts_is_told_as_not_checked(tmp_path: Path) -> None:
    served = write_linear(tmp_path / "m.onnx", np.ones(6), 0.0, (6,))
    rows = Rows(np.zeros((4, 6), np.float32), np.zeros(4, np.int64), tuple("abcd"))
    result = examine_words(THREAT, case_of(served, rows, tmp_path))
    assert isinstance(result, Check) and result.verdict is Verdict.NOT_CHECKED
    assert "tensor(float), no texts" in result.detail and result.name == "words 0.15: examined"


def test_long_texts_are_shown_around_the_edit_alone() -> None:
    shown = shortened("a " * 500 + "lottery" + " b" * 500, "a " * 500 + "lotery" + " b" * 500)
    before, after = str(shown["before"]), str(shown["after"])
    assert "lottery" in before and "lotery" in after and max(len(before), len(after)) <= 202
    assert before.startswith("…") and before.endswith("…")
