"""Models with one fault each are caught, and sound ones pass."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.inference import OnnxModel
from assay.records import Check, Verdict
from assay.text_onnx import export_text_classifier
from tasks.examination.case import ModelCase
from tasks.examination.stress import examine_stress
from tasks.stress.apart import Limits, ask_apart
from tasks.stress.broken import FAULTS, write_broken
from tasks.stress.judge import judge

Case = Callable[[Path, np.ndarray, int], ModelCase]
Writer = Callable[..., Path]

WEIGHTS = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
ROWS = np.random.default_rng(1).uniform(0, 1, (40, 6)).astype(np.float32)
BOUNDED = {"weights": WEIGHTS, "low": np.array(0, np.float32), "high": np.array(1, np.float32)}
LINEAR: list[Any] = [
    ("Clip", ["input", "low", "high"], ["bounded"], {}),
    ("MatMul", ["bounded", "weights"], ["logits"], {}),
]


def by_name(checks: tuple[Check, ...]) -> dict[str, Check]:
    return {check.name.removeprefix("stress: "): check for check in checks}


def test_a_sound_model_passes_and_its_speed_and_memory_are_told(case_of: Case, write_model: Writer) -> None:
    found = examine_stress(case_of(write_model(LINEAR, BOUNDED), ROWS, 2))
    assert {check.verdict for check in found.checks} == {Verdict.PASSED}, found.checks
    facts: Any = found.facts
    assert [told["batch"] for told in facts["speed"]] == [1, 8, 64, 256]
    assert all(0 < told["p50_ms"] <= told["p95_ms"] <= told["p99_ms"] for told in facts["speed"])
    assert set(facts["canaries"].values()) == {"seen"} and set(facts["canaries"]) == set(FAULTS)
    assert facts["values"]["NaN everywhere"] == "answers NaN" and 0 < found.metrics["nan_answer_rate"] < 1
    assert facts["peak_memory_mb"] >= max(told["memory_mb"] for told in facts["speed"]) > 0
    assert "refuse such rows" in by_name(found.checks)["values"].detail
    assert facts["shapes"]["an axis too many"].startswith("refused")


def test_a_model_that_overflows_on_finite_rows_fails(case_of: Case, write_model: Writer) -> None:
    constants = {"weights": np.full((6, 2), 1e3, np.float32) * np.array([1, -1], np.float32)}
    file = write_model([("MatMul", ["input", "weights"], ["logits"], {})], constants)
    checks = by_name(examine_stress(case_of(file, ROWS, 2)).checks)
    assert checks["values"].verdict is Verdict.FAILED and "float max" in checks["values"].detail
    assert checks["shapes"].verdict is Verdict.PASSED


def test_a_row_that_poisons_its_neighbours_fails(case_of: Case, write_model: Writer) -> None:
    nodes = [
        *LINEAR[:1],
        ("ReduceMean", ["bounded", "rows"], ["mean"], {"keepdims": 1}),
        ("Sub", ["bounded", "mean"], ["centred"], {}),
        ("MatMul", ["centred", "weights"], ["logits"], {}),
    ]
    found = examine_stress(case_of(write_model(nodes, BOUNDED | {"rows": np.array([0], np.int64)}), ROWS, 2))
    check = by_name(found.checks)["alike"]
    assert check.verdict is Verdict.FAILED and "beside NaN" in check.detail and "alone" in check.detail
    assert check.measured is not None and check.measured > 0.01


def test_a_broken_batch_that_is_answered_with_other_rows_fails(case_of: Case, write_model: Writer) -> None:
    nodes = [("Reshape", ["input", "six"], ["bounded"], {}), ("MatMul", ["bounded", "weights"], ["logits"], {})]
    file = write_model(nodes, {"weights": WEIGHTS, "six": np.array([-1, 6], np.int64)}, free_width=True)
    check = by_name(examine_stress(case_of(file, ROWS, 2)).checks)["shapes"]
    assert check.verdict is Verdict.FAILED and "twice as wide: 4 rows answered by labels [8]" in check.detail


def test_a_model_that_never_answers_is_ended_and_told(case_of: Case, write_model: Writer) -> None:
    """A row of huge values makes it compute for hours; others answer at once."""
    from onnx import TensorProto, helper

    turns = [
        helper.make_node("Identity", ["going"], ["still"]),
        helper.make_node("Sin", ["carried"], ["next"]),
    ]
    body = helper.make_graph(
        turns, "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("carried", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, None),
        ],
    )  # fmt: skip
    nodes = [
        *LINEAR,
        ("ReduceMax", ["input"], ["most"], {"keepdims": 0}),
        ("Clip", ["most", "low", "limit"], ["count32"], {}),
        ("Cast", ["count32"], ["count"], {"to": TensorProto.INT64}),
        ("Loop", ["count", "", "most"], ["last"], {"body": body}),
        ("Mul", ["last", "low"], ["nothing"], {}),
    ]
    ends = [("Add", ["first", "nothing"], ["logits"], {})]
    nodes[1] = ("MatMul", ["bounded", "weights"], ["first"], {})
    file = write_model([*nodes, *ends], BOUNDED | {"limit": np.array(1e15, np.float32)})
    answers = ask_apart({"m": file}, {"m": ["values"]}, ROWS, file.parent, Limits(question_seconds=1, seconds=30))
    outcomes = answers.of("m", "values")
    assert outcomes["1e30 everywhere"] == {"died": "no answer in the time allowed"}
    assert outcomes["zeros"]["sound"] is True
    assert any(fault.startswith("1e30 everywhere") for fault in judge("values", outcomes, 2).faults)
    assert answers.missing and answers.problem == "too many questions ended the process"


def test_a_model_that_takes_all_memory_is_refused_by_the_system(write_model: Writer) -> None:
    nodes = [
        *LINEAR[:1],
        ("MatMul", ["bounded", "weights"], ["first"], {}),
        ("ReduceMax", ["input"], ["most"], {"keepdims": 0}),
        ("Expand", ["most", "vast"], ["waste"], {}),
        ("ReduceMin", ["waste"], ["least"], {"keepdims": 0}),
        ("Mul", ["least", "low"], ["nothing"], {}),
        ("Add", ["first", "nothing"], ["logits"], {}),
    ]
    file = write_model(nodes, BOUNDED | {"vast": np.array([1 << 28], np.int64)})
    answers = ask_apart({"m": file}, {"m": ["alike"]}, ROWS, file.parent, Limits(bytes=256 << 20))
    outcomes = answers.of("m", "alike")
    assert "exhausted" in outcomes["alone"]
    assert any(fault.startswith("alone") for fault in judge("alike", outcomes, 2).faults)


def test_the_question_that_ends_the_process_is_named_and_the_others_are_asked(tmp_path: Path) -> None:
    """A file that cannot be opened refuses each question; none is lost."""
    (tmp_path / "m.onnx").write_bytes(b"no model")
    answers = ask_apart({"m": tmp_path / "m.onnx"}, {"m": ["speed"]}, ROWS, tmp_path)
    assert all("refused" in told for told in answers.outcomes.values()) and len(answers.outcomes) == 4
    assert len(judge("speed", answers.of("m", "speed"), 2).faults) == 4


def test_questions_that_there_was_no_time_for_are_not_passed(case_of: Case, write_model: Writer) -> None:
    found = examine_stress(case_of(write_model(LINEAR, BOUNDED), ROWS, 2), Limits(seconds=0))
    assert {check.verdict for check in found.checks} == {Verdict.NOT_CHECKED}


def test_a_blind_probe_is_not_checked(case_of: Case, write_model: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Canaries that are sound models must be told as missed."""
    file = write_model(LINEAR, BOUNDED)
    monkeypatch.setattr("tasks.examination.stress.write_broken", lambda shape, folder: dict.fromkeys(FAULTS, file))
    found = examine_stress(case_of(file, ROWS, 2))
    assert {check.verdict for check in found.checks} == {Verdict.NOT_CHECKED}


