"""Run a planned pass: one call a step, values in slots. Every module made from a file of elsewhere is one of these."""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import torch
from torch import Tensor

from assay.errors import SpecError
from tasks.foreign.node import Call

ABSENT, ROWS = 0, 1  # slots that every pass has: None where an input is left out, and the rows
# What torch and Python raise for values that do not fit an operator.
UNFIT = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
SMALLEST_PROBABILITY = 1e-30  # below it, a logarithm says no more


class Head(Enum):
    """What the last value of a pass holds, and so how it becomes scores (rows, classes)."""

    LOGITS = "as it is"
    BINARY_LOGIT = "z stands for the logits [0, z]"
    OPPOSITE_LOGITS = "-z and z stand for the logits [-z/2, z/2]"
    PROBABILITIES = "its logarithm"


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a pass. output: the slot of a lone output; outputs: of several. spent: slots not read again."""

    call: Call
    title: str
    inputs: tuple[int, ...]
    output: int | None
    outputs: tuple[int, ...] = ()
    spent: tuple[int, ...] = ()


@dataclass(frozen=True)
class Plan:
    """slots: how many values a pass has. weights: tensors that follow the module to its device. fixed: the rest."""

    steps: tuple[Step, ...]
    slots: int
    output: int
    weights: dict[int, Tensor]
    fixed: dict[int, Any]


class StepModule(torch.nn.Module):
    """Rows in float32 (rows, …) to logits in float32 (rows, classes), as `plan` and `head` say.

    Weights are buffers: `module.to(device)` and channels_last reach them, no gradient does. Rows of a model with
    whole-number input come in float32 too and are not rounded, so that they have a gradient: for whole numbers the
    answers are the model's. input_type: NumPy's name of what the model takes.
    """

    def __init__(self, plan: Plan, head: Head, input_type: str) -> None:
        super().__init__()
        self._steps, self._slots, self._output = plan.steps, plan.slots, plan.output
        self._fixed = list(plan.fixed.items())
        self._weights = [(f"constant_{slot}", slot) for slot in plan.weights]
        self._head = head
        # Half and double precision are what the model computes in; whole numbers stay float32.
        self._input_type = {"float16": torch.float16, "float64": torch.float64}.get(input_type)
        for slot, weights in plan.weights.items():
            self.register_buffer(f"constant_{slot}", weights)

    def forward(self, rows: Tensor) -> Tensor:
        """Logits of `rows`; raises SpecError, naming the node, when they do not fit the model."""
        values = self._constants()
        values[ROWS] = rows if self._input_type is None else rows.to(self._input_type)
        title = "input"
        try:
            for step in self._steps:
                title = step.title
                result = step.call(*[values[slot] for slot in step.inputs])
                if step.output is not None:
                    values[step.output] = result
                else:
                    for slot, part in zip(step.outputs, result, strict=False):
                        values[slot] = part
                for slot in step.spent:
                    values[slot] = None
        except UNFIT as error:
            raise SpecError(
                f"node {title}: rows of shape {tuple(rows.shape)} do not pass: {error}; "
                "give rows of the model's input shape, or export it with a free batch axis"
            ) from error
        return _logits(values[self._output], self._head).to(rows.dtype)

    def _constants(self) -> list[Any]:
        values: list[Any] = [None] * self._slots
        buffers = self._buffers
        for name, slot in self._weights:
            values[slot] = buffers[name]
        for slot, value in self._fixed:
            values[slot] = value
        return values


def with_spent(steps: list[Step], output: int) -> tuple[Step, ...]:
    """The steps, each told which values nothing reads after it, so that a pass holds no more than it must."""
    seen, told = {ABSENT, ROWS, output}, list[Step]()
    for step in reversed(steps):
        touched = {*step.inputs, *step.outputs, *([] if step.output is None else [step.output])}
        told.append(replace(step, spent=tuple(sorted(touched - seen))))
        seen |= touched
    return tuple(reversed(told))


def _logits(values: Tensor, head: Head) -> Tensor:
    if head is Head.PROBABILITIES:
        return values.clamp(min=SMALLEST_PROBABILITY).log()
    if head is Head.BINARY_LOGIT:
        column = values.reshape(len(values), -1)
        return torch.cat([torch.zeros_like(column), column], 1) if column.shape[1] == 1 else column
    return values / 2 if head is Head.OPPOSITE_LOGITS else values
