"""Matrix products, and the normalisations that scale by weights."""

import torch
from torch import Tensor
from torch.nn import functional as F

from tasks.foreign.node import Builder, Call, Node


def _gemm(node: Node) -> Call:
    alpha, beta = node.number("alpha", 1.0), node.number("beta", 1.0)
    turn_a, turn_b = node.integer("transA", 0), node.integer("transB", 0)
    bias = node.constant(2)
    if not turn_a and turn_b and alpha == beta == 1 and (not node.has(2) or (bias is not None and bias.dim() == 1)):
        return F.linear

    def general(a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
        left, right = a.T if turn_a else a, b.T if turn_b else b
        if c is not None:
            return torch.addmm(c, left, right, beta=beta, alpha=alpha)
        product = left @ right
        return product if alpha == 1 else alpha * product

    return general


def _einsum(node: Node) -> Call:
    equation = node.text("equation", "")
    return lambda *values: torch.einsum(equation, *values)


def _batch_norm(node: Node) -> Call:
    node.require("training_mode", 0, 0)
    if node.outputs > 1:
        raise node.refused("running statistics as outputs that are used", "the values alone")
    epsilon = node.number("epsilon", 1e-5)
    return lambda data, scale, bias, mean, variance: F.batch_norm(
        data, mean, variance, scale, bias, training=False, eps=epsilon
    )


def _instance_norm(node: Node) -> Call:
    epsilon = node.number("epsilon", 1e-5)
    return lambda data, scale, bias: F.instance_norm(data, weight=scale, bias=bias, eps=epsilon)


def _layer_norm(node: Node) -> Call:
    if node.outputs > 1:
        raise node.refused("mean and deviation as outputs that are used", "the values alone")
    axis, epsilon = node.integer("axis", -1), node.number("epsilon", 1e-5)

    def call(data: Tensor, scale: Tensor, bias: Tensor | None = None) -> Tensor:
        normed = data.shape[axis:] if axis < 0 else data.shape[axis % data.dim() :]
        if scale.shape == normed and (bias is None or bias.shape == normed):
            return F.layer_norm(data, normed, scale, bias, epsilon)
        scaled = F.layer_norm(data, normed, None, None, epsilon) * scale
        return scaled if bias is None else scaled + bias

    return call


def _group_norm(node: Node) -> Call:
    groups, epsilon = node.integer("num_groups", 1), node.number("epsilon", 1e-5)
    if node.opset >= 21:
        return lambda data, scale, bias: F.group_norm(data, groups, scale, bias, epsilon)

    def scaled_by_group(data: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
        """Operator set 18 has one scale a group, later ones one a channel."""
        channels = data.shape[1] // groups
        return F.group_norm(data, groups, scale.repeat_interleave(channels), bias.repeat_interleave(channels), epsilon)

    return scaled_by_group


def _rms_norm(node: Node) -> Call:
    axis, epsilon = node.integer("axis", -1), node.number("epsilon", 1e-5)

    def call(data: Tensor, scale: Tensor) -> Tensor:
        axes = tuple(range(axis % data.dim(), data.dim()))
        return data * torch.rsqrt(data.square().mean(axes, keepdim=True) + epsilon) * scale

    return call


def _lp_norm(node: Node) -> Call:
    axis, order = node.integer("axis", -1), node.integer("p", 2)
    return lambda data: data / torch.linalg.vector_norm(data, order, dim=axis, keepdim=True)


LINEAR: dict[str, Builder] = {
    "BatchNormalization": _batch_norm,
    "Einsum": _einsum,
    "Gemm": _gemm,
    "GroupNormalization": _group_norm,
    "InstanceNormalization": _instance_norm,
    "LayerNormalization": _layer_norm,
    "LpNormalization": _lp_norm,
    "MatMul": lambda node: torch.matmul,
    "RMSNormalization": _rms_norm,
}
