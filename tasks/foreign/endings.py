"""How classifiers end: what turns logits into probabilities, and what to put in its place to have the logits.

Softmax, LogSoftmax and Sigmoid, behind casts and reshapes; the two columns [1 - p, p] of a sigmoid; the linear
classifiers of ai.onnx.ml with their normaliser. Where none of these is found, the output stays as it is.
"""

from dataclasses import dataclass, field
from typing import Any

from tasks.foreign.steps import Head

_TRANSPARENT = {"Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Dropout"}
_ACTIVATIONS = {"Softmax", "LogSoftmax", "Sigmoid"}


@dataclass(frozen=True)
class Ending:
    """output: the tensor that holds the scores once `replaced` (by the name of a node's first output) is in place."""

    output: str
    head: Head = Head.LOGITS
    replaced: dict[str, Any] = field(default_factory=dict)


def find_ending(output: str, makers: dict[str, Any]) -> Ending:
    """The way back from `output` to the logits; `makers`: of every value, the node that computes it."""
    last = _maker(output, makers)
    positive = _positive_column(last, makers)
    if positive is not None:
        output, last = positive, _maker(positive, makers)
    if last is None:
        return Ending(output)
    if last.op_type in _ACTIVATIONS:
        head = Head.BINARY_LOGIT if last.op_type == "Sigmoid" else Head.LOGITS
        return Ending(output, head, {last.output[0]: _identity(last)})
    return _linear_ending(output, last, makers)


def _maker(value: str, makers: dict[str, Any]) -> Any | None:
    """The node that computes `value`, casts and reshapes passed over."""
    while value in makers and makers[value].op_type in _TRANSPARENT:
        value = makers[value].input[0]
    return makers.get(value)


def _positive_column(last: Any | None, makers: dict[str, Any]) -> str | None:
    """p, where the output is the two columns [1 - p, p] of a sigmoid p."""
    if last is None or last.op_type != "Concat" or len(last.input) != 2:
        return None
    negative, positive = _maker(last.input[0], makers), _maker(last.input[1], makers)
    if negative is None or positive is None or (negative.op_type, positive.op_type) != ("Sub", "Sigmoid"):
        return None
    return str(last.input[1]) if _maker(negative.input[1], makers) is positive else None


def _linear_ending(output: str, last: Any, makers: dict[str, Any]) -> Ending:
    """Linear scores before they were made probabilities, and before these were made to add up to one.

    Of several sigmoids the order is kept, not the proportions.
    """
    replaced = {}
    if last.domain == "ai.onnx.ml" and last.op_type == "Normalizer":
        replaced[last.output[0]] = _identity(last)
        last = _maker(last.input[0], makers)
    if last is None or last.op_type != "LinearClassifier" or _transform(last) not in {"SOFTMAX", "LOGISTIC"}:
        return Ending(output)
    replaced[last.output[0]] = _untransformed(last)
    is_pair = _transform(last) == "LOGISTIC" and _is_opposite(last)
    return Ending(output, Head.OPPOSITE_LOGITS if is_pair else Head.LOGITS, replaced)


def _identity(node: Any) -> Any:
    from onnx import helper

    return helper.make_node("Identity", node.input, node.output, name=node.name)


def _transform(node: Any) -> str:
    return next((one.s.decode() for one in node.attribute if one.name == "post_transform"), "NONE")


def _untransformed(node: Any) -> Any:
    made = type(node)()
    made.CopyFrom(node)
    for attribute in made.attribute:
        if attribute.name == "post_transform":
            attribute.s = b"NONE"
    return made


def _is_opposite(node: Any) -> bool:
    """Two classes whose scores are -z and z."""
    numbers = {one.name: list(one.floats) for one in node.attribute}
    weights, bias = numbers.get("coefficients", []), numbers.get("intercepts", [])
    half = len(weights) // 2
    return len(bias) == 2 and bias[0] == -bias[1] and weights[:half] == [-one for one in weights[half:]]
