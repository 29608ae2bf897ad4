"""Chat templates in Jinja: they may lay out messages, and not reach Python behind them.

A template that only reads messages needs no name that begins with an underscore, no text with two of them, no
attribute that is put together on the way and nothing from other files. One that does is refused.
"""

from collections.abc import Iterator

from jinja2 import Environment, TemplateError, nodes

from tasks.scanning.finding import Finding, Severity, finding
from tasks.scanning.limits import MAX_TEMPLATE

_FILTERS = {"attr", "xmlattr", "format", "pprint"}
_METHODS = {"format", "format_map", "mro", "func_globals", "gi_frame", "cr_frame", "ag_frame", "f_globals"}
_NAMES = {"cycler", "joiner", "lipsum", "self", "config", "request", "url_for", "get_flashed_messages", "g", "caller"}
_FROM_ELSEWHERE = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)
_PLAIN_KEYS = (nodes.Const, nodes.Slice, nodes.Name, nodes.Neg, nodes.Sub, nodes.Add, nodes.Getattr, nodes.Mod)


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
    for reason in sorted({reason for node in tree.find_all(nodes.Node) for reason in _reasons(node)}):
        yield finding("chat-template", f"a template with {reason}", Severity.CRITICAL)


def _without_generation(text: str) -> str:
    """Transformers' own marks around the assistant's answer are no Jinja of the library."""
    for mark in ("generation", "endgeneration"):
        for left in ("{%", "{%-"):
            for right in ("%}", "-%}"):
                text = text.replace(f"{left} {mark} {right}", "")
    return text


def _reasons(node: nodes.Node) -> Iterator[str]:
    if isinstance(node, nodes.Getattr) and (node.attr.startswith("_") or node.attr in _METHODS):
        yield f"attribute {node.attr}"
    elif (
        isinstance(node, nodes.Const) and isinstance(node.value, str) and ("__" in node.value or node.value[:1] == "_")
    ):
        yield f"text {node.value!r}"
    elif isinstance(node, nodes.Filter) and node.name in _FILTERS:
        yield f"filter {node.name}"
    elif isinstance(node, nodes.Filter | nodes.Test) and any(pair.key == "attribute" for pair in node.kwargs):
        yield from (f"attribute {pair.value}" for pair in node.kwargs if not isinstance(pair.value, nodes.Const))
    elif isinstance(node, nodes.Name) and (node.name in _NAMES or node.name.startswith("_")):
        yield f"name {node.name}"
    elif isinstance(node, nodes.Getitem) and not _is_plain_key(node.arg):
        yield "an attribute that is put together"
    elif isinstance(node, _FROM_ELSEWHERE):
        yield "parts of other files"


def _is_plain_key(key: nodes.Node) -> bool:
    """Positions, fixed keys and variables; no text that is joined, filtered or called for."""
    if isinstance(key, nodes.Add | nodes.Sub | nodes.Mod):
        sides = (key.left, key.right)
        texts = any(isinstance(side, nodes.Const) and isinstance(side.value, str) for side in sides)
        return not texts and all(_is_plain_key(side) for side in sides)
    return isinstance(key, _PLAIN_KEYS) or (isinstance(key, nodes.Filter) and key.name in ("length", "count", "int"))
