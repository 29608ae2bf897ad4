"""Which format some content is, asked of every format: none that answers, or more than one, is refused."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tasks.scanning import (
    compressed,
    gguf,
    hdf5,
    numpy_files,
    onnx_graph,
    pickles,
    plain_files,
    safetensors,
    saved_model,
    tars,
    zips,
)
from tasks.scanning.finding import MAX_FINDINGS, Finding, Judged, Refused, Severity, finding, printable
from tasks.scanning.look import Budget, Look
from tasks.scanning.region import Region


@dataclass(frozen=True)
class Format:
    """claims: whether a reader of the format would take the content. scan: what speaks against it."""

    name: str
    claims: Callable[[Region], bool]
    scan: Callable[[Region, Look], Iterator[Finding]]


FORMATS = (
    Format("zip", zips.is_zip, zips.scan_zip),
    Format("tar", tars.is_tar, tars.scan_tar),
    Format("npy", numpy_files.is_npy, numpy_files.scan_npy),
    Format("gguf", gguf.is_gguf, gguf.scan_gguf),
    Format("hdf5", hdf5.is_hdf5, hdf5.scan_hdf5),
    Format("parquet", plain_files.is_parquet, plain_files.scan_parquet),
    Format("safetensors", safetensors.is_safetensors, safetensors.scan_safetensors),
    Format("onnx", onnx_graph.is_onnx, onnx_graph.scan_onnx),
    Format("saved-model", saved_model.is_saved_model, saved_model.scan_saved_model),
    Format("saved-model-fingerprint", saved_model.is_fingerprint, lambda *_: iter(())),
    Format("sentencepiece", plain_files.is_vocabulary, plain_files.scan_vocabulary),
    Format("program", lambda region: plain_files.program(region) is not None, plain_files.scan_program),
    Format("pickle", pickles.is_pickle, pickles.scan_pickle),
)
_BROKEN_PICKLE = Format("pickle", pickles.begins_as_pickle, pickles.scan_pickle)
_TEXT = Format("text", plain_files.is_text, plain_files.scan_text)
UNKNOWN = "unknown"
# Their members are judged one by one, and the last may well be a zip, the first a file that begins at byte 512.
_HOLD_OTHERS = {"zip", "tar"}
_TEXTS = frozenset({"text", "json"})
# What a name promises. Names that many formats share, such as .bin and .pt, promise no text.
_PROMISED = {
    **dict.fromkeys((".json",), frozenset({"json"})),
    **dict.fromkeys(
        (".txt", ".md", ".csv", ".tsv", ".yaml", ".yml", ".toml", ".cfg", ".ini", ".jinja", ".jsonl"), _TEXTS
    ),
    ".safetensors": frozenset({"safetensors"}),
    ".onnx": frozenset({"onnx"}),
    ".gguf": frozenset({"gguf"}),
    ".npy": frozenset({"npy"}),
    ".npz": frozenset({"npz"}),
    ".pt2": frozenset({"torch-export"}),
    ".keras": frozenset({"keras"}),
    ".parquet": frozenset({"parquet"}),
    ".tar": frozenset({"tar"}),
    **dict.fromkeys((".zip",), frozenset({"zip", "torch", "torch-export", "keras", "npz"})),
    **dict.fromkeys((".h5", ".hdf5"), frozenset({"hdf5"})),
    **dict.fromkeys((".pt", ".pth", ".ckpt"), frozenset({"torch", "pickle"})),
    **dict.fromkeys((".pkl", ".pickle", ".p"), frozenset({"pickle"})),
}
_PACKED = ("gzip", "bzip2", "xz", "lzma", "zlib", "lz4", "zstandard")
_MODEL_SUFFIXES = {".bin", ".joblib", ".model", ".dat", ".data", ".weights"}


def scan_region(region: Region, name: str, folder: Path | None = None, referenced: set[Path] | None = None) -> Judged:
    """What the content is and what speaks against it; `folder` and `referenced` as in `Look`."""
    files = set() if referenced is None else referenced
    return inspect(region, Look(name, folder, inspect, Budget(region.size), referenced=files))


def inspect(region: Region, look: Look) -> Judged:
    """The content's format and every reason to refuse it. Never raises for what is in the content."""
    try:
        judged = _inspect(region, look)
    except Refused as refused:
        judged = Judged(UNKNOWN, (refused.finding,))
    except RecursionError:
        judged = Judged(UNKNOWN, (finding("too-deep", "nested too deep to be followed", Severity.UNREADABLE),))
    except Exception as error:  # noqa: BLE001 - hostile content must never end the scan, and what fails is no pass
        judged = Judged(UNKNOWN, (finding("unreadable", f"{type(error).__name__}: {error}", Severity.UNREADABLE),))
    by_name = [found for found in (plain_files.script_finding(look.name), _broken_promise(look.name, judged)) if found]
    return Judged(judged.format, (*by_name, *judged.findings)[:MAX_FINDINGS])


