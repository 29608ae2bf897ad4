"""Screen a dataset file without stack or ledger: three files of results and one document."""

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from assay.errors import SpecError
from assay.json_types import Json, JsonObject
from assay.near_miss import suggestion
from assay.settings import Settings
from assay.spec import ScreenSpec
from tasks.screening.detectors import DETECTORS, choose_detectors, unasked
from tasks.screening.file_case import FileCase, load_case
from tasks.screening.file_pieces import rows_about
from tasks.screening.file_rows import FileRows, open_rows
from tasks.screening.finding import Finding
from tasks.screening.output_folder import require_free, whole_or_nothing
from tasks.screening.pixels import shape_in_words
from tasks.screening.ray_rows import choose_engine
from tasks.screening.report import About, render_report, sources
from tasks.screening.screening import DetectorRun, Screening, screen_rows
from tasks.screening.verdicts import screening_tables

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class ScreenRequest:
    """What a person asks for. detectors: names, empty for all that fit. rate: see `Case`.

    ray_above: rows above which Ray reads them, 0 for never. settings: tell where it is.
    """

    dataset: Path
    out: Path
    labels: str | None = None
    kind: str | None = None
    trusted: Path | None = None
    source: str | None = None
    detectors: tuple[str, ...] = ()
    rate: float = 0.01
    seed: int = 0
    ray_above: int = 0
    settings: Settings = field(default_factory=Settings)


def screen_file(asked: ScreenRequest, say: Callable[[str], None]) -> JsonObject:
    """Judge, write `asked.out`, and return what `--json` prints.

    Raises SpecError for bad input; then nothing is written.
    """
    started = time.perf_counter()
    require_free(asked.out, asked.dataset)
    for name in asked.detectors:
        if name not in DETECTORS:
            raise SpecError(f"--detectors {name}: no such detector; {suggestion(name, DETECTORS)}")
    file = open_rows(asked.dataset, asked.labels, asked.kind, asked.source)
    _tell_reading(file, asked, say)
    trusted = None
    if asked.trusted is not None:
        trusted = replace(open_rows(asked.trusted, file.columns.label, file.columns.kind, ""), prefix="trusted ")
    rows = rows_about(file.data, file.columns.label)
    engine = choose_engine(rows, asked.ray_above, asked.settings, say)
    found = load_case(file, trusted, asked.rate, asked.seed, engine)
    if not asked.detectors:
        not_asked = (f"detector {name}: {reason}" for name, reason in unasked(found.case.rows).items())
        found = replace(found, notes=(*found.notes, *not_asked))
    say(f"{len(found.case.rows)} rows, {len(found.case.rows.classes)} classes{_shape(found)}")
    for note in found.notes:
        say(f"plays no part: {note}")
    screening = _judge(found, asked, say)
    seconds = time.perf_counter() - started
    tables = screening_tables(screening)
    cells = partial(found.reading.cells_at, file.columns.inputs)
    about = About(asked.dataset.name, found.notes, _options(asked), seconds, cells)
    with whole_or_nothing(asked.out) as folder:
        _write(tables, render_report(screening, about), folder)
    return _document(screening, found, asked, seconds)


def _tell_reading(file: FileRows, asked: ScreenRequest, say: Callable[[str], None]) -> None:
    columns, files = file.columns, len(file.data.files)
    say(f"reading {asked.dataset} as {file.data.form}{f', {files} files' if files > 1 else ''}")
    inputs = ", ".join(columns.inputs[:5]) + (f" and {len(columns.inputs) - 5} more" if len(columns.inputs) > 5 else "")
    guessed = "" if asked.kind else " (found out; --kind says otherwise)"
    say(f"kind {columns.kind}{guessed}; labels in {columns.label!r}; inputs: {inputs}")
    if columns.source:
        say(f"sources in {columns.source!r}")


def _shape(found: FileCase) -> str:
    return f", images of {shape_in_words(found.case.rows.shape)}" if found.case.rows.shape else ""


def _judge(found: FileCase, asked: ScreenRequest, say: Callable[[str], None]) -> Screening:
    for check in found.checks:
        say(f"{check.name}: {check.verdict.value}: {check.detail}")
    detectors = choose_detectors(asked.detectors or None, found.case.rows)
    screening = screen_rows(found.case, detectors, ScreenSpec().max_quarantined, say)
    return replace(screening, checks=(*found.checks, *screening.checks))


def _options(asked: ScreenRequest) -> dict[str, str]:
    trusted = f"rows of {asked.trusted.name}" if asked.trusted else "none"
    return {"trusted": trusted, "tolerated false quarantine rate": f"{asked.rate:.2%}", "seed": str(asked.seed)}


def _write(tables: "dict[str, pa.Table]", report: str, folder: Path) -> None:
    import pyarrow.parquet as pq

    for name in ("scores", "suspects"):
        pq.write_table(tables[name], folder / f"{name}.parquet")
    (folder / "report.html").write_text(report, encoding="utf-8", errors="replace")


def _document(screening: Screening, found: FileCase, asked: ScreenRequest, seconds: float) -> JsonObject:
    import numpy as np

    suspects = np.zeros(len(found.case.rows), dtype=bool)
    for finding in screening.findings.values():
        suspects |= finding.suspect
    return {
        "verdict": screening.verdict.value,
        "rows": len(found.case.rows),
        "suspects": int(suspects.sum()),
        "quarantined": int(screening.quarantined.sum()),
        "detectors": [_detector(run) for run in screening.runs],
        "seconds": round(seconds, 3),
        "peak_rss_bytes": _peak_rss_bytes(),
        "artifacts": {
            "scores": str(asked.out / "scores.parquet"),
            "suspects": str(asked.out / "suspects.parquet"),
            "report": str(asked.out / "report.html"),
        },
        "kind": found.case.rows.kind,
        "sources": [asdict(one) for one in sources(screening)],
        "checks": [check.to_json() for check in screening.checks],
        "notes": list(found.notes),
    }


def _detector(run: DetectorRun) -> dict[str, Json]:
    found = run.found if isinstance(run.found, Finding) else None
    return {
        "name": run.name,
        "verdict": run.check.verdict.value,
        "suspects": int(found.suspect.sum()) if found else 0,
        "quarantined": int(found.quarantined.sum()) if found else 0,
        "seconds": round(run.seconds, 3),
        "canary_recall": round(run.canary.recall, 4),
        "detail": run.check.detail,
    }


def _peak_rss_bytes() -> int:
    """Of this process since it began; Linux counts in KiB, macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
