"""ONNX: operators of the standard and weights that are where they say, in every graph, sub-graph and function.

The file is walked as Protocol Buffers, message by message; tensors are told by their place and never read.
(onnx.proto3, IR version 13; docs/ExternalData.md.)
"""

import contextlib
import math
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath, PureWindowsPath

from tasks.scanning.finding import Finding, Refused, Severity, finding, unreadable
from tasks.scanning.limits import MAX_NODES, MAX_TENSORS
from tasks.scanning.look import Look
from tasks.scanning.region import Region
from tasks.scanning.wire import Field, fields

_STANDARD = {"", "ai.onnx", "ai.onnx.ml"}
# Operators contributed to ONNX Runtime that read no file and run no code: the tokenizer of text models, and what its
# quantisation and its optimiser write.
_COMPUTES_ONLY = (
    "Tokenizer BiasGelu FastGelu FusedConv FusedGemm FusedMatMul Gelu QuickGelu LayerNormalization Attention "
    "MultiHeadAttention GroupQueryAttention RotaryEmbedding SkipLayerNormalization EmbedLayerNormalization "
    "SimplifiedLayerNormalization SkipSimplifiedLayerNormalization MatMulNBits MatMulIntegerToFloat "
    "DynamicQuantizeMatMul DynamicQuantizeLSTM QAttention QGemm QLinearAdd QLinearAveragePool QLinearConcat "
    "QLinearGlobalAveragePool QLinearLeakyRelu QLinearMul QLinearReduceMean QLinearSigmoid QLinearSoftmax "
    "QLinearWhere QuantizeLinear DequantizeLinear NhwcMaxPool QLinearConv"
)
_CONTRIBUTED = {"com.microsoft": frozenset(_COMPUTES_ONLY.split())}
_MODEL = {1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26}
_GRAPH, _OPSETS, _FUNCTIONS, _TRAINING = 7, 8, 25, 20
_ITEM_BITS = {1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 14: 64, 15: 128}
_ITEM_BITS |= {16: 16, 17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4, 24: 8, 25: 2, 26: 2}
_STRINGS, _WIDEST = 8, 16
_TEXTS, _PACKED = 6, 2
_TYPED = {4, 5, _TEXTS, 7, 10, 11}
_EXTERNAL = 1
_PLACES = {"location", "offset", "length", "checksum", "basepath"}


def is_onnx(region: Region) -> bool:
    """A message of the model's fields alone, with a version, a graph and operator sets."""
    seen = set()
    try:
        for one in fields(region):
            seen.add(one.number)
            if one.number not in _MODEL:
                return False
    except Refused:
        return False
    return {1, _GRAPH, _OPSETS} <= seen


@dataclass
class Graphs:
    """What the walk over all graphs of a model collects."""

    folder: Path | None
    files: set[Path] = field(default_factory=set)
    operators: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)
    nodes: int = 0
    tensors: int = 0

    def note(self, rule: str, detail: str, severity: Severity = Severity.HIGH) -> None:
        found = finding(rule, detail, severity)
        if found not in self.findings:
            self.findings.append(found)


def scan_onnx(region: Region, look: Look) -> Iterator[Finding]:
    """A file beside the model may hold weights where the look is at a folder; other places are refused."""
    graphs = walk_model(region, look.folder)
    if not graphs.findings:
        look.referenced.update(graphs.files)
    yield from graphs.findings


def walk_model(region: Region, folder: Path | None) -> Graphs:
    """Everything in the model; `folder`: where weights outside the file may lie, None where they may not."""
    graphs = Graphs(folder)
    for one in fields(region):
        if one.number == _GRAPH:
            _graph(one.content, graphs)
        elif one.number == _FUNCTIONS:
            _function(one.content, graphs)
        elif one.number == _TRAINING:
            graphs.note("onnx-training", "training information, which a served model has no use for")
    return graphs


def is_known_operator(domain: str, name: str) -> bool:
    """Of the standard, or one of those that ONNX Runtime contributes and that do nothing but compute."""
    if domain in _STANDARD:
        return name in _standard_names(domain)
    return name in _CONTRIBUTED.get(domain, frozenset())


@cache
def _standard_names(domain: str) -> frozenset[str]:
    from onnx import defs

    wanted = "" if domain == "ai.onnx" else domain
    return frozenset(schema.name for schema in defs.get_all_schemas_with_history() if schema.domain == wanted)


def _graph(graph: Region, graphs: Graphs) -> None:
    for one in fields(graph):
        if one.number == 1:
            _node(one.content, graphs)
        elif one.number == 5:
            _tensor(one.content, graphs)
        elif one.number == 15:
            _sparse(one.content, graphs)


def _function(function: Region, graphs: Graphs) -> None:
    """NodeProtos are field 7, attributes with a default field 11."""
    for one in fields(function):
        if one.number == 7:
            _node(one.content, graphs)
        elif one.number == 11:
            _attribute(one.content, graphs)


def _node(node: Region, graphs: Graphs) -> None:
    graphs.nodes += 1
    if graphs.nodes > MAX_NODES:
        raise unreadable(f"more than {MAX_NODES} nodes", "too-large")
    domains, names = [""], [""]
    for one in fields(node):
        if one.number == 4:
            names.append(one.text())
        elif one.number == 7:
            domains.append(one.text())
        elif one.number == 5:
            _attribute(one.content, graphs)
    # The last of several counts.
    operator = f"{domains[-1] or 'ai.onnx'}:{names[-1]}"
    graphs.operators.add(operator)
    if not is_known_operator(domains[-1], names[-1]):
        graphs.note("onnx-operator", f"operator {operator}", Severity.CRITICAL)


