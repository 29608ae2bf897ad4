"""The serialised graph of a program becomes steps: each a call of a listed operator of torch, in the graph's order.

What is read is JSON as `torch.export.save` of torch 2.13 writes it (torch/_export/serde/schema.py); another form
shows as KeyError, TypeError and the like, which the caller turns into one clear error.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from assay.errors import SpecError
from tasks.foreign.aten_operators import base_name, find_operator, is_check, writes_in_place
from tasks.foreign.node import Call
from tasks.foreign.program_archive import SCALAR_TYPES, Archive
from tasks.foreign.steps import ABSENT, ROWS, Head, Plan, Step, with_spent

_TRANSPARENT = {
    "_to_copy",
    "alias",
    "clone",
    "contiguous",
    "dropout",
    "flatten",
    "reshape",
    "squeeze",
    "to",
    "unsqueeze",
    "view",
}
_SOFTMAXES = {"_log_softmax", "_softmax", "log_softmax", "softmax"}
_MEMORY_FORMATS = {
    1: torch.contiguous_format,
    2: torch.channels_last,
    3: torch.channels_last_3d,
    4: torch.preserve_format,
}
_CODES: dict[str, Mapping[int, Any]] = {
    "as_scalar_type": SCALAR_TYPES,
    "as_memory_format": _MEMORY_FORMATS,
    "as_layout": {7: torch.strided},
}
_PLAIN = {"as_int", "as_ints", "as_float", "as_floats", "as_bool", "as_bools", "as_string", "as_int_lists"}
_IGNORED_KEYWORDS = {"pin_memory"}


@dataclass(frozen=True)
class ProgramPlan:
    """input_shape: of one row. input_type: NumPy's name of what the program takes."""

    steps: Plan
    head: Head
    input_shape: tuple[int, ...]
    input_type: str


def plan_program(archive: Archive, name: str) -> ProgramPlan:
    """The plan of the program. Raises SpecError, naming it, for what is not supported."""
    planner = _Planner(archive, name)
    steps, head = planner.plan()
    return ProgramPlan(steps, head, planner.input_shape, planner.input_type)


