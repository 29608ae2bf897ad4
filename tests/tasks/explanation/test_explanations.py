"""What a model rests on is found, shortcuts are noted, and models that rest on other inputs are told apart."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from assay.inference import OnnxModel
from assay.records import Verdict
from assay.sdk import GradientModel, Rows, TrainableModel, TrainingContext
from assay.text_onnx import export_text_classifier
from assay.torch_predict import predict_probabilities
from tasks.examination.case import ModelCase
from tasks.examination.explanations import examine_explanations
from tasks.explanation.explained import Explained
from tasks.explanation.similarity import attribution_similarity

Case = Callable[..., ModelCase]

GENERATOR = np.random.default_rng(0)
TABLE = GENERATOR.uniform(0, 1, (120, 5)).astype(np.float32)
IMAGES = GENERATOR.uniform(0, 1, (80, 8, 8)).astype(np.float32)
NAMES = ("age", "hours", "gain", "loss", "children")


class Behind(TrainableModel):
    """A linear module that is known by its answers alone."""

    def __init__(self, module: torch.nn.Module, shape: tuple[int, ...]) -> None:
        self.module, self.shape = module.eval(), shape

    def train_function(self, train: Rows, context: TrainingContext) -> None: ...

    def save_function(self, folder: Path) -> None: ...

    def load_function(self, folder: Path) -> None: ...

    def predict_function(self, inputs: np.ndarray) -> np.ndarray:
        return predict_probabilities(self.module, inputs[:, None] if len(self.shape) == 2 else inputs)

    def export_function(self, path: Path) -> None:
        layer: Any = self.module[1]  # type: ignore[index]
        nodes = [
            helper.make_node("Flatten", ["input"], ["flat"], axis=1),
            helper.make_node("Gemm", ["flat", "weights", "bias"], ["logits"], transB=1),
            helper.make_node("ArgMax", ["logits"], ["label"], axis=1, keepdims=0),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        ]
        graph = helper.make_graph(
            nodes,
            "linear",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["rows", *self.shape])],
            [
                helper.make_tensor_value_info("label", TensorProto.INT64, ["rows"]),
                helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["rows", 2]),
            ],
            [
                numpy_helper.from_array(layer.weight.detach().numpy(), "weights"),
                numpy_helper.from_array(layer.bias.detach().numpy(), "bias"),
            ],
        )
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)


class Open(Behind, GradientModel):
    """The same with its gradients."""

    def module_function(self) -> torch.nn.Module:
        return self.module

    def to_model_space(self, inputs: np.ndarray) -> np.ndarray:
        return inputs[:, None] if len(self.shape) == 2 else inputs


def linear(weights: np.ndarray) -> torch.nn.Module:
    """(features,) -> two logits that rise and fall with weights @ (row - 0.5)."""
    layer = torch.nn.Linear(len(weights), 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(np.stack([-weights, weights]), dtype=torch.float32))
        layer.bias.copy_(-layer.weight.sum(1) / 2)
    return torch.nn.Sequential(torch.nn.Flatten(), layer)


TWO_COLUMNS = np.array([3.0, 0, 0, 2.0, 0.2])
TOP_LEFT = np.zeros((8, 8))
TOP_LEFT[:3, :3] = GENERATOR.normal(0, 3, (3, 3))


def table() -> pa.Table:
    return pa.table({name: TABLE[:, at] for at, name in enumerate(NAMES)} | {"sex": ["f"] * 120})


@pytest.mark.parametrize("kind", [Behind, Open])
def test_columns_are_named_by_importance(case_of: Case, kind: type[Behind]) -> None:
    found = examine_explanations(case_of(kind(linear(TWO_COLUMNS), (5,)), TABLE, table()))
    assert {check.verdict for check in found.checks} == {Verdict.PASSED}, found.checks
    facts: Any = found.facts
    assert [column["feature"] for column in facts["columns"][:3]] == ["age", "loss", "children"]
    assert facts["columns"][0]["importance"] == pytest.approx(3 / 5.2, abs=0.08)
    assert all(low <= one["importance"] <= high for one in facts["columns"] for low, high in [one["interval"]])
    assert facts["concentration"]["note"] == "" and set(facts["by_class"]) == {"0", "1"}
    assert facts["by_class"]["1"]["age"] > 0
    assert facts["method"] == ("integrated gradients" if kind is Open else "sampled Shapley values")


def test_a_model_that_rests_on_one_column_is_noted_as_a_shortcut(case_of: Case) -> None:
    found = examine_explanations(case_of(Behind(linear(np.array([0.1, 4.0, 0.1, 0, 0])), (5,)), TABLE, table()))
    facts: Any = found.facts
    assert facts["concentration"]["input"] == "hours" and "shortcut" in facts["concentration"]["note"]
    assert found.metrics["attribution_concentration"] > 0.9


def test_other_columns_than_the_dataset_has_are_numbered(case_of: Case) -> None:
    columns = pa.table({"age": TABLE[:, 3], "words": ["x"] * 120})
    found = examine_explanations(case_of(Behind(linear(TWO_COLUMNS), (5,)), TABLE, columns))
    facts: Any = found.facts
    assert [column["feature"] for column in facts["columns"][:2]] == ["input 0", "age"]


@pytest.mark.parametrize("kind", [Behind, Open])
def test_the_region_of_an_image_is_found(case_of: Case, kind: type[Behind]) -> None:
    found = examine_explanations(case_of(kind(linear(TOP_LEFT.reshape(-1)), (8, 8)), IMAGES))
    assert {check.verdict for check in found.checks} == {Verdict.PASSED}, found.checks
    facts: Any = found.facts
    assert sum(sum(row[:4]) for row in facts["map"][:4]) > 0.95
    assert facts["regions"][0]["rows"][0] <= 2 and facts["regions"][0]["columns"][0] <= 2
    assert len(json.dumps(facts)) < 30_000


def test_a_blind_explainer_is_not_checked(case_of: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attributions at random: each sanity check but the halves must notice."""

    def guess(module: torch.nn.Module, path: Any) -> Explained:
        values = np.random.default_rng(7).normal(size=(len(path.inputs), path.inputs[0].size))
        ones = np.ones(len(values))
        return Explained(values, path.targets, values != 0, lambda taken: ones, ones)

    monkeypatch.setattr("tasks.examination.explanations.integrate_gradients", guess)
    found = examine_explanations(case_of(Open(linear(TWO_COLUMNS), (5,)), TABLE, table()))
    named = {check.name.removeprefix("explanations: "): check.verdict for check in found.checks}
    blind = ("sees a known model", "adds up", "follows the weights", "deletion")
    assert {named[name] for name in blind} == {Verdict.NOT_CHECKED}


