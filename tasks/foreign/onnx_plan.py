"""What a pass through an ONNX graph does, worked out beforehand: a slot a value, a step a node.

Constants are folded; values that come from shapes alone stay on the CPU, wherever the rows are.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from assay.errors import SpecError
from tasks.foreign.node import Call, Node
from tasks.foreign.onnx_file import tensor_values
from tasks.foreign.operators import OPERATORS, READ_AS_NUMBERS, TABLES
from tasks.foreign.steps import ABSENT, ROWS, UNFIT, Plan, Step, with_spent

if TYPE_CHECKING:
    import onnx

    from tasks.foreign.score_graph import ScoreGraph

_OF_SHAPES = {"Shape", "Size"}
_CONSTANTS = ("value", "value_float", "value_int", "value_floats", "value_ints")


def plan_pass(graph: "ScoreGraph") -> Plan:
    """The plan of `graph`. Raises SpecError naming the operators, or the node, that are not supported."""
    _refuse_unknown(graph.model, graph.name)
    planner = _Planner(graph)
    for tensor in graph.model.graph.initializer:
        planner.hold(tensor.name, _tensor(tensor, tensor.name))
    with torch.no_grad():
        for node in graph.model.graph.node:
            planner.add(node)
    return planner.plan(graph.output)


class _Planner:
    def __init__(self, graph: "ScoreGraph") -> None:
        self._name, self._opset = graph.name, graph.opset
        self._slot_of = {"": ABSENT, graph.input.name: ROWS}
        self._known: list[Tensor | None] = [None, None]
        self._steps: list[Step] = []
        self._of_shapes: set[int] = set()
        self._twins: dict[int, int] = {}  # of a slot, the one that holds the same value on the other device
        self._used = {name for node in graph.model.graph.node for name in node.input} | {graph.output}

    def hold(self, name: str, value: Tensor) -> None:
        """A value that is known beforehand."""
        self._slot_of[name] = self._new_slot(value)

    def add(self, proto: Any) -> None:
        """The node as a constant where all that it reads is known, else as a step."""
        if proto.op_type == "Constant":
            return self.hold(proto.output[0], self._constant(proto))
        node = self._node(proto)
        try:
            call = (TABLES if proto.domain == "ai.onnx.ml" else OPERATORS)[proto.op_type](node)
        except UNFIT as error:
            raise node.refused(f"attributes that it cannot take ({error})", "valid attributes") from error
        slots = [self._slot(name, node) for name in proto.input]
        if proto.op_type == "Gather" and slots[1] == ROWS:
            raise node.refused("rows that are places in a table, such as tokens", "rows that are numbers to change")
        if slots and all(slot == ABSENT or self._known[slot] is not None for slot in slots):
            return self._fold(proto, node, call, slots)
        return self._add_step(proto, node, call, slots)

    def plan(self, output: str) -> Plan:
        """Raises SpecError when the scores do not depend on the rows."""
        slot = self._slot_of.get(output, ABSENT)
        if self._known[slot] is not None or slot in self._of_shapes or slot == ABSENT:
            raise SpecError(
                f"{self._name}: expected scores that depend on the rows, found `{output}` constant; export it again"
            )
        read = {slot for step in self._steps for slot in step.inputs}
        known = {slot: value for slot in sorted(read) if (value := self._known[slot]) is not None}
        return Plan(
            steps=with_spent(self._steps, slot),
            slots=len(self._known),
            output=slot,
            weights={slot: value for slot, value in known.items() if slot not in self._of_shapes},
            fixed={slot: value for slot, value in known.items() if slot in self._of_shapes},
        )

    def _node(self, proto: Any) -> Node:
        used = [at for at, name in enumerate(proto.output, start=1) if name in self._used]
        slots = [self._slot_of.get(name, ABSENT) for name in proto.input]
        return Node(
            op=proto.op_type,
            title=_title(proto),
            opset=self._opset,
            attributes=_attributes(proto),
            constants=tuple(self._known[slot] for slot in slots),
            given=tuple(bool(name) for name in proto.input),
            outputs=max(used, default=1),
        )

    def _slot(self, name: str, node: Node) -> int:
        if name not in self._slot_of:
            raise node.refused(f"input `{name}`, which nothing computes", "a sorted graph")
        return self._slot_of[name]

    def _constant(self, proto: Any) -> Tensor:
        attribute = next((one for one in proto.attribute if one.name in _CONSTANTS), None)
        if attribute is None:
            raise SpecError(f"node {_title(proto)}: Constant: expected numbers, found another kind; export it again")
        if attribute.HasField("t"):
            return _tensor(attribute.t, proto.output[0])
        return torch.tensor(_attributes(proto)[attribute.name])

    def _fold(self, proto: Any, node: Node, call: Call, slots: Sequence[int]) -> None:
        values = [self._known[slot] for slot in slots]
        try:
            result = call(*values, *([torch.zeros(1)] if proto.op_type == "Cast" else []))
        except UNFIT as error:
            raise node.refused(f"constants that it cannot take ({error})", "valid constants") from error
        parts = result if isinstance(result, tuple) else (result,)
        for name, part in zip(proto.output, parts, strict=False):
            self.hold(name, part)

    def _add_step(self, proto: Any, node: Node, call: Call, slots: Sequence[int]) -> None:
        stays = proto.op_type in _OF_SHAPES
        of_shapes = all(slot == ABSENT or self._known[slot] is not None or slot in self._of_shapes for slot in slots)
        numbers = READ_AS_NUMBERS.get(proto.op_type, frozenset())
        inputs = [
            slot if stays else self._placed(slot, on_cpu=of_shapes or at in numbers) for at, slot in enumerate(slots)
        ]
        if proto.op_type == "Cast":
            inputs.append(ROWS)
        outputs = tuple(self._new_slot(None) for _ in proto.output[: node.outputs])
        self._slot_of.update(zip(proto.output, outputs, strict=False))
        self._of_shapes.update(outputs if stays or of_shapes else ())
        is_alone = len(outputs) == 1 and proto.op_type not in {"Split", "TopK", "LinearClassifier"}
        self._steps.append(
            Step(call, node.title, tuple(inputs), outputs[0] if is_alone else None, () if is_alone else outputs)
        )

    def _placed(self, slot: int, *, on_cpu: bool) -> int:
        """`slot`, or its twin where the value lies on the other device: a constant twice, a computed one moved."""
        known = self._known[slot]
        if slot in {ABSENT, ROWS} or (known is None and (on_cpu or slot not in self._of_shapes)):
            return slot
        if known is not None and not on_cpu:
            return slot
        if slot not in self._twins:
            self._twins[slot] = self._new_slot(known)
            if known is None:
                self._steps.append(Step(_to_device, "move to the device", (slot, ROWS), self._twins[slot]))
            else:
                self._of_shapes.add(self._twins[slot])
        return self._twins[slot]

    def _new_slot(self, value: Tensor | None) -> int:
        self._known.append(value)
        return len(self._known) - 1


def _to_device(value: Tensor, rows: Tensor) -> Tensor:
    return value.to(rows.device)


def _refuse_unknown(model: "onnx.ModelProto", name: str) -> None:
    unknown = [node for node in model.graph.node if not _is_known(node)]
    if unknown:
        names = [f"{node.domain}:{node.op_type}" if node.domain else node.op_type for node in unknown]
        found = "; ".join(f"{name} (node {_title(node)})" for name, node in zip(names[:5], unknown, strict=False))
        raise SpecError(
            f"{name}: expected operators that have a gradient here, found {found}; "
            "export the model without them, or attack it through its queries alone"
        )


def _is_known(proto: Any) -> bool:
    if proto.domain == "ai.onnx.ml":
        return proto.op_type in TABLES
    return proto.domain in {"", "ai.onnx"} and (proto.op_type == "Constant" or proto.op_type in OPERATORS)


def _title(proto: Any) -> str:
    return f"`{proto.name or (proto.output[0] if proto.output else '?')}`"


def _attributes(proto: Any) -> dict[str, Any]:
    from onnx import helper

    return {
        attribute.name: _tensor(attribute.t, proto.output[0])
        if attribute.HasField("t")
        else helper.get_attribute_value(attribute)
        for attribute in proto.attribute
        if not attribute.HasField("g")
    }


def _tensor(proto: Any, name: str) -> Tensor:
    values = tensor_values(proto, name)
    try:
        return torch.from_numpy(values.copy())
    except TypeError as error:
        raise SpecError(f"tensor `{name}`: expected a type that torch has, found {values.dtype}; convert it") from error
