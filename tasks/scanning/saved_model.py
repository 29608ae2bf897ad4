"""TensorFlow's SavedModel: graphs of operators that only compute, in every function, and variables beside them.

`saved_model.pb` is walked as Protocol Buffers and never loaded (tensorflow/core/protobuf/saved_model.proto,
meta_graph.proto, saved_object_graph.proto; framework/graph.proto, function.proto). An operator passes by its name on a
list; those that save and restore variables pass only inside functions that nothing but the saver can call.
"""

import fnmatch
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tasks.scanning.finding import Finding, Refused, finding
from tasks.scanning.limits import MAX_NODES
from tasks.scanning.look import Look
from tasks.scanning.region import Region
from tasks.scanning.wire import Field, fields
from tasks.scanning.zip_directory import check_name

LIST = Path(__file__).with_name("tensorflow_operators.txt")
_SCHEMA_VERSION, _META_GRAPH = 1, 2
_META_FIELDS = {1, 2, 3, 4, 5, 6, 7}
_GRAPH, _SAVER, _COLLECTION, _SIGNATURE, _ASSET, _OBJECTS = 2, 3, 4, 5, 6, 7
# They write or read files: the names of files come from whoever saves or restores.
_SAVING = {"SaveV2", "MergeV2Checkpoints", "RestoreV2", "ShardedFilename"}
_CALLS = {"PartitionedCall", "StatefulPartitionedCall"}
# TensorFlow's optimiser may put one function in another's place by this attribute.
_SWAPPED = b"api_implements"
_INDEX, _DATA = "variables.index", "variables.data-*-of-*"
_MAX_FINGERPRINT = 512
_CHECKSUMS, _ID, _VERSION = {1, 2, 3, 4, 5}, 6, 7


@dataclass
class _Node:
    """functions: that its attributes name. inputs: nodes it reads or waits for, bare of output numbers."""

    name: str = ""
    operator: str = ""
    inputs: list[str] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)


@dataclass
class _Graphs:
    """roots: the nodes of the graph itself. functions: name -> nodes. outside: every text by which users call."""

    roots: list[_Node] = field(default_factory=list)
    functions: dict[str, list[_Node]] = field(default_factory=dict)
    savers: set[str] = field(default_factory=set)
    outside: list[Region] = field(default_factory=list)
    nodes: int = 0


def is_saved_model(region: Region) -> bool:
    """A schema version and graphs of a meta graph's fields, and nothing else."""
    try:
        found = list(fields(region))
        numbers = [one.number for one in found]
        graphs = [one.content for one in found if one.number == _META_GRAPH]
        if numbers[:1] != [_SCHEMA_VERSION] or set(numbers) != {_SCHEMA_VERSION, _META_GRAPH}:
            return False
        return all({_GRAPH} <= {one.number for one in fields(graph)} <= _META_FIELDS for graph in graphs)
    except Refused:
        return False


def scan_saved_model(region: Region, look: Look) -> Iterator[Finding]:
    """What speaks against it; variables beside a sound one are files of its own."""
    findings = [found for one in fields(region) if one.number == _META_GRAPH for found in _scan_graphs(one.content)]
    yield from findings
    if not findings and look.folder is not None:
        look.referenced.update(_beside(look.folder))


def is_fingerprint(region: Region) -> bool:
    """A few checksums and the name of the run that wrote the model (fingerprint.proto)."""
    if region.size > _MAX_FINGERPRINT:
        return False
    try:
        found = list(fields(region))
    except Refused:
        return False
    checksums = [one.number for one in found if one.wire == 0]
    rest = {one.number for one in found if one.wire != 0}
    return set(checksums) == _CHECKSUMS and len(checksums) == len(_CHECKSUMS) and rest <= {_ID, _VERSION}


def _scan_graphs(meta_graph: Region) -> Iterator[Finding]:
    graphs = _read(meta_graph)
    everywhere = [("the graph", graphs.roots), *graphs.functions.items()]
    known = known_operators()
    for where, nodes in everywhere:
        for node in nodes:
            if node.operator in _SAVING and where != "the graph":
                continue
            if node.operator not in known and node.operator not in graphs.functions:
                yield finding("tensorflow-operator", f"{node.operator} in {where}: off the list of what only computes")
            missing = [name for name in node.functions if name not in graphs.functions]
            if missing:
                yield finding("tensorflow-function", f"{where} names {missing[0]}, which the model does not hold")
    for name, nodes in graphs.functions.items():
        if any(node.operator in _SAVING for node in nodes):
            yield from _callable(name, graphs)
    for one in fields(meta_graph):
        if one.number == _ASSET:
            check_name(_text(one, 2))
        elif one.number == _OBJECTS:
            yield from _scan_objects(one)


