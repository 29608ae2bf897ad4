"""Operators that slide a window: convolution and pooling, in one, two and three dimensions.

Padding that is equal on both sides goes to torch as it is, so that its fast kernels and layouts apply;
any other is added first.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from tasks.foreign.node import Builder, Call, Node

_CONVOLVE = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_TRANSPOSE = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
_MAX_POOL = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
_AVERAGE_POOL = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
_GLOBAL_MAX = {1: F.adaptive_max_pool1d, 2: F.adaptive_max_pool2d, 3: F.adaptive_max_pool3d}


@dataclass(frozen=True)
class _Window:
    """begins, ends: padding; unset where `same` works it out from the input's size."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    begins: tuple[int, ...]
    ends: tuple[int, ...]
    same: str | None

    @property
    def rank(self) -> int:
        return len(self.kernel)

    @property
    def is_symmetric(self) -> bool:
        """Whether the padding is known and equal on both sides."""
        return self.same is None and self.begins == self.ends

    def padding(self, data: Tensor) -> list[int]:
        """The padding as torch's `pad` wants it: last axis first, before and behind each."""
        begins, ends = (self.begins, self.ends) if self.same is None else self._same(data.shape[2:])
        return [size for pair in zip(reversed(begins), reversed(ends), strict=True) for size in pair]

    def windows(self, pooled: Tensor, data: Tensor) -> Tensor:
        """`pooled` without windows that begin in the padding behind, which rounding up would add."""
        for axis, (size, begin, stride) in enumerate(zip(data.shape[2:], self.begins, self.strides, strict=True), 2):
            pooled = pooled.narrow(axis, 0, min(pooled.shape[axis], -(-(size + begin) // stride)))
        return pooled

    def _same(self, sizes: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """As much as makes ceil(size / stride) windows; the odd one goes behind, or before for SAME_LOWER."""
        totals = [
            max((-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
            for size, kernel, stride, dilation in zip(sizes, self.kernel, self.strides, self.dilations, strict=True)
        ]
        less, more = tuple(total // 2 for total in totals), tuple(total - total // 2 for total in totals)
        return (more, less) if self.same == "SAME_LOWER" else (less, more)


def _window(node: Node, kernel: Sequence[int] | None) -> _Window:
    if not kernel or len(kernel) not in _CONVOLVE:
        raise node.refused(f"a window of shape {kernel}", "one to three dimensions known beforehand")
    rank = len(kernel)
    pads = node.integers("pads") or [0] * (2 * rank)
    auto_pad = node.text("auto_pad", "NOTSET")
    if auto_pad == "VALID":
        pads = [0] * (2 * rank)
    return _Window(
        kernel=tuple(kernel),
        strides=tuple(node.integers("strides") or [1] * rank),
        dilations=tuple(node.integers("dilations") or [1] * rank),
        begins=tuple(pads[:rank]),
        ends=tuple(pads[rank:]),
        same=auto_pad if auto_pad.startswith("SAME") else None,
    )


def _kernel_of_weights(node: Node) -> Sequence[int] | None:
    weights = node.constant(1)
    return node.integers("kernel_shape") if weights is None else list(weights.shape[2:])


def _convolution(node: Node) -> Call:
    window = _window(node, _kernel_of_weights(node))
    function: Callable[..., Tensor] = _CONVOLVE[window.rank]
    strides, dilations, groups = window.strides, window.dilations, node.integer("group", 1)
    if window.is_symmetric:
        pads = window.begins
        return lambda data, weights, bias=None: function(data, weights, bias, strides, pads, dilations, groups)

    def padded(data: Tensor, weights: Tensor, bias: Tensor | None = None) -> Tensor:
        return function(F.pad(data, window.padding(data)), weights, bias, strides, 0, dilations, groups)

    return padded


def _transposed_convolution(node: Node) -> Call:
    window = _window(node, _kernel_of_weights(node))
    function: Callable[..., Tensor] = _TRANSPOSE[window.rank]
    groups = node.integer("group", 1)
    extra = tuple(node.integers("output_padding") or [0] * window.rank)
    wanted = node.integers("output_shape")
    if window.is_symmetric and not wanted:
        pads = window.begins
        return lambda data, weights, bias=None: function(
            data, weights, bias, window.strides, pads, extra, groups, window.dilations
        )

    def cropped(data: Tensor, weights: Tensor, bias: Tensor | None = None) -> Tensor:
        whole = function(data, weights, bias, window.strides, 0, extra, groups, window.dilations)
        begins, ends = _crops(window, whole.shape[2:], data.shape[2:], wanted)
        # Negative padding cuts off.
        return F.pad(whole, [-size for pair in zip(reversed(begins), reversed(ends), strict=True) for size in pair])

    return cropped


def _crops(
    window: _Window, whole: Sequence[int], taken: Sequence[int], wanted: Sequence[int] | None
) -> tuple[Sequence[int], Sequence[int]]:
    if window.same is None and not wanted:
        return window.begins, window.ends
    sizes = wanted or [size * stride for size, stride in zip(taken, window.strides, strict=True)]
    totals = [max(size - end, 0) for size, end in zip(whole, sizes, strict=True)]
    less, more = [total // 2 for total in totals], [total - total // 2 for total in totals]
    return (less, more) if window.same == "SAME_UPPER" else (more, less)


def _max_pool(node: Node) -> Call:
    if node.outputs > 1:
        raise node.refused("the indices as an output that is used", "the values alone")
    window = _window(node, node.integers("kernel_shape"))
    function: Callable[..., Tensor] = _MAX_POOL[window.rank]
    arguments = (window.kernel, window.strides)
    ceil = bool(node.integer("ceil_mode", 0))
    # Torch pads at most half a window.
    if window.is_symmetric and all(2 * pad <= size for pad, size in zip(window.begins, window.kernel, strict=True)):
        pads, dilations = window.begins, window.dilations
        return lambda data: function(data, *arguments, pads, dilations, ceil)

    def padded(data: Tensor) -> Tensor:
        room = F.pad(data, window.padding(data), value=float("-inf"))
        pooled = function(room, *arguments, 0, window.dilations, ceil)
        return window.windows(pooled, data) if ceil and window.same is None else pooled

    return padded


def _average_pool(node: Node) -> Call:
    window = _window(node, node.integers("kernel_shape"))
    if set(window.dilations) != {1}:
        raise node.refused(f"dilations={window.dilations}", "no dilation")
    if window.same and node.integer("ceil_mode", 0) and node.integer("count_include_pad", 0):
        raise node.refused(f"auto_pad={window.same} with ceil_mode and count_include_pad", "one of them")
    function: Callable[..., Tensor] = _AVERAGE_POOL[window.rank]
    ceil, counts_padding = bool(node.integer("ceil_mode", 0)), bool(node.integer("count_include_pad", 0))
    if window.is_symmetric and all(2 * pad <= size for pad, size in zip(window.begins, window.kernel, strict=True)):
        return lambda data: function(data, window.kernel, window.strides, window.begins, ceil, counts_padding)

    def padded(data: Tensor) -> Tensor:
        pads = window.padding(data)
        averages = function(F.pad(data, pads), window.kernel, window.strides, 0, ceil)
        averages = window.windows(averages, data) if ceil and window.same is None else averages
        if counts_padding:
            return averages
        counts = function(F.pad(torch.ones_like(data[:1, :1]), pads), window.kernel, window.strides, 0, ceil)
        return averages / (window.windows(counts, data) if ceil and window.same is None else counts)

    return padded


def _global_average(data: Tensor) -> Tensor:
    return data.mean(dim=tuple(range(2, data.dim())), keepdim=True)


def _global_maximum(data: Tensor) -> Tensor:
    pooled: Tensor = _GLOBAL_MAX[data.dim() - 2](data, 1)
    return pooled


def _local_response(node: Node) -> Call:
    return functools.partial(
        F.local_response_norm,
        size=node.integer("size", 1),
        alpha=node.number("alpha", 1e-4),
        beta=node.number("beta", 0.75),
        k=node.number("bias", 1.0),
    )


WINDOWS: dict[str, Builder] = {
    "AveragePool": _average_pool,
    "Conv": _convolution,
    "ConvTranspose": _transposed_convolution,
    "GlobalAveragePool": lambda node: _global_average,
    "GlobalMaxPool": lambda node: _global_maximum,
    "LRN": _local_response,
    "MaxPool": _max_pool,
}
