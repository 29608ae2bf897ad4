"""Scans files and folders without loading them: a verdict a file, and one for all that no doubt lets pass.

Nothing is skipped: a link, a device, an unreadable or empty file, an unknown format and a folder without files are
findings. A scanner that lets its own known-bad files pass gives no verdict at all.
"""

import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from assay.digests import sha256_stream
from assay.errors import SpecError
from assay.json_types import JsonObject
from assay.records import Verdict
from tasks.scanning.canaries import Canary, run_canaries
from tasks.scanning.finding import Finding, Judged, Severity, finding, printable
from tasks.scanning.formats import scan_region
from tasks.scanning.limits import MAX_FILES
from tasks.scanning.region import whole


@dataclass(frozen=True)
class ScannedFile:
    """path: as it was reached, printable. sha256: empty for what is no plain file."""

    path: str
    format: str
    findings: tuple[Finding, ...]
    sha256: str = ""
    bytes: int = 0
    seconds: float = 0.0

    @property
    def verdict(self) -> Verdict:
        return Verdict.FAILED if self.findings else Verdict.PASSED

    def as_json(self) -> JsonObject:
        return {
            "path": self.path,
            "format": self.format,
            "verdict": self.verdict.value,
            "findings": [
                {"rule": one.rule, "severity": one.severity.value, "detail": one.detail} for one in self.findings
            ],
            "sha256": self.sha256,
            "bytes": self.bytes,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True)
class ScanReport:
    """canaries: known-bad content of each format, scanned on this very run."""

    files: tuple[ScannedFile, ...]
    canaries: tuple[Canary, ...]
    seconds: float = field(default=0.0)

    @property
    def verdict(self) -> Verdict:
        """FAILED where anything was found; else NOT_CHECKED where a canary was missed or there was nothing to scan."""
        if any(one.findings for one in self.files):
            return Verdict.FAILED
        is_sighted = bool(self.canaries) and all(canary.is_found for canary in self.canaries)
        return Verdict.PASSED if is_sighted and self.files else Verdict.NOT_CHECKED

    def as_json(self) -> JsonObject:
        return {
            "verdict": self.verdict.value,
            "files": [one.as_json() for one in self.files],
            "canaries": [canary.as_json() for canary in self.canaries],
            "bytes": sum(one.bytes for one in self.files),
            "seconds": round(self.seconds, 3),
        }


def scan_paths(paths: Sequence[Path], tell: Callable[[ScannedFile], None] = lambda _: None) -> ScanReport:
    """`tell` hears of each file as it is done. Raises SpecError for a path that is not there."""
    started = time.monotonic()
    for path in paths:
        if not os.path.lexists(path):
            raise SpecError(f"{printable(str(path))}: no such file or folder; expected model files or folders to scan")
    canaries = run_canaries()
    referenced: set[Path] = set()
    scanned: dict[Path, ScannedFile] = {}
    for path in dict.fromkeys(found for root in paths for found in _files(root)):
        scanned[path] = _scan_entry(path, referenced)
    for path, one in scanned.items():
        scanned[path] = _with_external(path, one, referenced)
        tell(scanned[path])
    return ScanReport(tuple(scanned.values()), canaries, time.monotonic() - started)


def _files(root: Path) -> Iterator[Path]:
    """What is below `root`, in order; a folder itself where it cannot be listed or holds no file at any depth."""
    if root.is_symlink() or not root.is_dir():
        yield root
        return
    count = 0
    for found in _walk(root):
        count += 1
        if count > MAX_FILES:
            raise SpecError(f"{printable(str(root))}: more than {MAX_FILES} files; scan its folders one by one")
        yield found
    if not count:
        yield root


def _walk(folder: Path) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        yield folder
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path))
        else:
            yield Path(entry.path)


def _scan_entry(path: Path, referenced: set[Path]) -> ScannedFile:
    started = time.monotonic()
    try:
        before = os.lstat(path)
        if not stat.S_ISREG(before.st_mode):
            return ScannedFile(printable(str(path)), _kind(before.st_mode), (_no_file(before.st_mode),))
        judged, digest = _scan_file(path, referenced)
    except OSError as error:
        found = finding("unreadable", f"{type(error).__name__}: {error.strerror}", Severity.UNREADABLE)
        return ScannedFile(printable(str(path)), "unknown", (found,))
    seconds = time.monotonic() - started
    return ScannedFile(printable(str(path)), judged.format, judged.findings, digest, before.st_size, seconds)


def _scan_file(path: Path, referenced: set[Path]) -> tuple[Judged, str]:
    # Between the look at the name and the opening, the name may come to mean a link or a pipe.
    with open(path, "rb", opener=_open_plain) as file:
        before = os.fstat(file.fileno())
        if not stat.S_ISREG(before.st_mode):
            return Judged(_kind(before.st_mode), (_no_file(before.st_mode),)), ""
        judged = scan_region(whole(file), path.name, path.parent, referenced)
        file.seek(0)
        digest = sha256_stream(file)
        after = os.fstat(file.fileno())
        if (before.st_size, before.st_mtime_ns, before.st_ino) != (after.st_size, after.st_mtime_ns, after.st_ino):
            changed = finding("changed", "was written to while it was scanned", Severity.UNREADABLE)
            return Judged(judged.format, (*judged.findings, changed)), digest
    return judged, digest


def _open_plain(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _no_file(mode: int) -> Finding:
    if stat.S_ISDIR(mode):
        return finding("empty", "a folder without a file, or one that cannot be listed", Severity.UNREADABLE)
    return finding("no-plain-file", f"a {_kind(mode)}: what it leads to can change after the scan")


def _kind(mode: int) -> str:
    kinds = {stat.S_IFLNK: "link", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket", stat.S_IFDIR: "folder"}
    return kinds.get(stat.S_IFMT(mode), "device")


def _with_external(path: Path, one: ScannedFile, referenced: set[Path]) -> ScannedFile:
    """Plain numbers are of no format; they pass where a graph beside them, itself sound, says whose they are."""
    is_raw = [found.rule for found in one.findings] == ["unknown-content"] and path in referenced
    if not is_raw:
        return one
    kind = "saved-model-variables" if path.name.startswith("variables.") else "onnx-external-data"
    return ScannedFile(one.path, kind, (), one.sha256, one.bytes, one.seconds)
