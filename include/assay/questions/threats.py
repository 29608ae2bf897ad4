"""Attackers that could have been tried on a model of such inputs and were not, or were asked for in vain."""

from collections.abc import Iterator, Mapping

from assay.json_types import JsonObject

_BY_INPUT = {
    "images": {"linf": "who moves every pixel a little", "l2": "who moves some pixels more"},
    "texts": {"words": "who rewrites some words of a text"},
    "rows of a table": {"features": "who changes some columns of a row"},
}


def threats_not_tried(assay: JsonObject, export: JsonObject) -> Iterator[tuple[str, str]]:
    """(what, why). assay, export: facts of those statements; the export tells what the model takes in."""
    asked, tried = _asked(assay), _tried(assay)
    for norm, epsilon in asked:
        if (norm, epsilon) not in tried:
            yield f"{norm} {epsilon:g}", "asked for; the statement holds no result"
    kind = _kind(export)
    for norm, who in _BY_INPUT.get(kind, {}).items():
        if norm not in {known for known, _ in (*asked, *tried)}:
            yield norm, f"an attacker of {kind} {who} was not asked for"


def _asked(assay: JsonObject) -> list[tuple[str, float]]:
    told = assay.get("asked")
    return _pairs(told.get("threat_models") if isinstance(told, Mapping) else None)


def _tried(assay: JsonObject) -> list[tuple[str, float]]:
    return _pairs(assay.get("evasion"))


def _pairs(told: object) -> list[tuple[str, float]]:
    parts = told if isinstance(told, list) else []
    return [(str(part["norm"]), float(part["epsilon"])) for part in parts if isinstance(part, Mapping)]


def _kind(export: JsonObject) -> str:
    """By the input tensor: text comes as bytes, images have three axes or more, one of them the batch."""
    tensor = export.get("input")
    if not isinstance(tensor, Mapping):
        return ""
    shape = tensor.get("shape")
    if tensor.get("dtype") == "BYTES":
        return "texts"
    return "images" if isinstance(shape, list) and len(shape) > 2 else "rows of a table"
