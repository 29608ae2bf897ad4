"""JSON from strangers: every key once, finite numbers, bounded nesting; anything else is refused."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, cast

from assay.errors import SpecError
from assay.json_types import Json

DEEPEST = 100
_SPACE = re.compile(r"[ \t\n\r]*")


def parse_json(text: bytes) -> Json:
    """The one value that `text` (UTF-8) holds. Raises SpecError when it is no JSON that all readers read alike."""
    whole = _decoded(text)
    value, end = _value(whole, _after_space(whole, 0))
    _expect_end(whole, end)
    return value


def parse_array(text: bytes) -> Iterator[Json]:
    """The elements of the array that `text` (UTF-8) holds, each made when asked for. Raises SpecError as above."""
    whole = _decoded(text)
    at = _expect(whole, _after_space(whole, 0), "[")
    if whole.startswith("]", at):
        _expect_end(whole, at + 1)
        return
    while True:
        value, at = _value(whole, at)
        yield value
        at = _after_space(whole, at)
        if whole.startswith("]", at):
            break
        at = _expect(whole, at, ",")
    _expect_end(whole, at + 1)


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise SpecError(f"expected JSON in UTF-8, found {error}; mend the producer") from error


def _value(whole: str, start: int) -> tuple[Json, int]:
    try:
        value, end = _DECODER.raw_decode(whole, start)
    except (ValueError, RecursionError) as error:
        raise SpecError(f"expected JSON, found {error}; mend the producer") from error
    if whole.count("{", start, end) + whole.count("[", start, end) > DEEPEST:  # fewer brackets cannot nest deeper
        _check_depth(value)
    return cast(Json, value), end


def _after_space(whole: str, at: int) -> int:
    found = _SPACE.match(whole, at)
    return found.end() if found else at


def _expect(whole: str, at: int, sign: str) -> int:
    """Where the next value begins."""
    if not whole.startswith(sign, at):
        raise SpecError(f"expected JSON, found {whole[at : at + 20]!r} instead of {sign!r} at character {at}")
    return _after_space(whole, at + 1)


def _expect_end(whole: str, at: int) -> None:
    end = _after_space(whole, at)
    if end != len(whole):
        raise SpecError(f"expected one JSON value, found {whole[end : end + 20]!r} after it; mend the producer")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name}, which is no JSON number")


def _distinct(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers may take different ones of two equal keys: what was checked would not be what is read."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = Counter(name for name, _ in pairs)
        raise ValueError(f"the key {names.most_common(1)[0][0][:80]!r} more than once in an object")
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


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_distinct)
