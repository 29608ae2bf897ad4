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
    types = {name: _schema(shape) for name, shape in told["types"].items()}
    return tuple(_rules(told, types))


def _rules(told: Mapping[str, Any], types: Schema) -> Iterator[FacetRule]:
    for place in PLACES:
        for row, shape in told[place].items():
            named = _ROW.fullmatch(row)
            if named is None:
                raise ValueError(f"openlineage_facets.yaml: {row!r}: expected KEY DOCUMENT[@MODEL]")
            schema = {"$defs": types, "allOf": [_schema(shape)]}
            yield FacetRule(place, named["key"], named["document"], int(named["model"] or 1), schema)


def _schema(shape: Any) -> Any:
    if isinstance(shape, list):
        return {"type": "array", "items": _schema(shape[0])}
    if isinstance(shape, dict):
        return _object(shape)
    if shape in _WORDS:
        return _WORDS[shape]
    return _reference(shape)


def _object(fields: Mapping[str, Any]) -> Schema:
    properties = {name.removesuffix("!"): _schema(shape) for name, shape in fields.items() if name != "*"}
    required = [name.removesuffix("!") for name in fields if name.endswith("!")]
    others = {"additionalProperties": _schema(fields["*"])} if "*" in fields else {}
    return {"type": "object", "properties": properties, "required": required, **others}


def _reference(words: str) -> Schema:
    if words.startswith("$"):
        options = [{"$ref": f"#/$defs/{name.removeprefix('$')}"} for name in words.split(" or ")]
        return options[0] if len(options) == 1 else {"oneOf": options}
    if words.startswith("="):
        return {"const": words.removeprefix("=")}
    if "|" in words:
        return {"enum": words.split("|")}
    raise ValueError(f"openlineage_facets.yaml: {words!r}: expected a known shape")
