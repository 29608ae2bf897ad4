"""JSON from strangers: one value, every key once, finite numbers, bounded nesting; anything else is refused."""

import json
from collections.abc import Sequence
from typing import Any, cast

from assay.errors import SpecError
from assay.json_types import Json

DEEPEST = 100


def parse_json(text: bytes) -> Json:
    """The value that `text` (UTF-8) holds. Raises SpecError when it is no JSON that every reader reads alike."""
    try:
        value = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_distinct)
    except (ValueError, RecursionError) as error:
        raise SpecError(f"expected JSON, found {error}; mend the producer") from error
    if text.count(b"{") + text.count(b"[") > DEEPEST:  # fewer brackets cannot nest deeper
        _check_depth(value)
    return cast(Json, value)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name}, which is no JSON number")


def _distinct(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers may take different ones of two equal keys: what was checked would not be what is read."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice[:80]!r} twice in one object")
    return found


def _check_depth(value: Any) -> None:
    level, depth = [value], 0
    while level := [child for parent in level for child in _children(parent)]:
        depth += 1
        if depth > DEEPEST:
            raise SpecError(f"expected JSON nested at most {DEEPEST} deep, found more; send less detail")


def _children(value: Any) -> Sequence[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else ()
