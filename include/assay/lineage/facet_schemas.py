"""The standard facets' rules (openlineage_facets.yaml) as JSON Schema 2020-12."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import yaml

PLACES = ("run", "job", "dataset", "input", "output")
Schema = dict[str, Any]
_ROW = re.compile(r"(?P<key>\w+) (?P<document>\w+)(?:@(?P<model>\d))?")
_WORDS: dict[str, Schema | bool] = {
    "text": {"type": "string"},
    "integer": {"type": "integer"},
    "count": {"type": "integer", "minimum": 1},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "time": {"type": "string", "format": "date-time"},
    "uuid": {"type": "string", "format": "uuid"},
    "none": False,
}


@dataclass(frozen=True)
class FacetRule:
    """A standard facet: `key` in `place`, published as `document` in its `model`-th model."""

    place: str
    key: str
    document: str
    model: int
    schema: Schema


def facet_rules() -> tuple[FacetRule, ...]:
    """All standard facets; their schemas refer to nothing outside themselves."""
    told = yaml.safe_load((files("assay.lineage") / "openlineage_facets.yaml").read_text())
    shapes = _Shapes(told["types"])
    return tuple(_rules(told, shapes))


def _rules(told: Mapping[str, Any], shapes: "_Shapes") -> Iterator[FacetRule]:
    types = {name: shapes.schema(shape) for name, shape in told["types"].items()}
    for place in PLACES:
        for row, shape in told[place].items():
            named = _ROW.fullmatch(row)
            if named is None:
                raise ValueError(f"openlineage_facets.yaml: {row!r}: expected KEY DOCUMENT[@MODEL]")
            schema = {"$defs": types, "allOf": [shapes.schema(shape)]}
            yield FacetRule(place, named["key"], named["document"], int(named["model"] or 1), schema)


class _Shapes:
    """Reads shapes; `types` are those that have a name."""

    def __init__(self, types: Mapping[str, Any]) -> None:
        self._types = types

    def schema(self, shape: Any) -> Any:
        if isinstance(shape, list):
            return {"type": "array", "items": self.schema(shape[0])}
        if isinstance(shape, dict):
            return self._object(shape)
        if shape in _WORDS:
            return _WORDS[shape]
        if " or " in shape:
            return self._one_by_type(shape.split(" or "))
        return _named(shape)

    def _object(self, fields: Mapping[str, Any]) -> Schema:
        properties = {name.rstrip("!&"): self.schema(shape) for name, shape in fields.items() if name != "*"}
        together = [name.rstrip("&") for name in fields if name.endswith("&")]
        return {
            "type": "object",
            "properties": properties,
            "required": [name.rstrip("!") for name in fields if name.endswith("!")],
            "dependentRequired": dict.fromkeys(together, together),
            "additionalProperties": self.schema(fields["*"]) if "*" in fields else True,
        }

    def _one_by_type(self, references: list[str]) -> Schema:
        """Told apart by their `type`, a fault has one place; by `oneOf` it would have as many as there are shapes."""
        types = [self._types[reference.removeprefix("$")]["type!"].removeprefix("=") for reference in references]
        chosen = [
            {"if": {"properties": {"type": {"const": name}}}, "then": _named(reference)}
            for name, reference in zip(types, references, strict=True)
        ]
        return {"type": "object", "required": ["type"], "properties": {"type": {"enum": types}}, "allOf": chosen}


def _named(words: str) -> Schema:
    if words.startswith("$"):
        return {"$ref": f"#/$defs/{words.removeprefix('$')}"}
    if words.startswith("="):
        return {"const": words.removeprefix("=")}
    if "|" in words:
        return {"enum": words.split("|")}
    raise ValueError(f"openlineage_facets.yaml: {words!r}: expected a known shape")