def _scan_objects(objects: Field) -> Iterator[Finding]:
    """SavedObject's user object (4) may carry text of its class (3); Keras once kept layers with their code there."""
    for one in fields(objects.content):
        for user in fields(one.content) if one.number == 1 else ():
            if user.number == 4 and _text(user, 3):
                yield finding("keras-class", f"an object {_text(user, 1)} with text that its class reads")


def _callable(saving: str, graphs: _Graphs) -> Iterator[Finding]:
    """What but the saver could call a function that writes or reads files."""
    callers = [
        (where, node)
        for where, nodes in (("", graphs.roots), *graphs.functions.items())
        for node in nodes
        if saving in (node.operator, *node.functions)
    ]
    reached = {name for node in graphs.roots for name in node.inputs}
    for where, node in callers:
        is_savers = not where and node.name in graphs.savers and node.operator in _CALLS
        if not is_savers or node.name in reached:
            yield finding("tensorflow-file", f"{where or node.name} calls {saving}, which reads or writes files")
    names = {saving.encode(), *(node.name.encode() for _, node in callers)}
    for texts in graphs.outside:
        # Wherever the name stands, also within another: no guess at what a reader takes for a name.
        if any(name in texts.exactly(0, texts.size) for name in names):
            yield finding("tensorflow-file", f"a signature reaches {saving}, which reads or writes files")


def _read(meta_graph: Region) -> _Graphs:
    graphs = _Graphs()
    for one in fields(meta_graph):
        if one.number == _GRAPH:
            _read_graph(one.content, graphs)
        elif one.number == _SAVER:
            graphs.savers |= {_bare(_text(one, number)) for number in (2, 3)} - {""}
        elif one.number in (_COLLECTION, _SIGNATURE, _OBJECTS):
            graphs.outside.append(one.content)
    return graphs


def _read_graph(graph: Region, graphs: _Graphs) -> None:
    for one in fields(graph):
        if one.number == 1:
            graphs.roots.append(_node(one.content, graphs))
        elif one.number == 2:
            for function in fields(one.content):
                if function.number != 1:
                    raise Refused("tensorflow-function", "gradients of functions, which a served model does not need")
                _read_function(function.content, graphs)


def _read_function(function: Region, graphs: _Graphs) -> None:
    name, nodes = "", []
    for one in fields(function):
        if one.number == 1:
            name = _text(one, 1)
        elif one.number == 3:
            nodes.append(_node(one.content, graphs))
    if not name or name in graphs.functions or name in known_operators() | _SAVING:
        raise Refused("tensorflow-function", f"a function named {name!r}: twice there, or an operator's name")
    if any(node.operator in _SAVING for node in nodes) and _SWAPPED in function.exactly(0, function.size):
        raise Refused("tensorflow-function", f"{name} reads or writes files and may be put in another's place")
    graphs.functions[name] = nodes


def _node(message: Region, graphs: _Graphs) -> _Node:
    graphs.nodes += 1
    if graphs.nodes > MAX_NODES:
        raise Refused("too-large", f"more than {MAX_NODES} nodes")
    node = _Node()
    for one in fields(message):
        if one.number == 1:
            node.name = one.text()
        elif one.number == 2:
            node.operator = one.text()
        elif one.number == 3:
            node.inputs.append(_bare(one.text()))
        elif one.number == 5:
            node.functions += _attribute(one)
    return node


def _functions(value: Field) -> Iterator[str]:
    """AttrValue: a function (10), or a list (1) that holds some (9); a function's own attributes may name more."""
    for one in fields(value.content):
        lists = [item for item in fields(one.content) if item.number == 9] if one.number == 1 else []
        for named in [one] if one.number == 10 else lists:
            yield _text(named, 1)
            yield from (name for entry in fields(named.content) if entry.number == 2 for name in _attribute(entry))


def _attribute(entry: Field) -> Iterator[str]:
    for value in fields(entry.content):
        if value.number == 2:
            yield from _functions(value)


def _text(message: Field, number: int) -> str:
    """The last text of that number, as readers take it."""
    return ([one.text() for one in fields(message.content) if one.number == number] or [""])[-1]


def _bare(name: str) -> str:
    return name.removeprefix("^").partition(":")[0]


def _beside(folder: Path) -> Iterator[Path]:
    """Index and shards of the variables: numbers by name, of a format that holds nothing else."""
    for path in sorted((folder / "variables").glob("*")):
        if path.name == _INDEX or fnmatch.fnmatch(path.name, _DATA):
            yield path


@cache
def known_operators() -> frozenset[str]:
    """Names of operators that touch nothing but their inputs and the model's variables."""
    return frozenset(LIST.read_text("ascii").split())
