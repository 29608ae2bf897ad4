"""Small ONNX graphs, put together on the spot."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tasks.foreign.onnx_file import GraphInput
from tasks.foreign.score_graph import ScoreGraph
from tasks.foreign.steps import Head


def model_of(
    nodes: Sequence[onnx.NodeProto],
    *,
    shape: Sequence[int | str] = ("n", 4),
    weights: Mapping[str, Any] | None = None,
    opset: int = 20,
    kind: int = TensorProto.FLOAT,
    outputs: Sequence[str] = ("y",),
) -> onnx.ModelProto:
    """A model with the input `x` and the float outputs `outputs`."""
    held = [numpy_helper.from_array(np.asarray(value), name) for name, value in (weights or {}).items()]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", kind, shape)], ends, held)
    domains = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=domains, ir_version=10 if opset < 22 else 11)
    is_standard = all(node.domain in {"", "ai.onnx.ml"} for node in nodes)
    return onnx.shape_inference.infer_shapes(model) if is_standard else model


def scores_of(model: onnx.ModelProto, shape: Sequence[int], opset: int, head: Head = Head.LOGITS) -> ScoreGraph:
    """`model` as it is, its output `y` taken for scores."""
    cut = onnx.ModelProto()
    cut.CopyFrom(model)
    del cut.graph.output[:]
    cut.graph.output.append(onnx.ValueInfoProto(name="y"))
    return ScoreGraph("test.onnx", cut, GraphInput("x", "float32", tuple(shape)), "y", opset, head)
