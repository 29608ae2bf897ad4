"""Operators that fold axes away, or rank along one. Axes are an attribute in older operator sets, an input in newer."""

from collections.abc import Callable

import torch
from torch import Tensor

from tasks.foreign.node import Builder, Call, Node

_Reduction = Callable[[Tensor, tuple[int, ...], bool], Tensor]


def _reduce(function: _Reduction) -> Builder:
    def build(node: Node) -> Call:
        axes = node.known_integers("axes", 1)
        keep = bool(node.integer("keepdims", 1))
        if axes:
            fixed = tuple(axes)
            return lambda data, _=None: function(data, fixed, keep)
        if node.integer("noop_with_empty_axes", 0):
            return lambda data, _=None: data
        return lambda data, _=None: function(data, tuple(range(data.dim())), keep)

    return build


def _product(data: Tensor, axes: tuple[int, ...], keep: bool) -> Tensor:
    for axis in sorted((axis % data.dim() for axis in axes), reverse=True):
        data = data.prod(axis, keepdim=keep)
    return data


def _extreme(kind: str) -> Builder:
    def build(node: Node) -> Call:
        axis, keep = node.integer("axis", 0), bool(node.integer("keepdims", 1))
        last = bool(node.integer("select_last_index", 0))
        function: Callable[..., Tensor] = getattr(torch, kind)

        def call(data: Tensor) -> Tensor:
            if not last:
                return function(data, dim=axis, keepdim=keep)
            return data.shape[axis] - 1 - function(data.flip(axis), dim=axis, keepdim=keep)

        return call

    return build


def _top_k(node: Node) -> Call:
    axis, largest = node.integer("axis", -1), bool(node.integer("largest", 1))
    ordered = bool(node.integer("sorted", 1))
    fixed = node.known_integers("k", 1)
    if fixed is None:
        raise node.refused("no k", "a constant k")
    return lambda data, _=None: tuple(torch.topk(data, fixed[0], axis, largest, ordered))


def _cumulative_sum(node: Node) -> Call:
    axes = node.known_integers("axis", 1) or [0]
    reverse, exclusive = node.integer("reverse", 0), node.integer("exclusive", 0)

    def call(data: Tensor, _: Tensor) -> Tensor:
        turned = data.flip(axes[0]) if reverse else data
        summed = turned.cumsum(axes[0])
        summed = summed - turned if exclusive else summed
        return summed.flip(axes[0]) if reverse else summed

    return call


REDUCTIONS: dict[str, Builder] = {
    "ArgMax": _extreme("argmax"),
    "ArgMin": _extreme("argmin"),
    "CumSum": _cumulative_sum,
    "ReduceL1": _reduce(lambda data, axes, keep: data.abs().sum(axes, keepdim=keep)),
    "ReduceL2": _reduce(lambda data, axes, keep: torch.linalg.vector_norm(data, dim=axes, keepdim=keep)),
    "ReduceLogSum": _reduce(lambda data, axes, keep: data.sum(axes, keepdim=keep).log()),
    "ReduceLogSumExp": _reduce(lambda data, axes, keep: torch.logsumexp(data, axes, keepdim=keep)),
    "ReduceMax": _reduce(lambda data, axes, keep: torch.amax(data, axes, keepdim=keep)),
    "ReduceMean": _reduce(lambda data, axes, keep: data.mean(axes, keepdim=keep)),
    "ReduceMin": _reduce(lambda data, axes, keep: torch.amin(data, axes, keepdim=keep)),
    "ReduceProd": _reduce(_product),
    "ReduceSum": _reduce(lambda data, axes, keep: data.sum(axes, keepdim=keep)),
    "ReduceSumSquare": _reduce(lambda data, axes, keep: data.square().sum(axes, keepdim=keep)),
    "TopK": _top_k,
}
