"""What is opened is what ONNX Runtime runs; files that are something else are refused with what to mend."""

import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from assay.errors import IntegrityError, SpecError
from tasks.foreign import onnx_plan
from tasks.foreign.foreign_model import ForeignModel, open_foreign
from tests.tasks.foreign.graphs import model_of

WEIGHTS = np.random.default_rng(3).standard_normal((4, 3)).astype(np.float32)
DENSE = helper.make_node("MatMul", ["x", "w"], ["z"], name="dense")


@pytest.fixture
def opened(tmp_path: Path) -> Callable[[onnx.ModelProto | bytes], ForeignModel]:
    def open_it(model: onnx.ModelProto | bytes) -> ForeignModel:
        path = tmp_path / "model.bin"
        path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
        return open_foreign(path)

    return open_it


Opened = Callable[[Any], ForeignModel]


def classifier(*ends: onnx.NodeProto, weights: Any = WEIGHTS, **rest: Any) -> onnx.ModelProto:
    held = rest.pop("held", {})
    return model_of([DENSE, *ends], weights={"w": weights, **held}, **rest)


def test_plain_logits_are_opened_with_shape_classes_and_digest(opened: Opened, tmp_path: Path) -> None:
    model = opened(classifier(outputs=["z"]))
    assert (model.name, model.input_shape, model.input_type, model.classes) == ("model.bin", (4,), "float32", 3)
    assert model.sha256 == hashlib.sha256((tmp_path / "model.bin").read_bytes()).hexdigest()
    rows = np.random.default_rng(0).standard_normal((300, 4)).astype(np.float32)
    np.testing.assert_allclose(model.query(rows), rows @ WEIGHTS, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "ends",
    [
        [helper.make_node("Softmax", ["z"], ["y"])],
        [helper.make_node("LogSoftmax", ["z"], ["y"], axis=1)],
        [helper.make_node("Softmax", ["z"], ["p"]), helper.make_node("Identity", ["p"], ["y"])],
        [
            helper.make_node("Unsqueeze", ["z", "axis"], ["wide"]),
            helper.make_node("Softmax", ["wide"], ["p"], axis=1),
            helper.make_node("Cast", ["p"], ["c"], to=1),
            helper.make_node("Reshape", ["c", "shape"], ["y"]),
        ],
    ],
    ids=["softmax", "log-softmax", "identity", "cast-reshape"],
)
def test_softmax_at_the_end_gives_way_to_its_logits(ends: list[onnx.NodeProto], opened: Opened) -> None:
    held = {"axis": np.array([2], np.int64), "shape": np.array([-1, 3], np.int64)} if len(ends) > 2 else {}
    model = opened(classifier(*ends, held=held))
    rows = 100 * np.ones((2, 4), np.float32)  # probabilities would be 0 and 1 here, without a gradient
    np.testing.assert_allclose(model.query(rows), rows @ WEIGHTS, rtol=1e-5)
    np.testing.assert_allclose(model.module(torch.from_numpy(rows)).numpy(), rows @ WEIGHTS, rtol=1e-5)


def test_sigmoid_over_one_column_becomes_two_logits(opened: Opened) -> None:
    model = opened(classifier(helper.make_node("Sigmoid", ["z"], ["y"]), weights=WEIGHTS[:, :1]))
    rows = np.ones((2, 4), np.float32)
    expected = np.concatenate([np.zeros((2, 1), np.float32), rows @ WEIGHTS[:, :1]], 1)
    assert model.classes == 2
    np.testing.assert_allclose(model.query(rows), expected, rtol=1e-5)
    np.testing.assert_allclose(model.module(torch.from_numpy(rows)).numpy(), expected, rtol=1e-5)


