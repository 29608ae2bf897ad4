"""The part of an ONNX graph that computes class scores: everything the logits need, nothing else.

A Softmax, LogSoftmax or Sigmoid at the end gives way to Identity, so that what is left ends in logits;
casts and reshapes behind it stay as they are. Labels and maps of names fall away.
"""

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from assay.errors import SpecError
from tasks.foreign.onnx_file import GraphInput, graph_input, opset_of

if TYPE_CHECKING:
    import onnx

SMALLEST_PROBABILITY = 1e-30  # below it, a logarithm says no more
_TRANSPARENT = {"Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Dropout"}
_MAPS = {"ZipMap"}
_PREFERRED = ("logits", "scores", "probabilities", "output_probability")


class Head(Enum):
    """What the graph's last tensor holds, and so how it becomes scores (rows, classes)."""

    LOGITS = "as it is"
    BINARY_LOGIT = "z stands for the logits [0, z]"
    PROBABILITIES = "its logarithm"


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
    last = _last_activation(output, makers)
    head = Head.BINARY_LOGIT if last is not None and last.op_type == "Sigmoid" else Head.LOGITS
    cut = _cut(model, makers, output, replaced=last)
    return ScoreGraph(name, cut, taken, output, opset_of(model), head)


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


def _last_activation(output: str, makers: dict[str, Any]) -> Any | None:
    """The node that turns logits into probabilities, where the way to the output passes one."""
    while output in makers and makers[output].op_type in _TRANSPARENT:
        output = makers[output].input[0]
    node = makers.get(output)
    return node if node is not None and node.op_type in {"Softmax", "LogSoftmax", "Sigmoid"} else None


def _cut(model: "onnx.ModelProto", makers: dict[str, Any], output: str, *, replaced: Any | None) -> "onnx.ModelProto":
    """A copy of `model` that computes `output` alone, `replaced` being an Identity there."""
    import onnx

    needed, waiting = set[str](), [output]
    while waiting:
        value = waiting.pop()
        if value and value not in needed:
            needed.add(value)
            waiting.extend(makers[value].input if value in makers else ())
    graph = onnx.GraphProto(name=model.graph.name or "scores")
    for node in model.graph.node:
        if needed.isdisjoint(node.output):
            continue
        if replaced is not None and node is replaced:
            graph.node.append(onnx.helper.make_node("Identity", node.input, node.output, name=node.name))
        else:
            graph.node.append(node)
    graph.input.extend(value for value in model.graph.input if value.name in needed)
    graph.initializer.extend(tensor for tensor in model.graph.initializer if tensor.name in needed)
    graph.output.append(onnx.ValueInfoProto(name=output))
    return onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import, graph=graph)
