"""The operators of torch that a program may call: those of common classifiers, none that reads a file or runs code."""

import operator
from collections.abc import Callable
from typing import Any

import torch

# Base names; each with all its overloads.
_ATEN_NAMES = """
    abs adaptive_avg_pool1d _adaptive_avg_pool2d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d
    adaptive_max_pool2d add addmm alias amax amin arange argmax argmin atan avg_pool1d avg_pool2d avg_pool3d
    baddbmm batch_norm bitwise_and bitwise_not bitwise_or bmm broadcast_to cat ceil celu chunk clamp clamp_max
    clamp_min clone constant_pad_nd contiguous conv1d conv2d conv3d conv_transpose1d conv_transpose2d
    conv_transpose3d convolution cos cumsum detach div dropout einsum elu embedding eq erf exp expand expand_as
    feature_dropout flatten flip floor floor_divide full full_like gather ge gelu group_norm gt hardsigmoid
    hardswish hardtanh index_select instance_norm layer_norm le leaky_relu lift_fresh_copy linalg_vector_norm
    linear log log1p _log_softmax log_softmax logical_and logical_not logical_or logical_xor logsumexp lt
    masked_fill matmul max max_pool1d max_pool2d max_pool2d_with_indices max_pool3d maximum mean min minimum mish
    mm movedim mul narrow native_batch_norm _native_batch_norm_legit_no_training native_group_norm
    native_layer_norm ne neg norm ones ones_like pad permute pixel_shuffle pixel_unshuffle pow prelu prod
    reciprocal reflection_pad1d reflection_pad2d relu relu6 remainder repeat repeat_interleave replication_pad2d
    reshape rms_norm round rsqrt rsub _safe_softmax scalar_tensor scaled_dot_product_attention select selu sigmoid
    sign silu sin slice _softmax softmax softplus softsign split split_with_sizes sqrt square squeeze stack std
    sub sum sym_numel sym_size t tanh to _to_copy topk transpose tril triu type_as unbind unflatten unfold
    _unsafe_view unsqueeze upsample_bilinear2d upsample_nearest2d var var_mean view view_as where zeros zeros_like
"""
# They write into their first argument, which must be a value of the pass.
_IN_PLACE_NAMES = (
    "add_ clamp_ detach_ div_ dropout_ elu_ hardsigmoid_ hardswish_ hardtanh_ leaky_relu_ masked_fill_ mish_ mul_ "
    "relu_ relu6_ sigmoid_ silu_ sub_ tanh_"
)
# What the exporter checked once; nothing reads their answers.
_CHECK_NAMES = "_assert_async _assert_scalar _assert_tensor_metadata sym_constrain_range_for_size"
_ATEN, _IN_PLACE, _CHECKS = (frozenset(names.split()) for names in (_ATEN_NAMES, _IN_PLACE_NAMES, _CHECK_NAMES))
_PYTHON_NAMES = "add sub mul floordiv truediv mod neg eq ne lt le gt ge getitem"
_PYTHON: dict[str, Callable[..., Any]] = {
    f"_operator.{name}": getattr(operator, name) for name in _PYTHON_NAMES.split()
}


def find_operator(target: str) -> Callable[..., Any] | None:
    """What `target` of a serialised node names; None where it may not be called."""
    if target in _PYTHON:
        return _PYTHON[target]
    base, overload = _aten_name(target)
    # Overloads with `out` write into a tensor given to them.
    if (base not in _ATEN and base not in _IN_PLACE) or "out" in overload:
        return None
    packet = getattr(torch.ops.aten, base, None)
    if packet is None or overload not in packet.overloads():
        return None
    found: Callable[..., Any] = getattr(packet, overload)
    return found


def is_check(target: str) -> bool:
    """Whether the node only asserts."""
    return _aten_name(target)[0] in _CHECKS


def writes_in_place(target: str) -> bool:
    """Whether the node changes its first argument."""
    return _aten_name(target)[0] in _IN_PLACE


def base_name(target: str) -> str:
    """`softmax` of `torch.ops.aten.softmax.int`; empty for what is no operator of aten."""
    return _aten_name(target)[0]


def _aten_name(target: str) -> tuple[str, str]:
    base, _, overload = target.removeprefix("torch.ops.aten.").partition(".")
    return (base, overload) if target.startswith("torch.ops.aten.") else ("", "")