def test_probabilities_without_logits_become_their_logarithm(opened: Opened) -> None:
    ends = [
        helper.make_node("Softplus", ["z"], ["positive"]),
        helper.make_node("ReduceSum", ["positive", "axis"], ["total"]),
        helper.make_node("Div", ["positive", "total"], ["y"]),
    ]
    model = opened(classifier(*ends, held={"axis": np.array([1], np.int64)}))
    rows = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)
    positive = np.log1p(np.exp(rows @ WEIGHTS))
    expected = np.log(positive / positive.sum(1, keepdims=True))
    np.testing.assert_allclose(model.query(rows), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.module(torch.from_numpy(rows)).numpy(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("kind", ["logistic", "network"])
@pytest.mark.parametrize("zipmap", [True, False])
def test_classifiers_of_scikit_learn_are_opened(kind: str, classes: int, zipmap: bool, opened: Opened) -> None:
    rows = np.random.default_rng(0).standard_normal((90, 4)).astype(np.float32)
    labels = np.arange(90) % classes
    rows[:, 0] += labels
    last = LogisticRegression() if kind == "logistic" else MLPClassifier((8,), max_iter=20)
    fitted = make_pipeline(StandardScaler(), last).fit(rows, labels)
    exported = to_onnx(fitted, rows[:1], options={"zipmap": zipmap}, target_opset={"": 18, "ai.onnx.ml": 3})
    model = opened(exported)
    probabilities = model.module(torch.from_numpy(rows)).softmax(1).numpy()
    np.testing.assert_allclose(probabilities, fitted.predict_proba(rows), atol=1e-4)


def test_whole_number_input_comes_as_float_and_is_rounded_for_the_query(opened: Opened) -> None:
    nodes = [helper.make_node("Cast", ["x"], ["f"], to=1), helper.make_node("MatMul", ["f", "w"], ["y"])]
    model = opened(model_of(nodes, weights={"w": WEIGHTS}, kind=TensorProto.UINT8))
    rows = torch.tensor([[1.0, 2.0, 255.0, 0.0]], requires_grad=True)
    assert model.input_type == "uint8"
    np.testing.assert_allclose(model.query(rows.detach().numpy() + 0.3), model.module(rows).detach().numpy(), rtol=1e-5)
    assert torch.autograd.grad(model.module(rows)[0, 1], rows)[0].tolist() == [pytest.approx(WEIGHTS[:, 1].tolist())]


@pytest.mark.parametrize("kind", [TensorProto.DOUBLE, TensorProto.FLOAT16])
def test_other_precisions_are_computed_in_and_answered_in_float32(kind: int, opened: Opened) -> None:
    precision = np.float64 if kind == TensorProto.DOUBLE else np.float16
    ends = helper.make_node("Cast", ["z"], ["y"], to=1)
    model = opened(classifier(ends, weights=WEIGHTS.astype(precision), kind=kind))
    rows = torch.randn(3, 4, requires_grad=True)
    scores = model.module(rows)
    assert scores.dtype is torch.float32 and torch.autograd.grad(scores.sum(), rows)[0].dtype is torch.float32


def test_quantised_network_is_opened_and_its_gradient_is_zero(opened: Opened) -> None:
    held = {"s": np.array(0.05, np.float32), "q": np.array(0, np.int8)}
    ends = [
        helper.make_node("QuantizeLinear", ["z", "s", "q"], ["i"]),
        helper.make_node("DequantizeLinear", ["i", "s", "q"], ["y"]),
    ]
    model = opened(classifier(*ends, held=held))
    rows = torch.randn(3, 4, requires_grad=True)
    assert not torch.autograd.grad(model.module(rows).sum(), rows)[0].any()


def test_module_that_reads_the_graph_otherwise_is_an_integrity_error(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(onnx_plan.OPERATORS, "MatMul", lambda node: lambda a, b: a @ (b * 1.01))
    with pytest.raises(IntegrityError, match="differs from the model's own answers"):
        opened(classifier(outputs=["z"]))


def test_pickle_is_refused_unread(opened: Opened) -> None:
    with pytest.raises(SpecError, match="found a pickle, which runs code"):
        opened(pickle.dumps({"w": [1, 2]}))


@pytest.mark.parametrize("data", [b"", b"\x89HDF\r\n", b"GIF89a" * 50, b"PK\x03\x04 cut off"])
def test_file_that_is_no_model_is_refused(data: bytes, opened: Opened) -> None:
    with pytest.raises(SpecError, match="expected"):
        opened(data)


def test_foreign_operator_is_refused(opened: Opened) -> None:
    model = classifier(helper.make_node("Run", ["z"], ["y"], domain="evil.example"))
    model.opset_import.append(helper.make_opsetid("evil.example", 1))
    with pytest.raises(SpecError, match=r"evil\.example:Run"):
        opened(model)


def test_contributed_operator_of_a_known_name_is_not_taken_for_the_standard_one(opened: Opened) -> None:
    model = classifier(helper.make_node("Gelu", ["z"], ["y"], domain="com.microsoft"))
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3]))
    with pytest.raises(SpecError, match=r"found com\.microsoft:Gelu"):
        opened(model)


def test_weights_in_another_file_are_refused(opened: Opened) -> None:
    model = classifier(outputs=["z"])
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../etc/passwd")
    with pytest.raises(SpecError, match=r"outside the f.*external_data=False"):
        opened(model)


