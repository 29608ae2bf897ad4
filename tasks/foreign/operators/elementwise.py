"""Operators that work number by number: arithmetic, comparison, activation.

Rounding (Round, Floor, Ceil, Sign) is true rounding: its gradient is zero, as torch has it.
"""

import functools
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from tasks.foreign.node import Builder, Call, Node


def plain(function: Call) -> Builder:
    """An operator without attributes."""
    return lambda node: function


def _divide(node: Node) -> Call:
    return lambda a, b: a / b if a.is_floating_point() else torch.div(a, b, rounding_mode="trunc")


def _power(node: Node) -> Call:
    exponent = node.constant(1)
    if exponent is not None and exponent.numel() == 1 and exponent.dim() == 0:
        number = exponent.item()  # A number keeps the gradient of x**2 at 2x, also where x <= 0.
        return lambda base, _: torch.pow(base, number)
    return lambda base, power: torch.pow(base, power).to(base.dtype)


def _modulo(node: Node) -> Call:
    return torch.fmod if node.integer("fmod", 0) else torch.remainder


def _fold(function: Callable[[Tensor, Tensor], Tensor]) -> Builder:
    def call(*values: Tensor) -> Tensor:
        return functools.reduce(function, values)

    return plain(call)


def _mean(*values: Tensor) -> Tensor:
    return functools.reduce(torch.add, values) / len(values)


def _clip(node: Node) -> Call:
    if "min" in node.attributes or "max" in node.attributes:
        low, high = node.attributes.get("min"), node.attributes.get("max")
        return lambda data: torch.clamp(data, low, high)
    if any(node.has(at) and node.constant(at) is None for at in (1, 2)):
        return lambda data, low=None, high=None: torch.clamp(data, low, high)
    bounds = [None if (bound := node.constant(at)) is None else bound.item() for at in (1, 2)]
    if bounds == [None, None]:
        return lambda data, *_: data
    return lambda data, *_: torch.clamp(data, *bounds)


def _leaky_relu(node: Node) -> Call:
    return functools.partial(F.leaky_relu, negative_slope=node.number("alpha", 0.01))


def _prelu(data: Tensor, slope: Tensor) -> Tensor:
    return torch.where(data >= 0, data, slope * data)


def _elu(node: Node) -> Call:
    return functools.partial(F.elu, alpha=node.number("alpha", 1.0))


def _celu(node: Node) -> Call:
    return functools.partial(F.celu, alpha=node.number("alpha", 1.0))


def _selu(node: Node) -> Call:
    alpha = node.number("alpha", 1.67326319217681884765625)
    gamma = node.number("gamma", 1.05070102214813232421875)
    return lambda data: gamma * F.elu(data, alpha)


def _gelu(node: Node) -> Call:
    return functools.partial(F.gelu, approximate=node.text("approximate", "none"))


def _hard_sigmoid(node: Node) -> Call:
    alpha, beta = node.number("alpha", 0.2), node.number("beta", 0.5)
    return lambda data: torch.clamp(alpha * data + beta, 0, 1)


def _thresholded_relu(node: Node) -> Call:
    alpha = node.number("alpha", 1.0)
    return lambda data: torch.where(data > alpha, data, 0)


def _swish(node: Node) -> Call:
    alpha = node.number("alpha", 1.0)
    return lambda data: data * torch.sigmoid(alpha * data)


def _softmax(function: Callable[..., Tensor]) -> Builder:
    def build(node: Node) -> Call:
        if node.opset >= 13:
            return functools.partial(function, dim=node.integer("axis", -1))
        axis = node.integer("axis", 1)

        def flattened(data: Tensor) -> Tensor:
            """Before operator set 13, all axes from `axis` on count as one."""
            return function(data.flatten(axis % data.dim()), dim=-1).reshape(data.shape)

        return flattened

    return build


def _is_infinite(node: Node) -> Call:
    down, up = node.integer("detect_negative", 1), node.integer("detect_positive", 1)
    return lambda data: torch.isinf(data) & (((data < 0) & bool(down)) | ((data > 0) & bool(up)))


_FUNCTIONS: dict[str, Call] = {
    "Abs": torch.abs,
    "Acos": torch.acos,
    "Add": torch.add,
    "And": torch.logical_and,
    "Asin": torch.asin,
    "Atan": torch.atan,
    "Ceil": torch.ceil,
    "Cos": torch.cos,
    "Cosh": torch.cosh,
    "Equal": torch.eq,
    "Erf": torch.erf,
    "Exp": torch.exp,
    "Floor": torch.floor,
    "Greater": torch.gt,
    "GreaterOrEqual": torch.ge,
    "HardSwish": F.hardswish,
    "IsNaN": torch.isnan,
    "Less": torch.lt,
    "LessOrEqual": torch.le,
    "Log": torch.log,
    "Mean": _mean,
    "Mish": F.mish,
    "Mul": torch.mul,
    "Neg": torch.neg,
    "Not": torch.logical_not,
    "Or": torch.logical_or,
    "PRelu": _prelu,
    "Reciprocal": torch.reciprocal,
    "Relu": torch.relu,
    "Round": torch.round,
    "Sigmoid": torch.sigmoid,
    "Sign": torch.sign,
    "Sin": torch.sin,
    "Sinh": torch.sinh,
    "Softplus": functools.partial(F.softplus, threshold=60.0),  # beyond it, float64 is linear too
    "Softsign": F.softsign,
    "Sqrt": torch.sqrt,
    "Sub": torch.sub,
    "Tan": torch.tan,
    "Tanh": torch.tanh,
    "Where": torch.where,
    "Xor": torch.logical_xor,
}

ELEMENTWISE: dict[str, Builder] = {name: plain(function) for name, function in _FUNCTIONS.items()} | {
    "Celu": _celu,
    "Clip": _clip,
    "Div": _divide,
    "Elu": _elu,
    "Gelu": _gelu,
    "HardSigmoid": _hard_sigmoid,
    "IsInf": _is_infinite,
    "LeakyRelu": _leaky_relu,
    "LogSoftmax": _softmax(torch.log_softmax),
    "Max": _fold(torch.maximum),
    "Min": _fold(torch.minimum),
    "Mod": _modulo,
    "Pow": _power,
    "Selu": _selu,
    "Softmax": _softmax(torch.softmax),
    "Sum": _fold(torch.add),
    "Swish": _swish,
    "ThresholdedRelu": _thresholded_relu,
}
