"""A served model of a table is examined end to end; fixed columns are kept by name, or nothing is claimed."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest
from onnx import TensorProto, helper, numpy_helper

from assay.bundle import ModelBundle
from assay.inference import OnnxModel
from assay.records import Check, Verdict
from assay.sdk import Rows
from assay.spec import FeatureThreat
from assay.store import Store
from tasks.examination.case import ModelCase
from tasks.examination.evasion import EvasionResult
from tasks.examination.feature_evasion import examine_features
from tests.tasks.model_story import make_spec

THREAT = FeatureThreat(norm="features", epsilon=0.2, most=1, queries=200, samples=50)
NAMES = ("age", "hours", "plan")


def people() -> np.ndarray:
    generator = np.random.default_rng(0)
    ages, hours = generator.integers(18, 80, 200), generator.integers(0, 101, 200)
    return np.column_stack([ages, hours, generator.integers(0, 3, 200)]).astype(np.float32)


def write_linear(path: Path, slope: np.ndarray, bias: float, dims: tuple[int, ...]) -> OnnxModel:
    """Class 1 where `slope` times the flattened row is above -bias."""
    weights = np.stack([-slope, slope], axis=1).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["input"], ["flat"]),
            helper.make_node("Gemm", ["flat", "weights", "bias"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
            helper.make_node("ArgMax", ["logits"], ["label"], axis=1, keepdims=0),
        ],
        "linear",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["rows", *dims])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, ["rows"]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["rows", 2]),
        ],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(np.array([-bias, bias], np.float32), "bias"),
        ],
    )
    onnx = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    path.write_bytes(onnx.SerializeToString())
    return OnnxModel(path.read_bytes(), "m")


def case_of(path: Path, weights: dict[str, float], **changed: Any) -> ModelCase:
    """A linear model of the named columns, which parts the rows in the middle."""
    inputs = people()
    slope = np.array([weights.get(name, 0.0) for name in NAMES])
    middle = float(np.median(inputs @ slope)) + 0.3
    served = write_linear(path / "m.onnx", slope, -middle, (3,))
    rows = Rows(inputs, served.predict(inputs).label, tuple(f"person-{at}" for at in range(200)))
    columns = {name: inputs[:, at].astype(int) for at, name in enumerate(NAMES)}
    given = {
        "spec": make_spec(),
        "bundle": ModelBundle("m", "onnx", (), facts={"classes": 2}),
        "file": path / "m.onnx",
        "served": served,
        "rows": {"holdout": rows},
        "predicted": {"holdout": rows.labels},
        "columns": pa.table({**columns, "town": [f"t{at % 9}" for at in range(200)]}),
        "candidate": lambda: pytest.fail("the served file suffices"),
        "training": lambda: rows,
        "store": cast("Store", None),
        "workdir": path,
        "say": lambda _: None,
    }
    return ModelCase(**{**given, **changed})


def test_rows_within_reach_fall_and_everything_about_it_is_told(tmp_path: Path) -> None:
    case = case_of(tmp_path, {"hours": 1.0})
    result = examine_features(THREAT, case)
    assert isinstance(result, EvasionResult) and {check.verdict for check in result.checks} == {Verdict.PASSED}
    facts = cast("dict[str, Any]", result.facts)
    assert 0.4 < result.robust_accuracy < 0.75 and result.samples == 50 and facts["clean_accuracy"] == 1
    curve = [point["robust_accuracy"] for point in facts["curve"]]
    assert curve == sorted(curve, reverse=True) and curve[0] == 1 and curve[-1] == result.robust_accuracy
    assert facts["attributes"] == 3 and facts["fixed_inputs"] == [] and facts["mean_changes"] == 1
    example = facts["examples"][0]
    assert example["before"].startswith("hours ") and example["after"].startswith("hours ")
    assert example["inputs"] == [1] and example["predicted"] != example["label"]
    assert example["row_id"] in case.rows["holdout"].row_ids


def test_a_model_of_a_fixed_column_stands(tmp_path: Path) -> None:
    result = examine_features(THREAT.model_copy(update={"fixed": ["age"]}), case_of(tmp_path, {"age": 1.0}))
    assert isinstance(result, EvasionResult) and result.robust_accuracy == 1
    assert {check.verdict for check in result.checks} == {Verdict.PASSED} and result.facts["fixed_inputs"] == [0]


def test_training_rows_widen_the_ranges(tmp_path: Path) -> None:
    case = case_of(tmp_path, {"hours": 1.0})
    wider = people()
    wider[0, 1] = 1000
    narrow = examine_features(THREAT, case)
    wide = examine_features(THREAT, case_of(tmp_path, {"hours": 1.0}, training=lambda: Rows(wider, wider[:, 0], ())))
    assert isinstance(narrow, EvasionResult) and isinstance(wide, EvasionResult)
    assert wide.robust_accuracy < narrow.robust_accuracy


@pytest.mark.parametrize(
    ("fixed", "why"),
    [
        ("hour", "did you mean 'hours'"),
        ("town", "none of 3 inputs holds its values"),
    ],
)
def test_a_fixed_column_that_cannot_be_kept_is_told_as_not_checked(tmp_path: Path, fixed: str, why: str) -> None:
    result = examine_features(THREAT.model_copy(update={"fixed": [fixed]}), case_of(tmp_path, {"hours": 1.0}))
    assert isinstance(result, Check) and result.verdict is Verdict.NOT_CHECKED and why in result.detail


def test_with_every_column_fixed_nothing_is_checked(tmp_path: Path) -> None:
    result = examine_features(THREAT.model_copy(update={"fixed": list(NAMES)}), case_of(tmp_path, {"hours": 1.0}))
    assert isinstance(result, Check) and "no column is in the attacker's reach" in result.detail


def test_answers_that_are_no_numbers_fail(tmp_path: Path) -> None:
    result = examine_features(THREAT, case_of(tmp_path, {"hours": float("nan")}))
    assert isinstance(result, Check) and result.verdict is Verdict.FAILED and "no probabilities" in result.detail


def test_a_model_of_images_is_told_as_not_checked(tmp_path: Path) -> None:
    images = write_linear(tmp_path / "i.onnx", np.ones(16), -8.0, (1, 4, 4))
    result = examine_features(THREAT, case_of(tmp_path, {"hours": 1.0}, served=images))
    assert isinstance(result, Check) and result.verdict is Verdict.NOT_CHECKED and "no table" in result.detail
