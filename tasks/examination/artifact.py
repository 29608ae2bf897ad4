"""The served file is what it claims: an ONNX graph of known operators with its weights inside, and nothing else.

Nothing is run before this has been looked at: a model file from elsewhere may carry custom operators,
paths to other files, or be no ONNX at all.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.bundle import ONNX_FILE, ModelBundle
from assay.records import Check, Verdict

if TYPE_CHECKING:
    import onnx

_ANY_OPERATOR = {"", "ai.onnx", "ai.onnx.ml"}
# Contributed operators of ONNX Runtime that read no file and run no code; text models need the first.
_CONTRIBUTED = {"com.microsoft": {"Tokenizer"}}
_ALLOWED_SUFFIXES = {".onnx", ".json"}


def check_artifact(bundle: ModelBundle, folder: Path) -> tuple[Check, ...]:
    """One check a claim; `folder` holds the bundle's files, their digests already verified."""
    files = [entry.name for entry in bundle.files]
    odd = [name for name in files if Path(name).suffix not in _ALLOWED_SUFFIXES]
    contents = Check(
        "bundle holds only ONNX and JSON",
        _verdict(not odd and ONNX_FILE in files),
        f"files: {', '.join(sorted(files))}" + (f"; not allowed: {', '.join(odd)}" if odd else ""),
    )
    if ONNX_FILE not in files:
        return (contents,)
    return (contents, _digest_check(bundle), *_graph_checks(folder / ONNX_FILE))


def graph_problems(model: "onnx.ModelProto") -> list[str]:
    """What a served graph must not have: foreign operators, functions that hide them, data outside the file."""
    problems = [f"operator {kind}" for kind in sorted({_name(node) for node in _nodes(model) if not _is_known(node)})]
    if any(_is_external(tensor) for tensor in _tensors(model)):
        problems.append("weights outside the file")
    return problems


def _graph_checks(path: Path) -> tuple[Check, ...]:
    import onnx

    try:
        model = onnx.load(path, load_external_data=False)
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:  # noqa: BLE001 - protobuf and the checker raise many unrelated types for a bad file
        return (Check("file is valid ONNX", Verdict.FAILED, f"{type(error).__name__}: {str(error)[:300]}"),)
    problems = graph_problems(model)
    opsets = ", ".join(f"{entry.domain or 'ai.onnx'} {entry.version}" for entry in model.opset_import)
    return (
        Check("file is valid ONNX", Verdict.PASSED, f"IR {model.ir_version}, operator sets {opsets}"),
        Check(
            "only known operators, weights inside",
            _verdict(not problems),
            "; ".join(problems) or f"{sum(1 for _ in _nodes(model))} nodes, all known",
        ),
    )


def _digest_check(bundle: ModelBundle) -> Check:
    claimed, found = str(bundle.facts.get("onnx_sha256", "")), bundle.file(ONNX_FILE).sha256
    return Check("digest is the exported one", _verdict(claimed == found), f"exported {claimed}, found {found}")


def _nodes(model: "onnx.ModelProto") -> Iterator[Any]:
    graphs = [model.graph]
    yield from (node for function in model.functions for node in function.node)
    while graphs:
        graph = graphs.pop()
        for node in graph.node:
            yield node
            for attribute in node.attribute:
                graphs.extend([attribute.g] if attribute.HasField("g") else [])
                graphs.extend(attribute.graphs)


def _tensors(model: "onnx.ModelProto") -> Iterator[Any]:
    yield from model.graph.initializer
    for node in _nodes(model):
        for attribute in node.attribute:
            yield from ([attribute.t] if attribute.HasField("t") else [])
            yield from attribute.tensors
            for graph in [attribute.g] if attribute.HasField("g") else []:
                yield from graph.initializer


def _is_known(node: Any) -> bool:
    return node.domain in _ANY_OPERATOR or node.op_type in _CONTRIBUTED.get(node.domain, set())


def _name(node: Any) -> str:
    return f"{node.domain or 'ai.onnx'}:{node.op_type}"


def _is_external(tensor: Any) -> bool:
    return bool(tensor.data_location == tensor.EXTERNAL or tensor.external_data)


def _verdict(holds: bool) -> Verdict:
    return Verdict.PASSED if holds else Verdict.FAILED
