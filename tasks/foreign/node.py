"""A node of an ONNX graph, its attributes parsed once: what every operator is built from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from assay.errors import SpecError

# Takes the node's inputs in order (None where one is left out), gives its output or a tuple of outputs.
Call = Callable[..., Any]
Builder = Callable[["Node"], Call]


@dataclass(frozen=True)
class Node:
    """constants: what is known of the inputs before any row is run; None where it comes at run time or is absent.

    given: which inputs there are. outputs: how many of the outputs, counted from the first, are used.
    """

    op: str
    title: str
    opset: int
    attributes: Mapping[str, Any]
    constants: tuple[torch.Tensor | None, ...]
    given: tuple[bool, ...]
    outputs: int

    def has(self, position: int) -> bool:
        """Whether the input at `position` is given."""
        return position < len(self.given) and self.given[position]

    def constant(self, position: int) -> torch.Tensor | None:
        """The input at `position` where it is known beforehand."""
        return self.constants[position] if position < len(self.constants) else None

    def integer(self, key: str, default: int) -> int:
        return int(self.attributes.get(key, default))

    def number(self, key: str, default: float) -> float:
        return float(self.attributes.get(key, default))

    def text(self, key: str, default: str) -> str:
        value = self.attributes.get(key, default)
        return value.decode() if isinstance(value, bytes) else str(value)

    def integers(self, key: str) -> list[int] | None:
        """A list attribute; None where it is left out."""
        value = self.attributes.get(key)
        return None if value is None else [int(one) for one in value]

    def known_integers(self, key: str, position: int) -> list[int] | None:
        """What older operator sets hold in the attribute `key` and newer ones in an input; None where absent.

        Raises SpecError when it is only known at run time.
        """
        if key in self.attributes:
            return self.integers(key)
        if not self.has(position):
            return None
        constant = self.constant(position)
        if constant is None:
            raise self.refused(f"`{key}` computed from the rows", f"a constant `{key}`")
        return [int(one) for one in constant.reshape(-1).tolist()]

    def require(self, key: str, default: Any, *allowed: Any) -> None:
        """Raise SpecError unless the attribute `key` has one of the `allowed` values."""
        value = self.attributes.get(key, default)
        value = value.decode() if isinstance(value, bytes) else value
        if value not in allowed:
            raise self.refused(f"{key}={value!r}", f"{key} in {list(allowed)}")

    def refused(self, found: str, expected: str) -> SpecError:
        """The error for a form of the operator that is not supported."""
        return SpecError(
            f"node {self.title}: operator {self.op}: expected {expected}, found {found}; "
            "export the model again with another operator set, or attack it through its queries alone"
        )


def integers_of(values: torch.Tensor) -> list[int]:
    """A tensor of sizes or axes as Python numbers."""
    return [int(one) for one in values.reshape(-1).tolist()]
