"""An ONNX graph of class scores as a torch module, differentiable with respect to its rows.

Everything that can be known beforehand is done once, when the module is made: attributes are parsed, constants
folded, and an operator that is not supported is refused by name. A pass then is one Python call a node.
Weights are buffers: `module.to(device)` and channels_last reach them, no gradient does.
"""

from typing import Any

import torch
from torch import Tensor

from assay.errors import SpecError
from tasks.foreign.plan import ROWS, plan_pass
from tasks.foreign.score_graph import SMALLEST_PROBABILITY, Head, ScoreGraph


class OnnxModule(torch.nn.Module):
    """Rows in float32 (rows, …) to logits in float32 (rows, classes), as the graph computes them.

    Rows of a graph with whole-number input come in float32 too and are not rounded, so that they have a gradient:
    for whole numbers the answers are those of the graph. Raises SpecError, before any row is run, when the graph
    has an operator, or a form of one, that is not supported.
    """

    def __init__(self, graph: ScoreGraph) -> None:
        super().__init__()
        plan = plan_pass(graph)
        self._steps, self._slots, self._output = plan.steps, plan.slots, plan.output
        self._on_cpu = list(plan.on_cpu.items())
        self._weights = [(f"constant_{slot}", slot) for slot in plan.weights]
        self._head = graph.head
        # Half and double precision are what the graph computes in; whole numbers stay float32.
        self._input_type = {"float16": torch.float16, "float64": torch.float64}.get(graph.input.type)
        for slot, weights in plan.weights.items():
            self.register_buffer(f"constant_{slot}", weights)

    def forward(self, rows: Tensor) -> Tensor:
        """Logits of `rows`; raises SpecError when they do not fit the graph."""
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
        except (RuntimeError, IndexError, TypeError, ValueError) as error:
            raise SpecError(
                f"node {title}: rows of shape {tuple(rows.shape)} do not pass: {error}; "
                "give rows of the model's input shape, or export it with a free batch axis"
            ) from error
        return logits_of(values[self._output], self._head).to(rows.dtype)

    def _constants(self) -> list[Any]:
        values: list[Any] = [None] * self._slots
        buffers = self._buffers
        for name, slot in self._weights:
            values[slot] = buffers[name]
        for slot, value in self._on_cpu:
            values[slot] = value
        return values


def logits_of(values: Tensor, head: Head) -> Tensor:
    """What the graph's last tensor says about the classes, as logits (rows, classes)."""
    if head is Head.PROBABILITIES:
        return values.clamp(min=SMALLEST_PROBABILITY).log()
    if head is Head.BINARY_LOGIT:
        column = values.reshape(len(values), -1)
        return torch.cat([torch.zeros_like(column), column], 1) if column.shape[1] == 1 else column
    return values