def _attribute(attribute: Region, graphs: Graphs) -> None:
    for one in fields(attribute):
        if one.number in (6, 11):
            _graph(one.content, graphs)
        elif one.number in (5, 10):
            _tensor(one.content, graphs)
        elif one.number in (22, 23):
            _sparse(one.content, graphs)


def _sparse(sparse: Region, graphs: Graphs) -> None:
    for one in fields(sparse):
        if one.number in (1, 2):
            _tensor(one.content, graphs)


@dataclass
class _Tensor:
    """What a TensorProto says of itself. items: numbers, or bytes of packed ones, in its typed fields."""

    name: str = ""
    kind: int = 0
    sizes: list[int] = field(default_factory=list)
    raw: int | None = None
    is_external: bool = False
    places: dict[str, str] = field(default_factory=dict)
    items: int = 0


def _tensor(tensor: Region, graphs: Graphs) -> None:
    """As many bytes as its shape and type ask for, here or in a file beside the model."""
    graphs.tensors += 1
    if graphs.tensors > MAX_TENSORS:
        raise unreadable(f"more than {MAX_TENSORS} tensors", "too-large")
    read = _read_tensor(tensor, graphs)
    if any(size >= 1 << 62 for size in read.sizes) or (read.kind not in _ITEM_BITS and read.kind != _STRINGS):
        graphs.note("tensor-size", f"tensor {read.name}: type {read.kind}, sizes {read.sizes[:4]}")
        return
    expected = -(-math.prod(read.sizes) * _ITEM_BITS.get(read.kind, 0) // 8)
    # A typed field spends at least a byte on each number.
    found = read.raw if read.raw is not None else min(expected, _WIDEST * read.items)
    if read.is_external:
        _check_external(read.name, read.places, expected, graphs)
    elif read.kind == _STRINGS and math.prod(read.sizes) != read.items:
        graphs.note("tensor-size", f"tensor {read.name}: {math.prod(read.sizes)} texts, {read.items} there")
    elif read.kind != _STRINGS and found != expected:
        graphs.note("tensor-size", f"tensor {read.name}: {expected} bytes by its shape, {found} there")


def _read_tensor(tensor: Region, graphs: Graphs) -> _Tensor:
    read = _Tensor()
    for one in fields(tensor):
        if one.number == 1:
            read.sizes.extend(one.integers())
        elif one.number == 2:
            read.kind = one.value
        elif one.number == 8:
            read.name = one.text()
        elif one.number == 9:
            read.raw = one.content.size
        elif one.number == 13:
            read.is_external = True
            for key, place in _place(one, graphs).items():
                if key in read.places:
                    graphs.note("onnx-external", f"tensor {read.name}: two values of {key}")
                read.places[key] = place
        elif one.number == 14:
            read.is_external |= one.value == _EXTERNAL
        elif one.number in _TYPED:
            read.items += one.content.size if one.wire == _PACKED and one.number != _TEXTS else 1
    return read


def _place(entry: Field, graphs: Graphs) -> dict[str, str]:
    """One key and value of where external weights lie; a field twice is read differently by readers."""
    texts = {one.number: one.text() for one in fields(entry.content)}
    key = texts.get(1, "")
    if key not in _PLACES:
        graphs.note("onnx-external", f"external data with an unknown key {key}")
    return {key: texts.get(2, "")}


def _check_external(name: str, places: dict[str, str], expected: int, graphs: Graphs) -> None:
    location, folder = places.get("location", ""), graphs.folder
    pure = PurePosixPath(location)
    escapes = pure.is_absolute() or PureWindowsPath(location).drive or ".." in pure.parts or "\\" in location
    # ONNX Runtime reads `*/_ORT_MEM_ADDR_/*` as "at this address in memory".
    if not location or escapes or set(location) & set("\0:*?") or places.get("basepath"):
        graphs.note("onnx-external", f"tensor {name}: weights at {location!r}, outside the folder", Severity.CRITICAL)
        return
    if folder is None:
        graphs.note("onnx-external", f"tensor {name}: weights outside the file")
        return
    available = _plain_size(folder, pure)
    if available is None:
        graphs.note("onnx-external", f"tensor {name}: weights at {location!r}, which is no plain file of the folder")
        return
    graphs.files.add(folder / pure)
    offset, length = places.get("offset", "0"), places.get("length", "")
    if not (offset.isdecimal() and (length.isdecimal() or not length)):
        graphs.note("onnx-external", f"tensor {name}: offset {offset} and length {length}")
        return
    size = int(length) if length else available - int(offset)
    if size != expected or int(offset) + size > available:
        graphs.note("tensor-size", f"tensor {name}: {expected} bytes by its shape, {size} at {offset} of {available}")


def _plain_size(folder: Path, relative: PurePosixPath) -> int | None:
    """Bytes of a plain file below `folder`; None for what is missing, a link, or no file."""
    with contextlib.suppress(OSError):
        path = folder
        for part in relative.parts:
            path = path / part
            mode = os.lstat(path)
            if stat.S_ISLNK(mode.st_mode):
                return None
        if stat.S_ISREG(mode.st_mode) and mode.st_nlink == 1:
            return mode.st_size
    return None
