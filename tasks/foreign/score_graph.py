"""The part of an ONNX graph that computes class scores: everything the logits need, nothing else.

A Softmax, LogSoftmax or Sigmoid at the end gives way to Identity, so that what is left ends in logits;
casts and reshapes behind it stay as they are. Labels and maps of names fall away.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.errors import SpecError
from tasks.foreign.endings import Ending, find_ending
from tasks.foreign.onnx_file import GraphInput, graph_input, opset_of
from tasks.foreign.steps import Head

if TYPE_CHECKING:
    import onnx

_MAPS = {"ZipMap"}
_PREFERRED = ("logits", "scores", "probabilities", "output_probability")


@dataclass(frozen=True)
class ScoreGraph:
    """`model` computes the one tensor `output`, which `head` says how to read."""

    name: str
    model: "onnx.ModelProto"
    input: GraphInput
    output: str
    opset: int
    head: Head


def score_graph(model: "onnx.ModelProto", name: str) -> ScoreGraph:
    """The scores of the checked `model`. Raises SpecError when no output, or more than one, can hold them.

    A sigmoid over one column is a binary logit; over several columns its inputs are taken as the logits.
    """
    taken = graph_input(model, name)
    makers = {output: node for node in model.graph.node for output in node.output if output}
    output = _past_maps(_scores_output(model, makers, name), makers)
    ending = find_ending(output, makers)
    return ScoreGraph(name, _cut(model, makers, ending), taken, ending.output, opset_of(model), ending.head)


def is_coarse(graph: ScoreGraph) -> bool:
    """Whether the graph computes in steps that one can see: quantised, or in half precision."""
    from onnx import TensorProto

    halves = {TensorProto.FLOAT16, TensorProto.BFLOAT16}
    held = {tensor.data_type for tensor in graph.model.graph.initializer}
    casts = {one.i for node in graph.model.graph.node for one in node.attribute if one.name == "to"}
    quantises = any(node.op_type == "QuantizeLinear" for node in graph.model.graph.node)
    return quantises or graph.input.type == "float16" or bool(halves & (held | casts))


def _scores_output(model: "onnx.ModelProto", makers: dict[str, Any], name: str) -> str:
    """Name of the one output of floats; logits before probabilities where there are several."""
    floats = [value.name for value in model.graph.output if _may_hold_scores(value, makers)]
    preferred = [found for found in _PREFERRED if found in floats]
    if len(floats) != 1 and not preferred:
        raise SpecError(
            f"{name}: expected one output of class scores, or one named `logits` or `probabilities`, found {floats} "
            f"among {[value.name for value in model.graph.output]}; export the classifier's scores alone"
        )
    return preferred[0] if preferred else floats[0]


def _may_hold_scores(value: Any, makers: dict[str, Any]) -> bool:
    from onnx import TensorProto

    floats = {TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16}
    if value.type.HasField("tensor_type"):
        return value.type.tensor_type.elem_type in floats
    return value.name in makers and makers[value.name].op_type in _MAPS


def _past_maps(output: str, makers: dict[str, Any]) -> str:
    while output in makers and makers[output].op_type in _MAPS:
        output = makers[output].input[0]
    return output


def _cut(model: "onnx.ModelProto", makers: dict[str, Any], ending: Ending) -> "onnx.ModelProto":
    """A copy of `model` that computes the ending's output alone."""
    import onnx

    needed, waiting = set[str](), [ending.output]
    while waiting:
        value = waiting.pop()
        if value and value not in needed:
            needed.add(value)
            waiting.extend(makers[value].input if value in makers else ())
    graph = onnx.GraphProto(name=model.graph.name or "scores")
    for node in model.graph.node:
        if not needed.isdisjoint(node.output):
            graph.node.append(ending.replaced.get(node.output[0], node))
    graph.input.extend(value for value in model.graph.input if value.name in needed)
    graph.initializer.extend(tensor for tensor in model.graph.initializer if tensor.name in needed)
    graph.output.append(onnx.ValueInfoProto(name=ending.output))
    return onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import, graph=graph)
