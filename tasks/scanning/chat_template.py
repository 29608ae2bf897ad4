"""Chat templates in Jinja: they may lay out messages, and not reach Python behind them.

A template that only reads messages needs no name that begins with an underscore, no text with two of them, no
attribute that is put together on the way and nothing from other files. One that does is refused.
"""

from collections.abc import Iterator

from jinja2 import Environment, TemplateError, nodes

from tasks.scanning.finding import Finding, Severity, finding
from tasks.scanning.limits import MAX_TEMPLATE

_FILTERS = {"attr", "xmlattr", "format", "pprint"}
# Their first argument, or the one called `attribute`, is an attribute's name.
_BY_ATTRIBUTE = {"map", "groupby", "sum", "sort", "unique", "min", "max", "selectattr", "rejectattr"}
_METHODS = {"format", "format_map", "mro", "func_globals", "gi_frame", "cr_frame", "ag_frame", "f_globals"}
_NAMES = {"cycler", "joiner", "lipsum", "self", "config", "request", "url_for", "get_flashed_messages", "g", "caller"}
_FROM_ELSEWHERE = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)
_PLAIN_KEYS = (nodes.Const, nodes.Slice, nodes.Name, nodes.Neg, nodes.Getattr)
_COUNTS = {"length", "count", "int"}
_BUILDS_TEXT = (nodes.Concat, nodes.Mul, nodes.Slice, nodes.TemplateData)


def scan_template(text: str) -> Iterator[Finding]:
    """What speaks against the template; it is parsed and never rendered."""
    if len(text) > MAX_TEMPLATE:
        yield finding("chat-template", f"a template of {len(text)} characters", Severity.UNREADABLE)
        return
    environment = Environment(  # noqa: S701 - nothing is rendered
        extensions=["jinja2.ext.loopcontrols", "jinja2.ext.do"]
    )
    try:
        tree = environment.parse(_without_generation(text))
    except (TemplateError, RecursionError) as error:
        yield finding("chat-template", f"no template: {error}", Severity.UNREADABLE)
        return
    built = _built_names(tree)
    for reason in sorted({reason for node in tree.find_all(nodes.Node) for reason in _reasons(node, built)}):
        yield finding("chat-template", f"a template with {reason}", Severity.CRITICAL)


def _without_generation(text: str) -> str:
    """Transformers' own marks around the assistant's answer are no Jinja of the library."""
    for mark in ("generation", "endgeneration"):
        for left in ("{%", "{%-"):
            for right in ("%}", "-%}"):
                text = text.replace(f"{left} {mark} {right}", "")
    return text


def _reasons(node: nodes.Node, built: set[str]) -> Iterator[str]:
    if isinstance(node, nodes.Getattr) and (node.attr.startswith("_") or node.attr in _METHODS):
        yield f"attribute {node.attr}"
    elif (
        isinstance(node, nodes.Const) and isinstance(node.value, str) and ("__" in node.value or node.value[:1] == "_")
    ):
        yield f"text {node.value!r}"
    elif isinstance(node, nodes.Filter) and (node.name in _FILTERS or not _is_plain_filter(node)):
        yield f"filter {node.name}"
    elif isinstance(node, nodes.Name) and (node.name in _NAMES or node.name.startswith("_")):
        yield f"name {node.name}"
    elif isinstance(node, nodes.Getitem) and not _is_plain_key(node.arg, built):
        yield "an attribute that is put together"
    elif isinstance(node, _FROM_ELSEWHERE):
        yield "parts of other files"


def _is_plain_filter(node: nodes.Filter) -> bool:
    """A filter that goes by an attribute names it outright, and no filter is named by a text."""
    values = [*node.args[:1], *(pair.value for pair in node.kwargs if pair.key == "attribute")]
    fixed = [value.value for value in values if isinstance(value, nodes.Const)]
    return node.name not in _BY_ATTRIBUTE or (len(fixed) == len(values) and not _FILTERS & set(map(str, fixed)))


def _is_plain_key(key: nodes.Node, built: set[str]) -> bool:
    """Positions, fixed keys and variables; no text that is joined, cut, filtered or called for, by any name."""
    if isinstance(key, nodes.Add | nodes.Sub | nodes.Mod):
        sides = (key.left, key.right)
        texts = any(isinstance(side, nodes.Const) and isinstance(side.value, str) for side in sides)
        return not texts and all(_is_plain_key(side, built) for side in sides)
    if isinstance(key, nodes.Filter):
        return key.name in _COUNTS
    name = key.name if isinstance(key, nodes.Name) else key.attr if isinstance(key, nodes.Getattr) else None
    return isinstance(key, _PLAIN_KEYS) and name not in built


def _built_names(tree: nodes.Template) -> set[str]:
    """Variables, parameters and attributes that hold text the template has put together, at any remove."""
    values = list(_values(tree))
    built: set[str] = set()
    while True:
        more = {name for name, value in values if name not in built and _builds(value, built)}
        if not more:
            return built
        built |= more


def _values(tree: nodes.Template) -> Iterator[tuple[str, nodes.Node]]:
    """Every name that is given a value, with the value."""
    macros = {macro.name: macro for macro in tree.find_all(nodes.Macro)}
    for node in tree.find_all(nodes.Node):
        if isinstance(node, nodes.Assign):
            yield from ((name, node.node) for name in _targets(node.target))
        elif isinstance(node, nodes.AssignBlock):
            yield from ((name, part) for name in _targets(node.target) for part in node.body)
        elif isinstance(node, nodes.For):
            yield from ((name, node.iter) for name in _targets(node.target))
        elif isinstance(node, nodes.With):
            yield from (
                (name, value)
                for target, value in zip(node.targets, node.values, strict=True)
                for name in _targets(target)
            )
        elif isinstance(node, nodes.Keyword):
            yield node.key, node.value
        elif isinstance(node, nodes.Pair) and isinstance(node.key, nodes.Const):
            yield str(node.key.value), node.value
        elif isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name in macros:
            parameters = [parameter.name for parameter in macros[node.node.name].args]
            yield from zip(parameters, node.args, strict=False)


def _targets(target: nodes.Node) -> list[str]:
    if isinstance(target, nodes.NSRef):
        return [target.attr]
    return [name.name for name in (target, *target.find_all(nodes.Name)) if isinstance(name, nodes.Name)]


def _builds(value: nodes.Node, built: set[str]) -> bool:
    return any(
        isinstance(part, _BUILDS_TEXT)
        or (isinstance(part, nodes.Filter) and part.name not in _COUNTS)
        or (
            isinstance(part, nodes.Add)
            and any(isinstance(c, nodes.Const) and isinstance(c.value, str) for c in (part.left, part.right))
        )
        or (isinstance(part, nodes.Name) and part.name in built)
        or (isinstance(part, nodes.Getattr) and part.attr in built)
        for part in (value, *value.find_all(nodes.Node))
    )
