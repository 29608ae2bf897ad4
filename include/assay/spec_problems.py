"""Pydantic's errors in the words of the file: real field paths, one finding a mistake, near-misses and next steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from assay.finding import FieldPath, Finding
from assay.near_miss import edit_distance, nearest, suggestion
from assay.spec import PipelineSpec
from assay.spec_shape import Shape, all_fields, branch, choices, is_model, is_union, item, strip

_EXPECTED = {
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "list": "a list",
    "dict": "keys and values",
    "model": "keys and values",
}
_CLASS_PATH_HINT = "write a class path as 'package.module:ClassName'"


@dataclass(frozen=True)
class _Located:
    """A pydantic error with the path as the file has it, and the union branch it assumed (path, label)."""

    error: ErrorDetails
    field: FieldPath
    shape: Shape
    branch: tuple[FieldPath, str] | None


def explain_errors(error: ValidationError, content: Mapping[object, object]) -> list[Finding]:
    """Findings for every mistake in `content`; noise of union branches the user did not mean is left out."""
    located = [_locate(details) for details in error.errors(include_url=False)]
    free = [entry for entry in located if entry.branch is None]
    findings = _explain(free, content)
    by_union: dict[FieldPath, dict[str, list[_Located]]] = {}
    for entry in located:
        if entry.branch is not None:
            field, label = entry.branch
            by_union.setdefault(field, {}).setdefault(label, []).append(entry)
    for field, branches in by_union.items():
        findings.extend(_explain_union(field, branches, content))
    return findings


def _locate(details: ErrorDetails) -> _Located:
    """Walk pydantic's path beside the types: parts that name a union branch are not keys of the file."""
    field: FieldPath = ()
    shape: Shape = PipelineSpec
    assumed: tuple[FieldPath, str] | None = None
    for part in details["loc"]:
        plain = strip(shape)
        if is_union(plain):
            if assumed is None and not _is_tagged(plain):
                assumed = (field, str(part))
            shape = branch(plain, str(part))
        elif part != "[key]":
            field, shape = (*field, part), item(plain, part)
    return _Located(details, field, shape, assumed)


def _is_tagged(union: Shape) -> bool:
    return "source" in getattr(branch(union, "path"), "model_fields", {})


def _explain_union(
    field: FieldPath, branches: Mapping[str, Sequence[_Located]], content: Mapping[object, object]
) -> list[Finding]:
    """Of all branches the one that needs the fewest changes is what the user meant."""
    value = _value(content, field)
    entries = [entry for branch_entries in branches.values() for entry in branch_entries]
    if all(entry.field == field for entry in entries) and not any("value_error" in e.error["type"] for e in entries):
        return [_no_branch_fits(field, value)]
    explained = [
        (sum(e.field == field and e.error["type"] != "value_error" for e in entries_of), _explain(entries_of, content))
        for entries_of in branches.values()
    ]
    fitting = [findings for misfits, findings in explained if misfits == min(m for m, _ in explained)]
    return min(fitting, key=len)


def _no_branch_fits(field: FieldPath, value: object) -> Finding:
    shape = _shape_at(field)
    words = choices(shape)
    if words:
        near = nearest(str(value), words) if isinstance(value, str) and ":" not in value else None
        hint = f"did you mean {near!r}?" if near else f"choose one of {', '.join(words)}; or {_CLASS_PATH_HINT}"
        return Finding(field, f"{value!r} is neither a known choice nor a class path", hint)
    if field[:2] == ("train", "search"):
        message = f"expected a list of values or a range, found {value!r}"
        return Finding(field, message, "write [1, 2, 3], or {low: 0.1, high: 1.0}")
    return Finding(field, f"expected keys and values, found {value!r}", "see docs/reference/spec.md")


def _explain(entries: Sequence[_Located], content: Mapping[object, object]) -> list[Finding]:
    """One finding an error; a required key that is only misspelt is not also reported missing."""
    missing = {entry.field for entry in entries if entry.error["type"] == "missing"}
    findings: list[Finding] = []
    meant: set[FieldPath] = set()
    for entry in entries:
        if entry.error["type"] == "extra_forbidden":
            finding, target = _unknown_key(entry, missing, content)
            findings.append(finding)
            meant.add(target)
        elif entry.error["type"] == "union_tag_not_found":
            findings.append(_no_tag(entry, content))
        elif entry.error["type"] != "missing":
            findings.append(_wrong_value(entry))
    for field in sorted(missing - meant, key=str):
        findings.append(_missing_key(field))
    return findings


def _unknown_key(
    entry: _Located, missing: set[FieldPath], content: Mapping[object, object]
) -> tuple[Finding, FieldPath]:
    """The finding, and the field the user meant (empty when nothing is near)."""
    *parents, last = entry.field
    parent, word = tuple(parents), str(last)
    written = _value(content, parent)
    present = set(written) if isinstance(written, Mapping) else set()
    legal = _keys_of(entry, parent)
    absent = [key for key in legal if key not in present]
    required = [str(field[-1]) for field in missing if field[:-1] == parent]
    match = nearest(word, absent)
    needed = nearest(word, required)
    if match is None or (needed and edit_distance(word, needed) <= edit_distance(word, match)):
        match = needed
    if match is not None:
        return Finding(entry.field, "unknown key", f"did you mean {match!r}?"), (*parent, match)
    return Finding(entry.field, "unknown key", _elsewhere(word, legal)), ()


