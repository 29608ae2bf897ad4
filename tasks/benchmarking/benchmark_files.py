"""Measure a model file from elsewhere: scanned first, then opened and attacked in a process that can harm nobody.

This process never parses the model. A file with findings is never opened at all; a file that changes meanwhile gives
no number.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from assay.digests import sha256_file, sha256_lines
from assay.errors import AssayError, IntegrityError, SpecError
from assay.json_types import Json, JsonObject
from assay.records import Check, Verdict
from tasks.benchmarking.confined_run import GIB, Job, Limits, run_confined
from tasks.robustness.bench_model import BenchRequest
from tasks.scanning.finding import Severity
from tasks.scanning.scan_paths import ScannedFile, ScanReport, scan_paths
from tasks.screening.data_files import DataFiles, find_files

NOT_CHECKED = (
    "who made the model: no signature of its maker is asked for",
    "backdoors: a trigger that only its maker knows changes nothing here",
    "what it remembers of its training rows, and whether it treats groups of people alike",
    "whether the rows are sound: `assay screen` does that",
    "patches, few pixels, turns and shifts, words: the attacker moves every number by epsilon at most",
)
_JOB = "tasks.robustness.bench_model:bench_job"
_LIBRARIES = ("torch", "onnx", "onnxruntime", "tasks.robustness.bench_model")


@dataclass(frozen=True)
class Inspected:
    """What is to be measured, as it was when it was scanned. asked: with links resolved."""

    asked: BenchRequest
    report: ScanReport
    data: DataFiles
    names: tuple[str, str]
    dataset_sha256: str
    stamps: tuple[tuple[int, int, int], ...]

    @property
    def model(self) -> ScannedFile:
        return self.report.files[0]

    @property
    def facts(self) -> dict[str, Json]:
        """Names, digests and the scan. The dataset's digest is over `sha256  name` lines where it has several files."""
        model, dataset = self.names
        sizes = [size for size, _, _ in self.stamps]
        return {
            "model": {"name": model, "sha256": self.model.sha256, "format": self.model.format, "bytes": sizes[0]},
            "dataset": {
                "name": dataset,
                "sha256": self.dataset_sha256,
                "files": len(self.data.files),
                "bytes": sum(sizes[1:]),
            },
            "scan": {"verdict": self.report.verdict.value, "findings": _findings(self.report)},
        }

    @property
    def check(self) -> Check:
        """The scan as one check of the document."""
        if self.report.verdict is Verdict.PASSED:
            detail = f"{len(self.report.files)} files, {len(self.report.canaries)} canaries found, nothing else"
            return Check("scan", Verdict.PASSED, detail)
        reasons = [
            f"{Path(one.path).name}: {found.rule}: {found.detail}"
            for one in self.report.files
            for found in one.findings
        ]
        blind = [canary.format for canary in self.report.canaries if not canary.is_found]
        detail = "; ".join(reasons) or f"the scan is blind for {', '.join(blind)}"
        return Check("scan", self.report.verdict, f"{detail}; the files were not opened")


def benchmark_files(asked: BenchRequest, limits: Limits, say: Callable[[str], None]) -> JsonObject:
    """The document of `assay bench`; its verdict is failed, and nothing was opened, where the scan finds anything.

    Raises SpecError for files that cannot be measured, or not within the limits.
    """
    started = time.monotonic()
    found = inspect_files(asked, limits)
    if found.report.verdict is not Verdict.PASSED:
        return refused(found) | {"seconds": _since(started)}
    say(f"{found.names[0]}: scanned, {found.model.format}, nothing found")
    resolved = found.asked
    reads = tuple(path.absolute() for path in (resolved.model, resolved.dataset, *found.data.files))
    job = Job(_JOB, resolved.to_json(), reads, _LIBRARIES, has_devices=asked.device != "cpu")
    document, confined = run_confined(job, limits, say)
    _require_unchanged(found, document)
    return {**_with_facts(document, found), **_left_out(asked, confined), "seconds": _since(started)}


