"""A method's keyword parameters as a form needs them: type, bounds, choices, default, words."""

import ast
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, cast

from assay.json_types import Json
from assay.module_source import evaluate

ParameterType = Literal["integer", "number", "boolean", "string", "any"]

_TYPES: Mapping[str, ParameterType] = {"int": "integer", "float": "number", "bool": "boolean", "str": "string"}
_WORDS: Mapping[ParameterType, str] = {
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "string": "text",
    "any": "a value",
}
_TYPE_OF: Mapping[type, ParameterType] = {int: "integer", float: "number", bool: "boolean", str: "string"}


@dataclass(frozen=True)
class Parameter:
    """type `any`: an annotation that is none of int, float, bool, str, Literal; values are not checked.

    minimum, maximum: inclusive. choices: empty when free. is_optional: None is a legal value.
    """

    name: str
    type: ParameterType = "any"
    default: Json = None
    is_required: bool = False
    is_optional: bool = False
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[Json, ...] = ()
    description: str = ""

    def complaint(self, value: Json) -> str | None:
        """Why `value` is not legal, in words; None when it is."""
        is_legal = self._has_type(value) and (not self.choices or value in self.choices) and self._is_within(value)
        if is_legal or (value is None and self.is_optional):
            return None
        return f"expected {self.expected()}, found {value!r}"

    def expected(self) -> str:
        """The legal values in words."""
        if self.choices:
            return "one of " + ", ".join(repr(choice) for choice in self.choices)
        words = _WORDS[self.type]
        if self.minimum is not None and self.maximum is not None:
            words += f" from {self.minimum:g} to {self.maximum:g}"
        return words

    def _is_within(self, value: Json) -> bool:
        """Finite and inside the bounds; what is no number has none."""
        if not isinstance(value, int | float) or isinstance(value, bool):
            return True
        low = -math.inf if self.minimum is None else self.minimum
        high = math.inf if self.maximum is None else self.maximum
        return math.isfinite(value) and low <= value <= high

    def _has_type(self, value: Json) -> bool:
        if self.type == "boolean":
            return isinstance(value, bool)
        if self.type == "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        if self.type == "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        return self.type == "any" or isinstance(value, str)


def read_parameters(
    node: ast.FunctionDef | ast.AsyncFunctionDef, constants: Mapping[str, object]
) -> Iterator[Parameter]:
    """Keyword-only parameters, in order. `name: text` lines of the docstring become descriptions."""
    docs = dict(re.findall(r"^\s*(\w+):\s+(.+?)\s*$", ast.get_docstring(node) or "", flags=re.MULTILINE))
    for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
        value = ... if default is None else evaluate(default, constants)
        known = None if value is ... else cast(Json, value)
        shape = _read_annotation(argument.annotation, constants)
        if argument.annotation is None:
            shape = {"type": _TYPE_OF.get(type(known), "any")}
        yield Parameter(
            name=argument.arg,
            default=known,
            is_required=default is None,
            description=docs.get(argument.arg, ""),
            **shape,  # type: ignore[arg-type]
        )


def _read_annotation(node: ast.expr | None, constants: Mapping[str, object]) -> dict[str, object]:
    """Fields of Parameter that the annotation decides."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _read_annotation(ast.parse(node.value, mode="eval").body, constants)
    if isinstance(node, ast.Name):
        return {"type": _TYPES.get(node.id, "any")}
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        sides = [side for side in (node.left, node.right) if not _is_none(side)]
        return _read_annotation(sides[0], constants) | {"is_optional": True} if len(sides) == 1 else {}
    return _read_subscript(node, constants) if isinstance(node, ast.Subscript) else {}


def _read_subscript(node: ast.Subscript, constants: Mapping[str, object]) -> dict[str, object]:
    outer = ast.unparse(node.value).rpartition(".")[2]
    inner = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
    shape: dict[str, object] = {}
    if outer == "Optional":
        shape = _read_annotation(inner[0], constants) | {"is_optional": True}
    elif outer == "Literal":
        choices = tuple(evaluate(choice, constants) for choice in inner)
        shape = {"choices": choices, "type": _TYPE_OF.get(type(choices[0]), "any")}
    elif outer == "Annotated":
        shape = _read_annotation(inner[0], constants)
        for extra in inner[1:]:
            shape |= _read_range(extra, constants)
    return shape


def _read_range(node: ast.expr, constants: Mapping[str, object]) -> dict[str, object]:
    if not (isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "Range"):
        return {}
    bounds = dict(zip(("minimum", "maximum"), node.args, strict=False))
    bounds |= {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
    values = {name: evaluate(value, constants) for name, value in bounds.items()}
    return {name: value for name, value in values.items() if isinstance(value, int | float)}


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
