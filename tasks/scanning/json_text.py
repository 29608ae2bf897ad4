"""JSON that a file brings along, read within limits; a key given twice is refused, since readers differ on it."""

import json
from collections.abc import Iterator
from typing import TypeAlias

from tasks.scanning.finding import Refused, unreadable
from tasks.scanning.limits import MAX_JSON, MAX_JSON_DEPTH

Parsed: TypeAlias = "dict[str, Parsed] | list[Parsed] | str | int | float | bool | None"


def parse_json(data: bytes, limit: int = MAX_JSON) -> Parsed:
    """The document. Raises Refused for no JSON, too much of it or a key twice in one object."""
    if len(data) > limit:
        raise unreadable(f"JSON of {len(data)} bytes; at most {limit} are looked at", "too-large")
    try:
        found: Parsed = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise unreadable(f"no JSON: {type(error).__name__}", "bad-json") from error
    return found


def objects(document: Parsed) -> Iterator[dict[str, Parsed]]:
    """Every JSON object in the document, at any depth."""
    level, depth = [document], 0
    while level:
        depth += 1
        if depth > MAX_JSON_DEPTH:
            raise unreadable(f"JSON nested more than {MAX_JSON_DEPTH} deep", "too-deep")
        below: list[Parsed] = []
        for one in level:
            if isinstance(one, dict):
                yield one
                below.extend(one.values())
            elif isinstance(one, list):
                below.extend(one)
        level = below


def _once(pairs: list[tuple[str, Parsed]]) -> dict[str, Parsed]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refused("duplicate-key", "a JSON key twice in one object")
    return found