def _inspect(region: Region, look: Look) -> Judged:
    if not region.size:
        return Judged("empty", (finding("empty", "no content", Severity.UNREADABLE),))
    claims = _claims(region)
    packed = compressed.compression(region)
    names = [one.name for one in claims] + ([packed] if packed else [])
    findings: list[Finding] = []
    if len(names) > 1 or ("hdf5" not in names and not _HOLD_OTHERS & set(names) and hdf5.hides_hdf5(region)):
        findings.append(finding("polyglot", f"content of more than one format: {', '.join(names) or 'HDF5 inside'}"))
    if packed is not None:
        inner, found = _guarded(lambda: compressed.scan_compressed(region, look, packed), UNKNOWN)
        return Judged(f"{packed}({inner})", (*findings, *found))
    for one in claims or [one for one in (_BROKEN_PICKLE, _TEXT) if one.claims(region)][:1]:
        findings.extend(_guarded(lambda one=one: ("", list(one.scan(region, look))), "")[1])  # type: ignore[misc]
    name = claims[0].name if claims else _plain_name(region)
    if name == UNKNOWN:
        head = region.read(0, 8).hex()
        findings.append(finding("unknown-content", f"of no known format; begins with {head}", Severity.UNREADABLE))
    return Judged(zips.zip_kind(region) if name == "zip" else name, tuple(findings))


def _claims(region: Region) -> list[Format]:
    claims = [one for one in FORMATS if one.claims(region)]
    if claims and {one.name for one in claims} == _HOLD_OTHERS and tars.is_tar(region) and region.read(0, 2) != b"PK":
        return [one for one in claims if one.name == "tar"]
    return claims


def _guarded(scan: Callable[[], tuple[str, list[Finding]]], name: str) -> tuple[str, list[Finding]]:
    try:
        return scan()
    except Refused as refused:
        return name, [refused.finding]


def _plain_name(region: Region) -> str:
    if pickles.begins_as_pickle(region):
        return "pickle"
    if not plain_files.is_text(region):
        return UNKNOWN
    return "json" if plain_files.is_json(region) else "text"


def _broken_promise(name: str, judged: Judged) -> Finding | None:
    """A name that says one format over content of another misleads whoever chooses a reader by it."""
    suffix = PurePosixPath(name.lower()).suffix
    allowed = _PROMISED.get(suffix)
    is_wrong = allowed is not None and judged.format not in allowed
    if suffix in (".pkl", ".pickle", ".p", ".pt", ".pth") and judged.format.startswith(_PACKED):
        is_wrong = not judged.format.endswith("(pickle)")  # joblib compresses under any name
    is_wrong |= suffix in _MODEL_SUFFIXES and judged.format in _TEXTS
    if is_wrong and judged.format not in (UNKNOWN, "empty"):
        return finding("wrong-extension", printable(f"named {suffix} and is {judged.format}"))
    return None
