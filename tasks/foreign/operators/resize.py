"""Resize and Upsample, axis by axis: each new position reads one number (nearest) or two (linear)."""

import functools
import math
from collections.abc import Callable

import torch
from torch import Tensor

from tasks.foreign.node import Builder, Call, Node, integers_of

_COORDINATES = {"half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners"}
_ROUNDINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "floor": torch.floor,
    "ceil": torch.ceil,
    "round_prefer_floor": lambda value: torch.ceil(value - 0.5),
    "round_prefer_ceil": lambda value: torch.floor(value + 0.5),
}


def _resize(node: Node) -> Call:
    node.require("mode", "nearest", "nearest", "linear")
    node.require("antialias", 0, 0)
    node.require("keep_aspect_ratio_policy", "stretch", "stretch")
    is_old = node.op == "Upsample" or node.opset < 11
    default = "asymmetric" if is_old else "half_pixel"
    node.require("coordinate_transformation_mode", default, *_COORDINATES)
    node.require("nearest_mode", "round_prefer_floor", *_ROUNDINGS)
    coordinates = node.text("coordinate_transformation_mode", default)
    rounding = node.text("nearest_mode", "floor" if is_old else "round_prefer_floor")
    mode = rounding if node.text("mode", "nearest") == "nearest" else "linear"
    axes = node.integers("axes")
    scales_at, sizes_at = (1, None) if is_old else (2, 3)

    def call(data: Tensor, *inputs: Tensor | None) -> Tensor:
        scales = node.attributes.get("scales")
        if scales is None and len(inputs) >= scales_at and (given := inputs[scales_at - 1]) is not None:
            scales = given.reshape(-1).tolist()
        sizes = inputs[sizes_at - 1] if sizes_at and len(inputs) >= sizes_at else None
        along = axes or list(range(data.dim()))
        wanted = [None] * len(along) if sizes is None else integers_of(sizes)
        factors = scales or [0.0] * len(along)
        for axis, scale, size in zip(along, factors, wanted, strict=True):
            data = _along(data, axis, scale, size, coordinates, mode)
        return data

    return call


def _along(data: Tensor, axis: int, scale: float, size: int | None, coordinates: str, mode: str) -> Tensor:
    old = data.shape[axis]
    new = math.floor(old * scale) if size is None else size
    factor = scale if size is None else new / old
    if new == old and factor == 1:
        return data
    below, above, weight = _positions(old, new, factor, coordinates, mode)
    low = data.index_select(axis, below.to(data.device))
    if mode != "linear":
        return low
    high = data.index_select(axis, above.to(data.device))
    return torch.lerp(
        low, high, weight.to(data).reshape([-1 if at == axis % data.dim() else 1 for at in range(data.dim())])
    )


@functools.lru_cache(maxsize=64)
def _positions(old: int, new: int, scale: float, coordinates: str, mode: str) -> tuple[Tensor, Tensor, Tensor]:
    """Of each new position: the old ones around it (one twice for nearest), and the weight of the upper."""
    at = torch.arange(new, dtype=torch.float64)
    if coordinates == "asymmetric":
        source = at / scale
    elif coordinates == "align_corners":
        source = at * ((old - 1) / (new - 1)) if new > 1 else at * 0
    elif coordinates == "pytorch_half_pixel" and new == 1:
        source = at * 0
    else:
        source = (at + 0.5) / scale - 0.5
    if mode == "linear":
        source = source.clamp(0, old - 1)
        below = source.floor()
        return below.long(), (below + 1).clamp(max=old - 1).long(), source - below
    rounded = _ROUNDINGS[mode](source)
    nearest = rounded.clamp(0, old - 1).long()
    return nearest, nearest, source * 0


RESIZE: dict[str, Builder] = {"Resize": _resize, "Upsample": _resize}
