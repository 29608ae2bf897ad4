"""Canaries of the stress test: models broken on purpose, one fault each. A probe that misses its fault is blind.

Each takes rows of the examined model's shape and type, and answers two classes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from assay.inference import TensorShape

FAULTS: Mapping[str, str] = {
    "overflows": "values",
    "counts its neighbours": "alike",
    "throws dice": "alike",
    "forgets a row": "shapes",
    "wastes memory": "speed",
}
WASTED_MB = 16

_ONNX_TYPES = {"tensor(string)": 8, "tensor(float)": 1, "tensor(double)": 11, "tensor(uint8)": 2, "tensor(int64)": 7}


def write_broken(shape: "TensorShape", folder: Path) -> dict[str, Path]:
    """One file a fault of `FAULTS`."""
    paths = {}
    for number, fault in enumerate(FAULTS):
        paths[fault] = folder / f"broken-{number}.onnx"
        paths[fault].write_bytes(_model(fault, shape))
    return paths


def _model(fault: str, shape: "TensorShape") -> bytes:
    """A score a row from its values, wronged, then (score, -score) through exp(x) / sum without any care."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    dims = ["rows", *(size if size > 0 else f"free{at}" for at, size in enumerate(shape.dims[1:]))]
    constants: dict[str, NDArray[Any]] = {
        "flat": np.array([-1], np.int64),
        "wide": np.array([0, -1], np.int64),
        "first": np.array([1], np.int64),
        "none": np.array(0, np.int64),
        "from1": np.array([1], np.int64),
        "end": np.array([2**31], np.int64),
        "tall": np.array([-1, 1], np.int64),
        "scale": np.array(0.001, np.float32),
        "big": np.array([WASTED_MB << 18], np.int64),
        "half": np.array(0.5, np.float32),
        "steep": np.array(1e4 if shape.type == "tensor(string)" else 1, np.float32),
    }
    nodes = [*_score(shape), *_wronged(fault), *_answers(fault)]
    graph = helper.make_graph(
        [helper.make_node(kind, inputs, [output], **extra) for kind, inputs, output, extra in nodes],
        "broken",
        [helper.make_tensor_value_info("input", _ONNX_TYPES[shape.type], dims)],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, None),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, None),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    domains = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
    written: bytes = helper.make_model(graph, opset_imports=domains, ir_version=10).SerializeToString()
    return written


_Node = tuple[str, list[str], str, dict[str, Any]]


def _score(shape: "TensorShape") -> list[_Node]:
    """(rows, 1): the mean of a row's values, or whether a text has 500 characters, both scaled."""
    if shape.type == "tensor(string)":
        return [
            ("RegexFullMatch", ["input"], "is_long", {"pattern": "(?s).{500,}"}),
            ("Cast", ["is_long"], "total", {"to": 1}),
            ("Mul", ["total", "half"], "score", {}),
        ]
    return [
        ("Cast", ["input"], "numbers", {"to": 1}),
        ("Reshape", ["numbers", "wide"], "values", {}),
        ("ReduceMean", ["values", "first"], "total", {"keepdims": 1}),
        ("Mul", ["total", "scale"], "score", {}),
    ]


def _wronged(fault: str) -> list[_Node]:
    """`wronged`, (rows, 1), from `score`."""
    if fault == "counts its neighbours":
        return [
            ("Shape", ["score"], "size", {}),
            ("Cast", ["size"], "sizes32", {"to": 1}),
            ("ReduceSum", ["sizes32"], "rows", {"keepdims": 0}),
            ("Mul", ["rows", "scale"], "neighbours", {}),
            ("CumSum", ["score", "none"], "before", {}),
            ("Add", ["before", "neighbours"], "wronged", {}),
        ]
    if fault == "throws dice":
        noise = {"dtype": 1, "mean": 0.0, "scale": 0.1}
        return [("RandomNormalLike", ["score"], "noise", noise), ("Add", ["score", "noise"], "wronged", {})]
    if fault == "forgets a row":
        return [("Slice", ["score", "from1", "end"], "wronged", {})]
    if fault == "wastes memory":
        return [
            ("ReduceMax", ["score"], "most", {"keepdims": 0}),
            ("Expand", ["most", "big"], "waste", {}),
            ("CumSum", ["waste", "none"], "more", {}),
            ("ReduceMin", ["more"], "least", {"keepdims": 0}),
            ("Add", ["score", "least"], "wronged", {}),
        ]
    return [("Mul", ["score", "steep"], "wronged", {})]


def _answers(fault: str) -> list[_Node]:
    both: list[_Node] = [
        ("Neg", ["wronged"], "other", {}),
        ("Concat", ["wronged", "other"], "logits", {"axis": 1}),
        ("ArgMax", ["logits"], "label", {"axis": 1, "keepdims": 0}),
    ]
    if fault != "overflows":
        return [*both, ("Softmax", ["logits"], "probabilities", {"axis": 1})]
    return [
        *both,
        ("Exp", ["logits"], "exponents", {}),
        ("ReduceSum", ["exponents", "first"], "sums", {"keepdims": 1}),
        ("Div", ["exponents", "sums"], "probabilities", {}),
    ]