class _Planner:
    """Reads the serialised graph once. input_shape and input_type: of the one tensor that the program takes."""

    def __init__(self, archive: Archive, name: str) -> None:
        self._name = name
        module = archive.program["graph_module"]
        self._graph, self._signature = module["graph"], module["signature"]
        self._slot_of: dict[str, int] = {}
        self._slots = 2
        self._steps: list[Step] = []
        self._weights: dict[int, torch.Tensor] = {}
        self._fixed: dict[int, Any] = {}
        self._readers: dict[str, Callable[[Any], int]] = {
            "as_none": lambda _: ABSENT,
            "as_tensor": lambda value: self._slot_of[value["name"]],
            "as_tensors": self._several("as_tensor"),
            "as_optional_tensor": self._argument,
            "as_optional_tensors": self._several("as_optional_tensor"),
            "as_sym_int": self._number,
            "as_sym_ints": self._several("as_sym_int"),
            "as_sym_float": self._number,
            "as_sym_bool": self._number,
            "as_device": lambda _: self._step_slot(lambda rows: rows.device, [ROWS]),
        }
        rows = self._bind_inputs(archive.tensors)
        self.input_type = self._row_type(rows)
        self.input_shape = self._row_shape(rows)

    def plan(self) -> tuple[Plan, Head]:
        """The steps to the scores, and how to read them."""
        output = self._scores_output()
        last = _last_activation(self._graph["nodes"], output)
        for position, node in enumerate(self._graph["nodes"]):
            if not is_check(node["target"]):
                self._add(node, is_last=position == last)
        slot = self._slot_of[output]
        is_binary = last is not None and base_name(self._graph["nodes"][last]["target"]) == "sigmoid"
        plan = Plan(with_spent(self._steps, slot), self._slots, slot, self._weights, self._fixed)
        return plan, Head.BINARY_LOGIT if is_binary else Head.LOGITS

    def _bind_inputs(self, tensors: Mapping[str, torch.Tensor]) -> str:
        """Slots for weights and rows; the name of the rows."""
        rows = []
        for spec in self._signature["input_specs"]:
            ((kind, held),) = spec.items()
            if kind == "user_input" and "as_tensor" in held["arg"]:
                rows.append(held["arg"]["as_tensor"]["name"])
            elif kind in {"parameter", "buffer", "tensor_constant"}:
                slot = self._new_slot(held["arg"]["name"])
                self._weights[slot] = tensors[held[f"{kind}_name"]]
            else:
                raise SpecError(f"{self._name}: expected one tensor as input, found {kind}; export it so")
        if len(rows) != 1:
            raise SpecError(f"{self._name}: expected one tensor as input, found {rows}; export a model of one input")
        self._slot_of[rows[0]] = ROWS
        return str(rows[0])

    def _row_type(self, rows: str) -> str:
        kind = str(SCALAR_TYPES[self._graph["tensor_values"][rows]["dtype"]]).removeprefix("torch.")
        if kind in {"bool", "bfloat16"}:
            raise SpecError(f"{self._name}: input `{rows}`: expected numbers, found {kind}; export a float32 input")
        return kind

    def _row_shape(self, rows: str) -> tuple[int, ...]:
        first, *rest = self._graph["tensor_values"][rows]["sizes"]
        free = [axis for axis, size in enumerate(rest, start=1) if "as_int" not in size]
        if "as_int" in first or free:
            found = f"axes {free} free as well" if free else f"it fixed at {first['as_int']}"
            raise SpecError(
                f"{self._name}: input `{rows}`: expected axis 0 free and no other, found {found}; "
                "export with dynamic_shapes=({0: torch.export.Dim('batch')},)"
            )
        if not rest:
            raise SpecError(f"{self._name}: input `{rows}`: expected rows and another axis, found rows alone")
        return tuple(int(size["as_int"]) for size in rest)

    def _scores_output(self) -> str:
        kinds = {kind for spec in self._signature["output_specs"] for kind in spec}
        if kinds != {"user_output"}:
            raise SpecError(
                f"{self._name}: expected a program that changes nothing, found {sorted(kinds - {'user_output'})}; "
                "export the model in evaluation mode"
            )
        names = [
            spec["user_output"]["arg"]["as_tensor"]["name"]
            for spec in self._signature["output_specs"]
            if "as_tensor" in spec["user_output"]["arg"]
        ]
        floats = [one for one in names if SCALAR_TYPES[self._graph["tensor_values"][one]["dtype"]].is_floating_point]
        if len(floats) != 1:
            raise SpecError(
                f"{self._name}: expected one output of class scores, found {floats} among {names}; "
                "export the classifier's scores alone"
            )
        return str(floats[0])

    def _add(self, node: Mapping[str, Any], *, is_last: bool) -> None:
        target, title = node["target"], f"`{node.get('name') or node['target']}`"
        call = find_operator(target)
        if call is None:
            raise SpecError(
                f"{self._name}: expected listed operators of torch, found {target} (node {title}); "
                "export the model without it, or as ONNX"
            )
        self._refuse_training(node, title)
        given = [one for one in node["inputs"] if one["name"] not in _IGNORED_KEYWORDS]
        keywords = [one for one in given if one.get("kind") == 2]
        slots = [self._argument(one["arg"]) for one in given if one.get("kind") != 2]
        if writes_in_place(target):
            self._refuse_writing(slots[0], title)
        slots += [self._argument(one["arg"]) for one in keywords]
        step = _first if is_last else _bound(call, [one["name"] for one in keywords])
        self._add_step(step, title, slots, node["outputs"])

    def _refuse_writing(self, slot: int, title: str) -> None:
        if slot in self._weights:
            raise SpecError(
                f"{self._name}: node {title}: expected evaluation mode, found that it changes weights or statistics; "
                "call model.eval() before torch.export.export"
            )
        if slot == ROWS:
            raise SpecError(
                f"{self._name}: node {title}: expected rows left as they are, found that it changes them in place; "
                "export the model without that"
            )

    def _refuse_training(self, node: Mapping[str, Any], title: str) -> None:
        flags = {"batch_norm": "training", "native_batch_norm": "training", "instance_norm": "use_input_stats"}
        flag = flags.get(base_name(node["target"]), "train")
        given = {one["name"]: one["arg"] for one in node["inputs"]}
        uses_rows = base_name(node["target"]) == "instance_norm" and "as_none" in given.get(
            "running_mean", {"as_none": 1}
        )
        if given.get(flag, {}).get("as_bool") and not uses_rows:
            raise SpecError(
                f"{self._name}: node {title}: expected evaluation mode, found {flag}=True; "
                "call model.eval() before torch.export.export"
            )

    def _add_step(self, call: Call, title: str, slots: Sequence[int], outputs: Sequence[Mapping[str, Any]]) -> None:
        names = _output_names(outputs)
        is_alone = len(outputs) == 1 and "as_tensors" not in outputs[0]
        made = tuple(self._new_slot(one) for one in names)
        self._steps.append(Step(call, title, tuple(slots), made[0] if is_alone else None, () if is_alone else made))

    def _argument(self, argument: Mapping[str, Any]) -> int:
        """The slot of an argument; one that is not of the pass gets a slot of its own."""
        ((kind, value),) = argument.items()
        if kind in self._readers:
            return self._readers[kind](value)
        if kind in _CODES:
            return self._fixed_slot(_CODES[kind][value])
        if kind in _PLAIN:
            return self._fixed_slot(value)
        raise SpecError(f"{self._name}: expected plain arguments, found {kind}; export the model without control flow")

    def _several(self, kind: str) -> Callable[[Sequence[Any]], int]:
        return lambda values: self._packed([self._readers[kind](value) for value in values])

    def _number(self, value: Mapping[str, Any]) -> int:
        if "as_name" in value:
            return self._slot_of[value["as_name"]]
        ((_, number),) = value.items()
        return self._fixed_slot(number)

    def _packed(self, slots: Sequence[int]) -> int:
        return self._step_slot(lambda *values: list(values), slots)

    def _step_slot(self, call: Call, slots: Sequence[int]) -> int:
        made = self._new_slot(None)
        self._steps.append(Step(call, "argument", tuple(slots), made))
        return made

    def _fixed_slot(self, value: Any) -> int:
        made = self._new_slot(None)
        self._fixed[made] = value
        return made

    def _new_slot(self, name: str | None) -> int:
        self._slots += 1
        if name is not None:
            self._slot_of[name] = self._slots - 1
        return self._slots - 1


