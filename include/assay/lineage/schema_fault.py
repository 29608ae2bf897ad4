"""The one fault worth telling of many: the outermost, and of alternatives the one that came nearest."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

_LONGEST_REASON = 300
_ALTERNATIVES = ("anyOf", "oneOf")


@dataclass(frozen=True)
class Fault:
    """Where a JSON value breaks its schema, as a path of keys and indexes, and why."""

    path: tuple[str | int, ...]
    reason: str

    def below(self, *parents: str | int) -> "Fault":
        """The same fault, seen from further out."""
        return replace(self, path=(*parents, *self.path))


def best_fault(errors: Iterable[Any]) -> Fault | None:
    """The fault that names its cause best; None when there is none. errors: of `jsonschema_rs`."""
    ranked = sorted(errors, key=lambda error: (len(error.instance_path), error.kind.name in _ALTERNATIVES))
    return _cause(ranked[0]) if ranked else None


def _cause(error: Any) -> Fault:
    """A value that fits none of several alternatives is told by the alternative it got furthest in."""
    if error.kind.name in _ALTERNATIVES:
        branches = [fault for branch in error.kind.context if (fault := best_fault(branch)) is not None]
        if branches:
            return max(branches, key=lambda fault: len(fault.path))
    return Fault(tuple(error.instance_path), _short(error.message))


def _short(message: str) -> str:
    return message if len(message) <= _LONGEST_REASON else f"{message[:100]} … {message[-150:]}"
