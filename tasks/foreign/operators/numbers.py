"""Operators that change how numbers are written: casts and quantisation.

Quantisation rounds truly: its gradient is zero. Quantised numbers stay whole floats inside, so that a backward
pass through them still runs. A cast to whole numbers cuts as the graph does, and ends the gradient.
"""

import torch
from torch import Tensor

from tasks.foreign.node import Builder, Call, Node

_RANGES = {
    torch.uint8: (0, 255),
    torch.int8: (-128, 127),
    torch.uint16: (0, 65535),
    torch.int16: (-32768, 32767),
}
# TensorProto.DataType
_TYPES = {
    1: torch.float32,
    2: torch.uint8,
    3: torch.int8,
    4: torch.uint16,
    5: torch.int16,
    6: torch.int32,
    7: torch.int64,
    9: torch.bool,
    10: torch.float16,
    11: torch.float64,
    12: torch.uint32,
    13: torch.uint64,
    16: torch.bfloat16,
}


def _cast(node: Node) -> Call:
    kind = node.integer("to", 0)
    if kind not in _TYPES:
        raise node.refused(f"a cast to ONNX type {kind}", "a numeric type")
    wanted = _TYPES[kind]
    if wanted is not torch.float32:
        return lambda data, like: data.to(wanted)

    def call(data: Tensor, like: Tensor) -> Tensor:
        """float32 of the graph is float64 where the rows come in float64, as they do when gradients are checked."""
        return data.to(torch.float64 if like.dtype is torch.float64 else torch.float32)

    return call


def _quantize(node: Node) -> Call:
    low, high = _quantised_range(node)
    axis = node.integer("axis", 1)
    node.require("block_size", 0, 0)

    def call(data: Tensor, scale: Tensor, zero: Tensor | None = None) -> Tensor:
        rounded = torch.round(data / _along(scale, axis, data))
        return torch.clamp(rounded if zero is None else rounded + _along(zero, axis, data).to(data.dtype), low, high)

    return call


def _quantised_range(node: Node) -> tuple[int, int]:
    zero, kind = node.constant(2), node.integer("output_dtype", 0)
    wanted = zero.dtype if zero is not None else _TYPES.get(kind, torch.uint8)
    if node.has(2) and zero is None:
        raise node.refused("a zero point computed from the rows", "a constant zero point")
    if wanted not in _RANGES:
        raise node.refused(f"quantisation to {wanted}", f"one of {sorted(str(kind) for kind in _RANGES)}")
    return _RANGES[wanted]


def _dequantize(node: Node) -> Call:
    axis = node.integer("axis", 1)
    node.require("block_size", 0, 0)

    def call(data: Tensor, scale: Tensor, zero: Tensor | None = None) -> Tensor:
        numbers = data if data.is_floating_point() else data.to(scale.dtype)
        shifted = numbers if zero is None else numbers - _along(zero, axis, data).to(numbers.dtype)
        return shifted * _along(scale, axis, data)

    return call


def _along(values: Tensor, axis: int, data: Tensor) -> Tensor:
    """One value for all, or one a slice of `axis`."""
    if values.numel() == 1:
        return values.reshape(())
    return values.reshape([-1 if at == axis % data.dim() else 1 for at in range(data.dim())])


NUMBERS: dict[str, Builder] = {
    "Cast": _cast,
    "CastLike": lambda node: lambda data, other: data.to(other.dtype),
    "DequantizeLinear": _dequantize,
    "QuantizeLinear": _quantize,
}