def inspect_files(asked: BenchRequest, limits: Limits) -> Inspected:
    """Both files found, named by digest and scanned, neither opened.

    Raises SpecError for what is not there, cannot be read, or is larger than the limit.
    """
    if not asked.model.is_file():
        raise SpecError(f"{asked.model}: expected a model file, found none; name an ONNX file or a .pt2 program")
    resolved = replace(asked, model=asked.model.resolve(), dataset=asked.dataset.resolve())
    size = resolved.model.stat().st_size
    if size > limits.memory_bytes:
        raise SpecError(
            f"{asked.model.name}: {size / GIB:.3g} GiB, the model is too large: allowed are "
            f"{limits.memory_bytes / GIB:.3g} GiB; raise --memory, or measure on a larger machine"
        )
    data = find_files(resolved.dataset)
    stamps = _stamps(resolved.model, data)
    report = scan_files(resolved.model, data)
    names = (asked.model.name, asked.dataset.name or resolved.dataset.name)
    return Inspected(resolved, report, data, names, _dataset_sha256(data), stamps)


def refused(found: Inspected) -> dict[str, Json]:
    """The document's keys where nothing was opened."""
    asked = found.asked
    return {
        "verdict": found.report.verdict.value,
        "threat_model": {"norm": asked.ball.norm, "epsilon": asked.ball.epsilon},
        "suite": asked.suite,
        "clean_accuracy": None,
        "robust_accuracy": None,
        "ci95": None,
        "samples": 0,
        "attacks": [],
        "checks": [found.check.to_json()],
        "notes": [],
        **found.facts,
        "not_checked": ["everything but the scan: the files were not opened"],
        "seconds": round(found.report.seconds, 3),
    }


def scan_files(model: Path, data: DataFiles) -> ScanReport:
    """The model, and of the data what may carry objects that run code. Raises SpecError for what nobody can read."""
    report = scan_paths([model, *(path.resolve() for path in data.files if data.form == "npz")])
    for one in report.files:
        if one.findings and all(found.severity is Severity.UNREADABLE for found in one.findings):
            reasons = "; ".join(f"{found.rule}: {found.detail}" for found in one.findings)
            raise SpecError(f"{one.path}: it cannot be read: {reasons}; export or fetch it again")
    return report


def _dataset_sha256(data: DataFiles) -> str:
    if len(data.files) == 1:
        return sha256_file(data.files[0])
    return sha256_lines(f"{sha256_file(path)}  {path.name}" for path in data.files)


def _stamps(model: Path, data: DataFiles) -> tuple[tuple[int, int, int], ...]:
    try:
        found = [path.stat() for path in (model, *data.files)]
    except OSError as error:
        raise SpecError(f"{error.filename}: cannot be read: {error.strerror}; mend it and try again") from error
    return tuple((one.st_size, one.st_mtime_ns, one.st_ino) for one in found)


def _require_unchanged(found: Inspected, document: JsonObject) -> None:
    model = document.get("model")
    opened = model.get("sha256") if isinstance(model, dict) else None
    if opened != found.model.sha256 or _stamps(found.asked.model, found.data) != found.stamps:
        raise IntegrityError(
            f"{found.names[0]}: expected the scanned bytes {found.model.sha256[:16]}… and data that stay as they are, "
            "found others while they were measured; the number was dropped: find out who writes there"
        )


def _with_facts(document: JsonObject, found: Inspected) -> dict[str, Json]:
    """Names and digests as this process knows them, over what the other one tells."""
    facts, checks = found.facts, document.get("checks")
    known, told = facts["model"], document.get("model")
    verdicts = {verdict.value for verdict in Verdict}
    if document.get("verdict") not in verdicts or not (
        isinstance(checks, list) and isinstance(told, dict) and isinstance(known, dict)
    ):
        raise AssayError("the measuring process told no verdict, or no checks; do not trust this file")
    return {**document, **facts, "model": {**told, **known}, "checks": [found.check.to_json(), *checks]}


def _left_out(asked: BenchRequest, confined: JsonObject) -> dict[str, Json]:
    words = [*NOT_CHECKED, f"rows beyond the {asked.samples} that were drawn, where there are more"]
    if not asked.with_corruptions:
        words.append("pictures under noise, blur, weather and compression (--no-corruptions)")
    if not confined.get("files"):
        words.append("which files the model's reader touches: this kernel has no Landlock")
    return {"confined": confined, "not_checked": [*words]}


def _findings(report: ScanReport) -> list[Json]:
    return [
        {"path": one.path, "rule": found.rule, "severity": found.severity.value, "detail": found.detail}
        for one in report.files
        for found in one.findings
    ]


def _since(started: float) -> float:
    return round(time.monotonic() - started, 3)