def _output_names(outputs: Sequence[Mapping[str, Any]]) -> list[str | None]:
    names: list[str | None] = []
    for output in outputs:
        ((kind, value),) = output.items()
        if kind == "as_tensors":
            names += [one["name"] for one in value]
        elif kind == "as_tensor":
            names.append(value["name"])
        else:
            names.append(value.get("as_name") if isinstance(value, dict) else None)
    return names


def _last_activation(nodes: Sequence[Mapping[str, Any]], output: str) -> int | None:
    """Position of the node that turns logits into probabilities, where the way to the output passes one."""
    makers = {name: position for position, node in enumerate(nodes) for name in _output_names(node["outputs"])}
    while output in makers:
        position = makers[output]
        base = base_name(nodes[position]["target"])
        if base in _SOFTMAXES or base == "sigmoid":
            return position
        first = nodes[position]["inputs"][0]["arg"] if nodes[position]["inputs"] else {}
        if base not in _TRANSPARENT or "as_tensor" not in first:
            return None
        output = first["as_tensor"]["name"]
    return None


def _first(data: Any, *_: Any) -> Any:
    return data


def _bound(call: Call, keywords: Sequence[str]) -> Call:
    """`call` with its last arguments given by keyword."""
    if not keywords:
        return call
    count = len(keywords)

    def bound(*values: Any) -> Any:
        return call(*values[:-count], **dict(zip(keywords, values[-count:], strict=True)))

    return bound
