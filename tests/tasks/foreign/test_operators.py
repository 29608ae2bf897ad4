"""Every operator answers as ONNX Runtime does, in all the forms that exporters write."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from onnx import helper

from tasks.foreign.onnx_module import OnnxModule
from tasks.foreign.query import open_query
from tests.tasks.foreign.graphs import model_of, scores_of


@dataclass(frozen=True)
class Case:
    """One node on `x` of `shape`; weights are its further inputs, None for one left out."""

    op: str
    shape: tuple[int, ...]
    weights: tuple[Any, ...] = ()
    attributes: dict[str, Any] = field(default_factory=dict)
    opset: int = 20
    x_at: int = 0
    outputs: tuple[str, ...] = ("y",)
    positive: bool = False
    domain: str = ""

    def __str__(self) -> str:
        told = ",".join(f"{key}={value}" for key, value in self.attributes.items())
        return f"{self.op}{self.opset}{self.shape}({told})"


def f32(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def i64(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def scalar(value: float) -> np.ndarray:
    return np.array(value, np.float32)


IMAGE, ROW, SEQUENCE = (3, 4, 9, 8), (5, 6), (3, 4, 7)
W, B = f32(6, 4, 3, 3), f32(6)
ONE = np.ones(1, np.float32)

PLAIN = "Abs Neg Exp Relu Sigmoid Tanh Softplus Softsign Erf Floor Ceil Round Sign HardSwish Mish Sin Cos Atan Identity"
CASES = [
    *[Case(op, ROW) for op in PLAIN.split()],
    *[Case(op, ROW, positive=True) for op in ("Sqrt", "Log", "Reciprocal")],
    *[Case(op, ROW, (f32(6),)) for op in ("Add", "Sub", "Mul", "Div", "Min", "Max", "Sum", "Mean", "PRelu")],
    *[Case(op, ROW, (f32(5, 1),), x_at=1) for op in ("Sub", "Div")],
    Case("Max", ROW, (f32(6), f32(1, 6, seed=3))),
    Case("Pow", ROW, (scalar(2),)),
    Case("Pow", ROW, (f32(6),), positive=True),
    Case("Pow", ROW, (np.array(3, np.int64),)),
    Case("Mod", ROW, (f32(6),), {"fmod": 1}),
    Case("LeakyRelu", ROW, attributes={"alpha": 0.2}),
    Case("Elu", ROW, attributes={"alpha": 0.7}),
    Case("Celu", ROW, attributes={"alpha": 0.7}),
    Case("Selu", ROW),
    Case("Gelu", ROW),
    Case("Gelu", ROW, attributes={"approximate": "tanh"}),
    Case("HardSigmoid", ROW, attributes={"alpha": 0.3}),
    Case("ThresholdedRelu", ROW, attributes={"alpha": 0.3}),
    Case("Clip", ROW, (scalar(-0.5), scalar(0.5))),
    Case("Clip", ROW, (None, scalar(0.5))),
    Case("Clip", ROW, attributes={"min": -0.5, "max": 0.5}, opset=10),
    Case("Clip", ROW),
    # Convolutions
    Case("Conv", IMAGE, (W, B)),
    Case("Conv", IMAGE, (W,), {"pads": [1, 1, 1, 1], "strides": [2, 2]}),
    Case("Conv", IMAGE, (W, B), {"pads": [0, 1, 2, 1], "dilations": [2, 1]}),
    *[
        Case("Conv", IMAGE, (W, B), {"auto_pad": pad, "strides": [2, 2]})
        for pad in ("SAME_UPPER", "SAME_LOWER", "VALID")
    ],
    Case("Conv", IMAGE, (f32(8, 1, 3, 3),), {"group": 4, "pads": [1, 1, 1, 1]}),
    Case("Conv", IMAGE, (f32(6, 2, 3, 3), B), {"group": 2}),
    Case("Conv", SEQUENCE, (f32(6, 4, 3), B), {"pads": [1, 1]}),
    Case("Conv", (2, 2, 5, 5, 5), (f32(3, 2, 2, 2, 2),)),
    Case("ConvTranspose", IMAGE, (f32(4, 6, 3, 3), B)),
    Case(
        "ConvTranspose", IMAGE, (f32(4, 6, 3, 3),), {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]}
    ),
    Case("ConvTranspose", IMAGE, (f32(4, 6, 3, 3), B), {"strides": [2, 2], "pads": [1, 0, 0, 1]}),
    Case("ConvTranspose", IMAGE, (f32(4, 6, 3, 3), B), {"strides": [2, 2], "auto_pad": "SAME_UPPER"}),
    Case("ConvTranspose", IMAGE, (f32(4, 6, 3, 3), B), {"strides": [2, 2], "output_shape": [19, 17]}),
    Case("ConvTranspose", IMAGE, (f32(4, 3, 3, 3),), {"group": 2, "dilations": [2, 2]}),
    # Pooling
    Case("MaxPool", IMAGE, attributes={"kernel_shape": [2, 2], "strides": [2, 2]}),
    Case("MaxPool", IMAGE, attributes={"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
    Case("MaxPool", IMAGE, attributes={"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}),
    Case("MaxPool", IMAGE, attributes={"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 0, 1, 1]}),
    Case("MaxPool", IMAGE, attributes={"kernel_shape": [2, 2], "dilations": [2, 2]}),
    Case("MaxPool", IMAGE, attributes={"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"}),
    Case("MaxPool", SEQUENCE, attributes={"kernel_shape": [3]}),
    Case("AveragePool", IMAGE, attributes={"kernel_shape": [2, 2], "strides": [2, 2]}),
    Case("AveragePool", IMAGE, attributes={"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
    Case("AveragePool", IMAGE, attributes={"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}),
    Case("AveragePool", IMAGE, attributes={"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}),
    Case("AveragePool", IMAGE, attributes={"kernel_shape": [3, 3], "pads": [0, 0, 1, 1]}),
    Case("AveragePool", IMAGE, attributes={"kernel_shape": [3, 3], "pads": [0, 0, 1, 1], "count_include_pad": 1}),
    Case("AveragePool", IMAGE, attributes={"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_LOWER"}),
    *[
        Case(op, IMAGE, attributes={"kernel_shape": [3, 3], "strides": [2, 2], "pads": pads, "ceil_mode": 1})
        for op in ("MaxPool", "AveragePool")
        for pads in ([1, 1, 1, 1], [0, 0, 1, 1], [1, 0, 2, 1])
    ],
    Case("ConvTranspose", IMAGE, (f32(4, 6, 1, 4), B), {"strides": [3, 3], "auto_pad": "SAME_UPPER"}),
    *[Case(op, shape) for op in ("GlobalAveragePool", "GlobalMaxPool") for shape in (IMAGE, SEQUENCE)],
    Case("LRN", IMAGE, attributes={"size": 3, "alpha": 0.1}),
    # Matrix products and normalisations
    Case("Gemm", ROW, (f32(6, 3), f32(3))),
    Case("Gemm", ROW, (f32(3, 6), f32(3)), {"transB": 1}),
    Case("Gemm", ROW, (f32(3, 6),), {"transB": 1}),
    Case("Gemm", ROW, (f32(3, 6), f32(3)), {"transB": 1, "alpha": 0.5, "beta": 2.0}),
    Case("Gemm", ROW, (f32(5, 3), f32(6, 1)), {"transA": 1}),
    Case("MatMul", ROW, (f32(6, 3),)),
    Case("MatMul", SEQUENCE, (f32(3, 7, 2),)),
    Case("Einsum", SEQUENCE, (f32(7, 2),), {"equation": "...ij,jk->...ik"}),
    Case("BatchNormalization", IMAGE, (f32(4), f32(4), f32(4), np.abs(f32(4))), {"epsilon": 1e-3}),
    Case("InstanceNormalization", IMAGE, (f32(4), f32(4))),
    Case("LayerNormalization", SEQUENCE, (f32(7), f32(7))),
    Case("LayerNormalization", SEQUENCE, (f32(4, 7),), {"axis": 1}),
    Case("LayerNormalization", SEQUENCE, (f32(7), f32(7)), {"axis": 1}),
    Case("GroupNormalization", IMAGE, (f32(4), f32(4)), {"num_groups": 2}, opset=21),
    Case("LpNormalization", ROW, attributes={"axis": 1, "p": 1}),
    Case("Softmax", SEQUENCE),
    Case("Softmax", SEQUENCE, opset=11),
    Case("Softmax", SEQUENCE, attributes={"axis": 1}),
    Case("LogSoftmax", SEQUENCE, attributes={"axis": 1}, opset=11),
    # Reductions
    *[
        Case(f"Reduce{kind}", SEQUENCE, (i64(1, -1),), {"keepdims": keep}, opset=18, positive=kind == "LogSum")
        for kind in ("Mean", "Sum", "Max", "Min", "L1", "L2", "Prod", "SumSquare", "LogSum", "LogSumExp")
        for keep in (0, 1)
    ],
    Case("ReduceMean", SEQUENCE, attributes={"axes": [1]}, opset=13),
    Case("ReduceSum", SEQUENCE, attributes={"axes": [1], "keepdims": 0}, opset=11),
    Case("ReduceMax", SEQUENCE, attributes={"keepdims": 1}),
    Case("ReduceSum", SEQUENCE, (i64(),), {"noop_with_empty_axes": 1}),
    Case("TopK", ROW, (i64(3),), {"axis": 1}, outputs=("y", "indices")),
    Case("TopK", ROW, (i64(2),), {"axis": 0, "largest": 0}, outputs=("y", "indices")),
    Case("CumSum", ROW, (np.array(1, np.int64),), {"reverse": 1, "exclusive": 1}),
    # Shapes
    Case("Flatten", IMAGE),
    Case("Flatten", IMAGE, attributes={"axis": 2}),
    Case("Flatten", IMAGE, attributes={"axis": 0}),
    Case("Flatten", IMAGE, attributes={"axis": -1}),
    Case("Reshape", IMAGE, (i64(0, -1),)),
    Case("Reshape", IMAGE, (i64(-1, 4, 72),)),
    Case("Transpose", IMAGE, attributes={"perm": [0, 2, 3, 1]}),
    Case("Transpose", SEQUENCE),
    Case("Squeeze", (3, 1, 4, 1), (i64(1, -1),)),
    Case("Squeeze", (3, 1, 4, 1), attributes={"axes": [1]}, opset=11),
    Case("Squeeze", (3, 1, 4, 1)),
    Case("Unsqueeze", ROW, (i64(0, -1),)),
    Case("Unsqueeze", ROW, attributes={"axes": [1]}, opset=11),
    Case("Concat", ROW, (f32(5, 2), f32(5, 1)), {"axis": -1}),
    Case("Split", ROW, (i64(2, 4),), {"axis": 1}, outputs=("z", "y")),
    Case("Split", (5, 7), attributes={"axis": 1, "num_outputs": 3}, outputs=("z", "w", "y")),
    Case("Split", ROW, attributes={"axis": 1, "split": [1, 5]}, opset=11, outputs=("y", "z")),
    Case("Slice", IMAGE, (i64(1, -3), i64(9999, -1), i64(2, 3))),
    Case("Slice", IMAGE, (i64(-1), i64(-9999), i64(2), i64(-2))),
    Case("Slice", IMAGE, (i64(6), i64(1), i64(-1), i64(-2))),
    Case("Slice", IMAGE, (i64(0, 1), i64(2, 3))),
    Case("Slice", IMAGE, (i64(1), i64(8), i64(-1), i64(3))),
    Case("Slice", IMAGE, attributes={"starts": [1], "ends": [-1], "axes": [1]}, opset=9),
    Case("Gather", ROW, (i64(2, -1, 0),), {"axis": 1}),
    Case("Gather", ROW, (np.array(-2, np.int64),), {"axis": 1}),
    Case("Gather", SEQUENCE, (np.array([[0, 1], [-1, 2]], np.int64),), {"axis": 1}),
    Case("GatherElements", ROW, (np.array([[0, -1]] * 5, np.int64),), {"axis": 1}),
    Case("GatherND", ROW, (np.array([[0, -1], [2, 3]], np.int64),)),
    Case("Expand", (5, 1), (i64(2, 1, 6),)),
    Case("Tile", ROW, (i64(2, 3),)),
    Case("Pad", ROW, (i64(0, 1, 2, 0),)),
    Case("Pad", ROW, (i64(0, 1, 2, 0), scalar(1.5))),
    Case("Pad", IMAGE, (i64(1, 2), None, i64(-1)), {"mode": "reflect"}, opset=18),
    Case("Pad", IMAGE, (i64(0, 0, 1, 2, 0, 0, 2, 1),), {"mode": "edge"}),
    Case("Pad", IMAGE, attributes={"pads": [0, 0, 1, 2, 0, 0, 2, 1], "value": 2.0}, opset=10),
    Case("Pad", ROW, (i64(0, -1, 0, -2),)),
    Case("Trilu", (3, 4, 4), (np.array(1, np.int64),), {"upper": 0}),
    Case("Dropout", ROW),
    Case("Dropout", ROW, (scalar(0.5), np.array(False))),
    Case("DepthToSpace", (2, 8, 3, 3), attributes={"blocksize": 2}),
    Case("DepthToSpace", (2, 8, 3, 3), attributes={"blocksize": 2, "mode": "CRD"}),
    Case("SpaceToDepth", (2, 2, 4, 6), attributes={"blocksize": 2}),
    # Resizing
    *[
        Case("Resize", IMAGE, (None, scales), {"mode": mode, "coordinate_transformation_mode": coordinates})
        for scales in (np.array([1, 1, 2, 2], np.float32), np.array([1, 1, 0.6, 1.7], np.float32))
        for mode in ("nearest", "linear")
        for coordinates in ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel")
    ],
    *[
        Case("Resize", IMAGE, (None, None, i64(3, 4, 5, 13)), {"mode": "nearest", "nearest_mode": rounding})
        for rounding in ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil")
    ],
    Case("Resize", IMAGE, (None, None, i64(3, 4, 13, 5)), {"mode": "linear"}),
    Case("Resize", IMAGE, (np.array([1, 1, 2, 3], np.float32),), {"mode": "nearest"}, opset=10),
    Case("Upsample", IMAGE, (np.array([1, 1, 2, 3], np.float32),), {"mode": "linear"}, opset=9),
    # Tables
    Case("Normalizer", ROW, attributes={"norm": "L2"}, domain="ai.onnx.ml"),
    Case("Scaler", ROW, attributes={"offset": [0.5] * 6, "scale": [2.0] * 6}, domain="ai.onnx.ml"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_operator_answers_as_onnx_runtime(case: Case) -> None:
    names = ["" if value is None else f"w{at}" for at, value in enumerate(case.weights)]
    inputs = [*names[: case.x_at], "x", *names[case.x_at :]]
    if case.x_at:
        inputs = [*names, "x"]
    node = helper.make_node(case.op, inputs, case.outputs, domain=case.domain or None, **case.attributes)
    weights = {name: value for name, value in zip(names, case.weights, strict=True) if name}
    graph = scores_of(model_of([node], shape=case.shape, weights=weights, opset=case.opset), case.shape, case.opset)
    rows = f32(*case.shape, seed=7)
    rows = np.abs(rows) + 0.1 if case.positive else rows
    expected = open_query(graph)(rows)
    found = OnnxModule(graph)(torch.from_numpy(rows)).numpy()
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5)


def chain(*nodes: tuple[str, list[str], list[str], dict[str, Any]], **weights: Any) -> tuple[np.ndarray, np.ndarray]:
    """Answers of ONNX Runtime and of the module on five rows of six numbers."""
    made = [helper.make_node(op, inputs, outputs, **attributes) for op, inputs, outputs, attributes in nodes]
    graph = scores_of(model_of(made, shape=("n", 6), weights=weights), (6,), 20)
    rows = f32(5, 6, seed=7)
    return open_query(graph)(rows), OnnxModule(graph)(torch.from_numpy(rows)).numpy()


def test_comparisons_and_choices_answer_as_onnx_runtime() -> None:
    expected, found = chain(
        ("Less", ["x", "a"], ["less"], {}),
        ("Greater", ["x", "b"], ["greater"], {}),
        ("Equal", ["x", "a"], ["equal"], {}),
        ("GreaterOrEqual", ["x", "b"], ["ge"], {}),
        ("And", ["less", "greater"], ["both"], {}),
        ("Or", ["both", "equal"], ["any"], {}),
        ("Xor", ["any", "ge"], ["xor"], {}),
        ("Not", ["xor"], ["not"], {}),
        ("Where", ["not", "x", "b"], ["y"], {}),
        a=scalar(0.7),
        b=f32(6),
    )
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_shapes_computed_from_the_rows_answer_as_onnx_runtime() -> None:
    expected, found = chain(
        ("Shape", ["x"], ["shape"], {}),
        ("Gather", ["shape", "zero"], ["rows"], {"axis": 0}),
        ("Concat", ["rows", "split"], ["target"], {"axis": 0}),
        ("Reshape", ["x", "target"], ["folded"], {}),
        ("ConstantOfShape", ["target"], ["ones"], {"value": helper.make_tensor("v", 1, [1], [1.5])}),
        ("Add", ["folded", "ones"], ["sum"], {}),
        ("Size", ["x"], ["size"], {}),
        ("Cast", ["size"], ["float_size"], {"to": 1}),
        ("Div", ["sum", "float_size"], ["divided"], {}),
        ("Reshape", ["divided", "shape"], ["back"], {}),
        ("Squeeze", ["rows", "zero"], ["count"], {}),
        ("Range", ["first", "count", "one"], ["numbers"], {}),
        ("CastLike", ["numbers", "x"], ["float_numbers"], {}),
        ("Unsqueeze", ["float_numbers", "one_axis"], ["column"], {}),
        ("Mul", ["back", "column"], ["y"], {}),
        zero=i64(0),
        split=i64(2, 3),
        first=np.array(0, np.int64),
        one=np.array(1, np.int64),
        one_axis=i64(1),
    )
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_places_and_values_of_the_largest_answer_as_onnx_runtime() -> None:
    expected, found = chain(
        ("ArgMax", ["x"], ["place"], {"axis": 1, "select_last_index": 1}),
        ("ArgMin", ["x"], ["low"], {"axis": 1}),
        ("Add", ["place", "low"], ["sum"], {}),
        ("Cast", ["sum"], ["float"], {"to": 1}),
        ("Add", ["x", "float"], ["y"], {}),
    )
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("per_channel", [False, True])
def test_quantisation_rounds_truly_and_has_no_gradient(per_channel: bool) -> None:
    scale = np.array([0.1, 0.2, 0.05, 0.1, 0.3, 0.1], np.float32) if per_channel else scalar(0.1)
    zero = np.array([0, 3, -2, 1, 0, 5], np.int8) if per_channel else np.array(3, np.int8)
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"], axis=1),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"], axis=1),
    ]
    graph = scores_of(model_of(nodes, shape=("n", 6), weights={"s": scale, "z": zero}), (6,), 20)
    rows = torch.from_numpy(10 * f32(5, 6, seed=7)).requires_grad_()
    scores = OnnxModule(graph)(rows)
    np.testing.assert_allclose(scores.detach().numpy(), open_query(graph)(rows.detach().numpy()), rtol=1e-6)
    assert not torch.autograd.grad(scores.sum(), rows)[0].any()


def test_group_normalisation_of_operator_set_18_scales_groups() -> None:
    """ONNX Runtime has it for later sets only; torch is the reference."""
    node = helper.make_node("GroupNormalization", ["x", "s", "b"], ["y"], num_groups=2)
    weights = {"s": f32(2), "b": f32(2, seed=3)}
    graph = scores_of(model_of([node], shape=IMAGE, weights=weights, opset=18), IMAGE[1:], 18)
    rows = torch.from_numpy(f32(*IMAGE))
    scale, bias = (torch.from_numpy(weights[name]).repeat_interleave(2) for name in ("s", "b"))
    torch.testing.assert_close(OnnxModule(graph)(rows), torch.nn.functional.group_norm(rows, 2, scale, bias))
