"""Operators that rearrange numbers, and those that compute the shapes to do it with.

Shapes known beforehand are read once; the others are small integer tensors on the CPU.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from tasks.foreign.node import Builder, Call, Node, integers_of


def _reshape(node: Node) -> Call:
    keeps_zero = bool(node.integer("allowzero", 0))
    fixed = node.constant(1)
    if fixed is None:
        return lambda data, shape: data.reshape(_filled(integers_of(shape), data, keeps_zero))
    target = integers_of(fixed)
    if keeps_zero or 0 not in target:
        return lambda data, _: data.reshape(target)
    return lambda data, _: data.reshape(_filled(target, data, keeps_zero))


def _filled(target: list[int], data: Tensor, keeps_zero: bool) -> list[int]:
    """0 stands for the size that the axis has."""
    return target if keeps_zero else [size or data.shape[axis] for axis, size in enumerate(target)]


def _flatten(node: Node) -> Call:
    axis = node.integer("axis", 1)
    if axis == 1:
        return lambda data: data.flatten(1) if data.dim() > 1 else data.unsqueeze(1)

    def call(data: Tensor) -> Tensor:
        at = axis % data.dim() if axis < 0 else axis
        return data.reshape(data.shape[:at].numel(), -1)

    return call


def _transpose(node: Node) -> Call:
    order = node.integers("perm")
    if order is None:
        return lambda data: data.permute(tuple(reversed(range(data.dim()))))
    return lambda data: data.permute(order)


def _squeeze(node: Node) -> Call:
    axes = node.known_integers("axes", 1)
    if axes is None:
        return lambda data: data.squeeze()
    fixed = tuple(axes)
    return lambda data, _=None: data.squeeze(fixed)


def _unsqueeze(node: Node) -> Call:
    axes = node.known_integers("axes", 1)
    if axes is None:
        raise node.refused("no axes", "constant axes")
    if len(axes) == 1:
        return lambda data, _=None: data.unsqueeze(axes[0])

    def call(data: Tensor, _: Tensor | None = None) -> Tensor:
        rank = data.dim() + len(axes)
        for axis in sorted(axis % rank for axis in axes):
            data = data.unsqueeze(axis)
        return data

    return call


def _concat(node: Node) -> Call:
    axis = node.integer("axis", 1)
    return lambda *values: torch.cat(values, axis)


def _split(node: Node) -> Call:
    axis, sizes = node.integer("axis", 0), node.known_integers("split", 1)
    if sizes is not None:
        return lambda data, _=None: data.split(sizes, axis)
    # Equal parts, the last one smaller: ceil(size / parts) each.
    parts = node.integer("num_outputs", node.outputs)
    return lambda data: data.split(-(-data.shape[axis] // parts), axis)


def _slice(node: Node) -> Call:
    starts, ends = node.integers("starts"), node.integers("ends")
    if starts is not None and ends is not None:
        axes = node.integers("axes") or list(range(len(starts)))
        return lambda data: _sliced(data, starts, ends, axes, [1] * len(starts))
    known = [node.constant(at) for at in range(1, 5)]
    if all(constant is not None for at, constant in enumerate(known, start=1) if node.has(at)):
        plan = _slice_plan(*known)
        return lambda data, *_: _sliced(data, *plan)
    return lambda data, *inputs: _sliced(data, *_slice_plan(*inputs))


def _slice_plan(
    starts: Tensor | None, ends: Tensor | None, axes: Tensor | None = None, steps: Tensor | None = None
) -> tuple[list[int], list[int], list[int], list[int]]:
    first = [] if starts is None else integers_of(starts)
    return (
        first,
        [] if ends is None else integers_of(ends),
        list(range(len(first))) if axes is None else integers_of(axes),
        [1] * len(first) if steps is None else integers_of(steps),
    )


def _sliced(data: Tensor, starts: list[int], ends: list[int], axes: list[int], steps: list[int]) -> Tensor:
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        size = data.shape[axis]
        if step < 0:  # Torch has no negative steps: turn the axis, and count from its other end.
            first, last, _ = slice(start, end, step).indices(size)
            data = data.flip(axis)
            data = _narrowed(data, axis, size - 1 - first, size - 1 - last, -step)
        else:
            first, last, _ = slice(start, end, step).indices(size)
            data = _narrowed(data, axis, first, last, step)
    return data


def _narrowed(data: Tensor, axis: int, first: int, last: int, step: int) -> Tensor:
    narrow = data.narrow(axis, first, max(last - first, 0))
    if step == 1:
        return narrow
    return narrow[(slice(None),) * (axis % data.dim()) + (slice(None, None, step),)]


def _gather(node: Node) -> Call:
    axis, known = node.integer("axis", 0), node.constant(1)
    if known is not None and known.dim() == 0:
        position = int(known.item())
        return lambda data, _: data.select(axis, position)

    def call(data: Tensor, indices: Tensor) -> Tensor:
        size = data.shape[axis]
        flat = indices.reshape(-1)
        chosen = data.index_select(axis, torch.where(flat < 0, flat + size, flat))
        at = axis % data.dim()
        return chosen.reshape(data.shape[:at] + indices.shape + data.shape[at + 1 :])

    return call


def _gather_elements(node: Node) -> Call:
    axis = node.integer("axis", 0)
    return lambda data, indices: data.gather(
        axis, torch.where(indices < 0, indices + data.shape[axis], indices).to(torch.int64)
    )


def _gather_nd(node: Node) -> Call:
    node.require("batch_dims", 0, 0)
    return lambda data, indices: data[tuple(indices.unbind(-1))]


def _expand(data: Tensor, shape: Tensor) -> Tensor:
    wanted = integers_of(shape)
    axes = max(data.dim(), len(wanted))
    have, want = [1] * (axes - data.dim()) + list(data.shape), [1] * (axes - len(wanted)) + wanted
    return data.expand([new if old == 1 else old for old, new in zip(have, want, strict=True)])


def _pad(node: Node) -> Call:
    mode = node.text("mode", "constant")
    node.require("mode", "constant", "constant", "reflect", "edge")
    old = node.integers("pads")
    value = node.number("value", 0.0)

    def call(
        data: Tensor, pads: Tensor | None = None, fill: Tensor | None = None, axes: Tensor | None = None
    ) -> Tensor:
        sizes = old if old is not None else integers_of(pads) if pads is not None else []
        along = list(range(data.dim())) if axes is None else [axis % data.dim() for axis in integers_of(axes)]
        filler = value if fill is None or not fill.numel() else fill.item()
        return _padded(data, sizes, along, mode, filler)

    return call


def _padded(data: Tensor, sizes: list[int], axes: list[int], mode: str, value: float) -> Tensor:
    around = [(0, 0)] * data.dim()
    for position, axis in enumerate(axes):
        around[axis] = (sizes[position], sizes[position + len(axes)])
    if mode == "constant":
        return F.pad(data, [size for pair in reversed(around) for size in pair], value=value)
    for axis, (before, behind) in enumerate(around):
        if before or behind:
            data = data.index_select(axis, _mirror(data.shape[axis], before, behind, mode).to(data.device))
    return data


def _mirror(size: int, before: int, behind: int, mode: str) -> Tensor:
    """Which numbers of an axis stand where after padding with numbers of its own."""
    positions = torch.arange(-before, size + behind)
    if mode == "edge":
        return positions.clamp(0, size - 1)
    positions = positions.abs()
    return torch.where(positions >= size, 2 * (size - 1) - positions, positions)


def _shape(node: Node) -> Call:
    start, end = node.integer("start", 0), node.attributes.get("end")
    return lambda data: torch.tensor(data.shape[start:end])


def _constant_of_shape(node: Node) -> Call:
    value: Tensor = node.attributes.get("value", torch.zeros(1))
    return lambda shape: value.reshape(()).expand(integers_of(shape)).clone()


def _range(start: Tensor, limit: Tensor, delta: Tensor) -> Tensor:
    return torch.arange(start.item(), limit.item(), delta.item(), dtype=start.dtype)


def _dropout(node: Node) -> Call:
    """Nothing falls out when a model is examined."""
    training = node.constant(2)
    if node.has(2) and (training is None or bool(training)):
        raise node.refused("training_mode", "an exported model in evaluation mode")
    if node.outputs > 1:
        return lambda data, *_: (data, torch.ones_like(data, dtype=torch.bool))
    return lambda data, *_: data


def _triangle(node: Node) -> Call:
    function: Callable[[Tensor, int], Tensor] = torch.triu if node.integer("upper", 1) else torch.tril
    offset = (node.known_integers("k", 1) or [0])[0]
    return lambda data, _=None: function(data, offset)


def _depth_to_space(node: Node) -> Call:
    side, mode = node.integer("blocksize", 1), node.text("mode", "DCR")

    def call(data: Tensor) -> Tensor:
        if mode == "CRD":
            return F.pixel_shuffle(data, side)
        rows, depth, height, width = data.shape
        blocks = data.reshape(rows, side, side, depth // side**2, height, width)
        return blocks.permute(0, 3, 4, 1, 5, 2).reshape(rows, depth // side**2, height * side, width * side)

    return call


def _space_to_depth(node: Node) -> Call:
    side = node.integer("blocksize", 1)

    def call(data: Tensor) -> Tensor:
        rows, depth, height, width = data.shape
        blocks = data.reshape(rows, depth, height // side, side, width // side, side)
        return blocks.permute(0, 3, 5, 1, 2, 4).reshape(rows, depth * side**2, height // side, width // side)

    return call


SHAPES: dict[str, Builder] = {
    "Concat": _concat,
    "ConstantOfShape": _constant_of_shape,
    "DepthToSpace": _depth_to_space,
    "Dropout": _dropout,
    "Expand": lambda node: _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "GatherND": _gather_nd,
    "Identity": lambda node: lambda data: data,
    "Pad": _pad,
    "Range": lambda node: _range,
    "Reshape": _reshape,
    "Shape": _shape,
    "Size": lambda node: lambda data: torch.tensor(data.numel()),
    "Slice": _slice,
    "SpaceToDepth": _space_to_depth,
    "Split": _split,
    "Squeeze": _squeeze,
    "Tile": lambda node: lambda data, repeats: data.repeat(integers_of(repeats)),
    "Transpose": _transpose,
    "Trilu": _triangle,
    "Unsqueeze": _unsqueeze,
}
