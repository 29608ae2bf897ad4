"""The served file is what it claims: an ONNX graph of known operators with its weights inside, and nothing else.

Nothing is run before this has been looked at: a model file from elsewhere may carry custom operators,
paths to other files, or be no ONNX at all.
"""

from pathlib import Path

from assay.bundle import ONNX_FILE, ModelBundle
from assay.records import Check, Verdict
from tasks.scanning.finding import Refused
from tasks.scanning.onnx_graph import walk_model
from tasks.scanning.region import whole

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


def _graph_checks(path: Path) -> tuple[Check, ...]:
    import onnx

    try:
        model = onnx.load(path, load_external_data=False)
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:  # noqa: BLE001 - protobuf and the checker raise many unrelated types for a bad file
        return (Check("file is valid ONNX", Verdict.FAILED, f"{type(error).__name__}: {str(error)[:300]}"),)
    problems, nodes = _problems_and_nodes(path)
    opsets = ", ".join(f"{entry.domain or 'ai.onnx'} {entry.version}" for entry in model.opset_import)
    return (
        Check("file is valid ONNX", Verdict.PASSED, f"IR {model.ir_version}, operator sets {opsets}"),
        Check(
            "only known operators, weights inside",
            _verdict(not problems),
            "; ".join(problems) or f"{nodes} nodes, all known",
        ),
    )


def _problems_and_nodes(path: Path) -> tuple[list[str], int]:
    """What `assay scan` finds in the same file, with no folder that weights may lie in; and how many nodes it saw."""
    try:
        with path.open("rb") as file:
            graphs = walk_model(whole(file), None)
    except Refused as refused:
        return [refused.finding.detail], 0
    return [found.detail for found in graphs.findings], graphs.nodes


def _digest_check(bundle: ModelBundle) -> Check:
    claimed, found = str(bundle.facts.get("onnx_sha256", "")), bundle.file(ONNX_FILE).sha256
    return Check("digest is the exported one", _verdict(claimed == found), f"exported {claimed}, found {found}")


def _verdict(holds: bool) -> Verdict:
    return Verdict.PASSED if holds else Verdict.FAILED
