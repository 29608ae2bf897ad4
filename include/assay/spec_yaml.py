"""YAML as specs use it: JSON's types only, no duplicate keys, and the line of every field when asked.

Differences from YAML 1.1: `1e-3` is a number, dates stay text.
"""

import re
from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING

import yaml

from assay.finding import FieldPath

if TYPE_CHECKING:
    from yaml import SafeLoader as _FastLoader
else:
    _FastLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class DuplicateKey(yaml.YAMLError):
    """A key stands twice in one mapping; `duplicate_keys` lists all of them."""


class _Loader(_FastLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        # Before construction: merging `<<` may repeat a key on purpose.
        keys = [str(key.value) for key, _ in node.value]
        if len(set(keys)) < len(keys):
            raise DuplicateKey
        mapping: dict[Hashable, object] = super().construct_mapping(node, deep)
        return mapping


_NUMBER = re.compile(r"^[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9]+|[0-9]+)(?:[eE][-+]?[0-9]+)?$|^[-+]?\.(?:inf|Inf|INF)$")
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in _Loader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _NUMBER, list("-+0123456789."))


def parse_yaml(text: str) -> object:
    """The document's plain content. Raises DuplicateKey or yaml.YAMLError."""
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader with fewer types


def line_of(root: yaml.Node | None, field: FieldPath) -> int:
    """The 1-based line of the deepest part of `field` that is in the document."""
    line, node = (root.start_mark.line + 1 if root else 1), root
    for part in field:
        found = _child(node, part)
        if found is None:
            break
        position, node = found
        line = position.start_mark.line + 1
    return line


def _child(node: yaml.Node | None, part: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """The node that carries the position (a key, or a list's item) and the one that carries the value."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None


def duplicate_keys(text: str) -> list[tuple[int, str, str, str]]:
    """(line, field, message, hint) of every key that stands twice in one mapping."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    return list(_duplicates(root, ())) if root is not None else []


def _duplicates(node: yaml.Node, field: FieldPath) -> Iterator[tuple[int, str, str, str]]:
    if isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            yield from _duplicates(item, (*field, position))
    if not isinstance(node, yaml.MappingNode):
        return
    first_lines: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        name = str(key.value)
        if name in first_lines:
            path = ".".join(map(str, (*field, name)))
            yield line, path, f"duplicate key, first on line {first_lines[name]}", "keep one of the two"
        first_lines.setdefault(name, line)
        yield from _duplicates(value, (*field, name))


def yaml_hint(error: yaml.YAMLError, text: str) -> tuple[int, str, str]:
    """(line, message, hint) of a syntax error; the usual slips are named."""
    marks = [getattr(error, "problem_mark", None), getattr(error, "context_mark", None)]
    # A quote that is never closed is noticed at the end of the file; it was opened at the context's mark.
    is_quote = "quoted scalar" in (getattr(error, "context", None) or "")
    mark = next(filter(None, reversed(marks) if is_quote else marks), None)
    line = min(mark.line + 1 if mark else 1, max(text.count("\n"), 1))
    content = text.splitlines()[line - 1] if text.strip() else ""
    reason = getattr(error, "problem", None) or str(error).splitlines()[0]
    if "\t" in content:
        return line, "a tab stands where YAML allows only spaces", "indent with spaces"
    hint = "check indentation, colons and quotes on this line and the one above"
    if "mapping values are not allowed" in reason:
        hint = "quote a value that contains ': ', and align the key with its neighbours"
    if "could not determine a constructor" in reason:
        hint = "tags such as !!python/… are refused; write plain values"
    return line, f"not valid YAML: {reason}", hint