def _keys_of(entry: _Located, parent: FieldPath) -> list[str]:
    """Legal keys of the mapping the unknown key stands in, in the branch this error assumed."""
    shape: Shape = PipelineSpec
    for part in entry.error["loc"][:-1]:
        plain = strip(shape)
        shape = branch(plain, str(part)) if is_union(plain) else item(plain, part)
    plain = strip(shape)
    return list(plain.model_fields) if is_model(plain) else []


def _elsewhere(word: str, legal: Sequence[str]) -> str:
    homes = sorted({".".join(str(part) for part in path[:-1]) for path in all_fields() if path[-1] == word})
    if homes:
        return f"{word!r} belongs under {' or '.join(home or 'the top level' for home in homes)}"
    return suggestion(word, legal)


def _no_tag(entry: _Located, content: Mapping[object, object]) -> Finding:
    """A source without `source`: misspelt, or missing."""
    written = _value(content, entry.field)
    keys = [key for key in written if isinstance(key, str)] if isinstance(written, Mapping) else []
    kinds = ", ".join(choices(item(branch(_shape_at(entry.field), "npm"), "source")) or [])
    for key in keys:
        if nearest("source", keys) == key:
            return Finding((*entry.field, key), "unknown key", "did you mean 'source'?")
    return Finding(
        (*entry.field, "source"),
        "missing key",
        f"say where the rows are: source: path, s3, http, sql, captured, {kinds}",
    )


def _missing_key(field: FieldPath) -> Finding:
    examples = {
        "name": "name: the file's stem",
        "data": "data: {collector: {sources: […]}}",
        "train": "train: {model: models.mine:MyModel}",
        "model": "model: models.mine:MyModel",
        "collector": "collector: {sources: […]}",
        "sources": "sources: [{source: path, path: data}]",
    }
    key = str(field[-1])
    return Finding(field, "missing key", f"add `{examples.get(key, f'{key}: …')}`")


def _wrong_value(entry: _Located) -> Finding:
    details = entry.error
    kind, found = details["type"], details["input"]
    if kind == "value_error":
        return Finding(entry.field, details["msg"].removeprefix("Value error, "), "")
    if kind == "union_tag_invalid":
        tags = [word.strip(" '") for word in str(details["ctx"]["expected_tags"]).split(",")]
        tag = str(details["ctx"]["tag"])
        return Finding((*entry.field, "source"), f"unknown source {tag!r}", suggestion(tag, tags))
    if kind == "literal_error":
        words = choices(entry.shape)
        near = suggestion(str(found), words) if isinstance(found, str) else f"choose one of {', '.join(words)}"
        return Finding(entry.field, f"expected one of {', '.join(words)}; found {_shown(found)}", near)
    if kind == "string_pattern_mismatch":
        return _wrong_pattern(entry.field, str(found), str(details["ctx"]["pattern"]))
    family = kind.split("_", maxsplit=1)[0]
    if family in _EXPECTED and kind.endswith(("_type", "_parsing", "_from_float")):
        hint = f"quote it: '{found}'" if family == "string" and isinstance(found, int | float) else "mend the value"
        return Finding(entry.field, f"expected {_EXPECTED[family]}, found {_shown(found)}", hint)
    message = details["msg"].replace("Input should be", "expected a value")
    return Finding(entry.field, f"{message}, found {_shown(found)}", "mend the value")


def _wrong_pattern(field: FieldPath, found: str, pattern: str) -> Finding:
    hints = {
        "^[a-z][a-z0-9_]{0,62}$": "use lower-case letters, digits and _ and begin with a letter",
        "^[0-9a-f]{64}$": "write the 64 lower-case hex digits that `sha256sum FILE` prints",
        "^s3://[^/]+(/.*)?$": "write s3://BUCKET/PREFIX",
        "^https?://": "write http:// or https://",
        "^[A-Z][A-Z0-9_]*$": "name an environment variable, such as SALES_DATABASE_URL",
        "^expect_[a-z_]+$": "name an expectation in snake case, such as expect_column_values_to_not_be_null",
    }
    return Finding(field, f"{found!r} does not have the form expected here", hints.get(pattern, _CLASS_PATH_HINT))


def _shape_at(field: FieldPath) -> Shape:
    shape: Shape = PipelineSpec
    for part in field:
        shape = item(shape, part)
    return shape


def _value(content: object, field: FieldPath) -> object:
    for part in field:
        if isinstance(content, Mapping):
            content = content.get(part)
        elif isinstance(content, Sequence) and isinstance(part, int) and part < len(content):
            content = cast("Sequence[object]", content)[part]
    return content


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