def test_texts_are_asked_too(case_of: Case, tmp_path: Path) -> None:
    words = ["buy", "cheap", "meeting", "noon"]
    weights = np.array([[-1, 1], [-1, 1], [1, -1], [1, -1]], np.float32) * 3
    path = tmp_path / "texts.onnx"
    export_text_classifier(path, words, idf=np.ones(4, np.float32), weights=weights, bias=np.zeros(2, np.float32))
    texts = np.array(["buy cheap", "meeting at noon", "cheap", "noon"] * 5, dtype=object)
    found = examine_stress(case_of(path, texts, 2))
    assert {check.verdict for check in found.checks} == {Verdict.PASSED}, found.checks
    facts: Any = found.facts
    assert facts["values"]["1 MB of words"] == "answers" and facts["values"]["lone surrogate"].startswith("refused")
    assert facts["values"]["behind NUL"] == "hides nothing"


@pytest.mark.parametrize("kind", ["tensor(float)", "tensor(uint8)", "tensor(int64)", "tensor(double)"])
def test_canaries_take_the_rows_of_the_model(kind: str, tmp_path: Path) -> None:
    from assay.inference import TensorShape

    for file in write_broken(TensorShape(kind, (-1, 3, 2)), tmp_path).values():
        rows = np.ones((4, 3, 2), {"tensor(float)": "f4", "tensor(double)": "f8"}.get(kind, kind[7:-1]))
        assert OnnxModel(file.read_bytes(), "canary").predict(rows).probabilities.shape[1] == 2