def test_function_that_hides_nodes_is_refused(opened: Opened) -> None:
    model = classifier(outputs=["z"])
    body = [helper.make_node("Relu", ["a"], ["b"])]
    model.functions.append(helper.make_function("", "MyOwn", ["a"], ["b"], body, [helper.make_opsetid("", 20)]))
    with pytest.raises(SpecError, match="found functions MyOwn"):
        opened(model)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_named(bad: float, opened: Opened) -> None:
    weights = WEIGHTS.copy()
    weights[1, 1] = bad
    with pytest.raises(SpecError, match="tensor `w`: expected finite numbers"):
        opened(classifier(outputs=["z"], weights=weights))


def test_mask_of_minus_infinity_is_no_broken_weight(opened: Opened) -> None:
    held = {"mask": np.triu(np.full((3, 3), -np.inf, np.float32), 1), "at": np.array(2, np.int64)}
    ends = [
        helper.make_node("Gather", ["mask", "at"], ["line"]),
        helper.make_node("Add", ["z", "line"], ["y"]),
    ]
    assert opened(classifier(*ends, held=held)).classes == 3


@pytest.mark.parametrize(
    ("shape", "match"),
    [
        ((2, 4), "expected a free batch axis, found it fixed at 2"),
        (("n", "m"), r"expected only axis 0 free, found axes \[1\] free as well"),
        (("n",), "expected rows and at least one more axis"),
    ],
)
def test_axes_of_the_input_are_named_when_they_do_not_fit(shape: tuple[Any, ...], match: str, opened: Opened) -> None:
    with pytest.raises(SpecError, match=match):
        opened(
            classifier(outputs=["z"], shape=shape)
            if len(shape) > 1
            else model_of([helper.make_node("Relu", ["x"], ["y"])], shape=shape)
        )


def test_free_batch_axis_that_is_fixed_inside_is_refused(opened: Opened) -> None:
    reshape = helper.make_node("Reshape", ["z", "shape"], ["y"])
    with pytest.raises(SpecError, match="free batch axis"):
        opened(classifier(reshape, held={"shape": np.array([2, 3], np.int64)}))


@pytest.mark.parametrize("columns", [1, 0])
def test_scores_of_fewer_than_two_classes_are_refused(columns: int, opened: Opened) -> None:
    with pytest.raises(SpecError, match=r"scores of shape|expected"):
        opened(classifier(outputs=["z"], weights=WEIGHTS[:, :columns]))


def test_scores_of_three_axes_are_refused(opened: Opened) -> None:
    unsqueeze = helper.make_node("Unsqueeze", ["z", "axis"], ["y"])
    with pytest.raises(SpecError, match=r"scores of shape \(rows, classes\)"):
        opened(classifier(unsqueeze, held={"axis": np.array([1], np.int64)}))


def test_two_outputs_of_floats_are_refused_unless_one_is_named_for_scores(opened: Opened) -> None:
    with pytest.raises(SpecError, match="expected one output of class scores"):
        opened(classifier(helper.make_node("Relu", ["z"], ["y"]), outputs=["z", "y"]))
    softmax = helper.make_node("Softmax", ["z"], ["probabilities"])
    assert (
        opened(classifier(softmax, helper.make_node("Relu", ["z"], ["y"]), outputs=["probabilities", "y"])).classes == 3
    )


def test_tokens_have_no_gradient_and_are_refused(opened: Opened) -> None:
    nodes = [
        helper.make_node("Gather", ["w", "x"], ["e"], name="embedding"),
        helper.make_node("ReduceMean", ["e", "axis"], ["y"], keepdims=0),
    ]
    weights = {"w": np.zeros((300, 3), np.float32), "axis": np.array([1], np.int64)}
    with pytest.raises(SpecError, match=r"`embedding`.*rows that are places in a table"):
        opened(model_of(nodes, weights=weights, kind=TensorProto.INT64))


def test_cast_that_ends_the_gradient_is_refused(opened: Opened) -> None:
    ends = [helper.make_node("Cast", ["z"], ["i"], to=6), helper.make_node("Cast", ["i"], ["y"], to=1)]
    with pytest.raises(SpecError, match="expected scores with a gradient"):
        opened(classifier(*ends))


def test_old_operator_set_is_refused(opened: Opened) -> None:
    with pytest.raises(SpecError, match="expected operator set 7 or later, found 6"):
        opened(classifier(outputs=["z"], opset=6))


def test_query_refuses_rows_of_another_shape(opened: Opened) -> None:
    with pytest.raises(SpecError, match="ONNX Runtime refuses rows"):
        opened(classifier(outputs=["z"])).query(np.zeros((2, 5), np.float32))