def test_too_few_rows_are_not_checked(case_of: Case) -> None:
    found = examine_explanations(case_of(Open(linear(TWO_COLUMNS), (5,)), TABLE, samples=5))
    assert [check.verdict for check in found.checks] == [Verdict.NOT_CHECKED]


def served(model: Behind, path: Path) -> OnnxModel:
    model.export_function(path)
    return OnnxModel(path.read_bytes(), path.name)


def test_models_that_rest_on_other_inputs_are_told_apart(case_of: Case, tmp_path: Path) -> None:
    ours = Behind(linear(TWO_COLUMNS), (5,))
    same = served(Behind(linear(TWO_COLUMNS * 1.5), (5,)), tmp_path / "same.onnx")
    other = served(Behind(linear(TWO_COLUMNS[::-1].copy()), (5,)), tmp_path / "other.onnx")
    case = case_of(ours, TABLE, table())
    alike, apart = examine_explanations(case, same), examine_explanations(case, other)
    assert alike.metrics["attribution_similarity"] > 0.95
    assert apart.metrics["attribution_similarity"] < 0.6
    told: Any = apart.facts
    assert set(told["champion"]["moved"]) >= {"age", "children"} and told["champion"]["rank_correlation"] < 0.5


def test_a_champion_of_other_inputs_cannot_be_compared(tmp_path: Path) -> None:
    ours = served(Behind(linear(TWO_COLUMNS), (5,)), tmp_path / "five.onnx")
    champion = served(Behind(linear(TWO_COLUMNS[:4]), (4,)), tmp_path / "four.onnx")
    assert "other inputs" in attribution_similarity(ours, champion, TABLE).problem


WORDS = ("buy", "cheap", "friend", "meeting", "noon", "pills", "see", "the")


class Texts(TrainableModel):
    """Words with a weight each, for two classes."""

    def __init__(self, weights: list[float], path: Path) -> None:
        self.weights = np.array(weights, np.float32)
        self.export_function(path)
        self.served = OnnxModel(path.read_bytes(), "texts")

    def train_function(self, train: Rows, context: TrainingContext) -> None: ...

    def save_function(self, folder: Path) -> None: ...

    def load_function(self, folder: Path) -> None: ...

    def predict_function(self, inputs: np.ndarray) -> np.ndarray:
        return self.served.predict(inputs).probabilities

    def export_function(self, path: Path) -> None:
        weights = np.stack([-self.weights, self.weights], axis=1)
        export_text_classifier(path, WORDS, idf=np.ones(8, np.float32), weights=weights, bias=np.zeros(2, np.float32))


def test_the_words_that_speak_for_each_class_are_told(case_of: Case, tmp_path: Path) -> None:
    drawn = np.random.default_rng(3)
    texts = np.array([" ".join(drawn.choice(WORDS, 4, replace=False)) for _ in range(80)], dtype=object)
    model = Texts([1, 3, -2, -3, -1, 3, 0, 0], tmp_path / "ours.onnx")
    case = case_of(model, texts, samples=80)
    champion = Texts([3, 0, -1, 0, -3, 0, 3, 0], tmp_path / "champion.onnx").served
    found = examine_explanations(case, champion)
    assert {check.verdict for check in found.checks} == {Verdict.PASSED}, found.checks
    facts: Any = found.facts
    assert {one["word"] for one in facts["words"]["1"][:2]} == {"cheap", "pills"}
    assert facts["words"]["0"][0]["word"] == "meeting" and "the" not in str(facts["words"])
    assert found.metrics["attribution_similarity"] < 0.6
    assert attribution_similarity(case.served, case.served, texts).overlap == pytest.approx(1.0)
