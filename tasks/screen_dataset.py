"""Keeps out rows that should not be trained on; a version that would lose too many is refused whole."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from assay.dataset import ROW_SOURCE, iterate_batches, load_dataset
from assay.errors import SpecError
from assay.json_types import Json
from assay.records import Check, Step, StepReport, Subject, Verdict, combined_verdict
from assay.station import StepRequest
from assay.workbench import Workbench
from tasks.screening.admission import admit_rows
from tasks.screening.canaries import Canary
from tasks.screening.case import Case
from tasks.screening.detectors import choose_detectors
from tasks.screening.finding import Finding
from tasks.screening.rows import ScreenRows, load_screen_rows
from tasks.screening.screening import Screening, screen_rows
from tasks.screening.verdicts import store_tables

if TYPE_CHECKING:
    from assay.errors import SpecError
from assay.dataset import DatasetVersion


def screen_dataset(request: StepRequest, bench: Workbench) -> StepReport:
    """One check a detector, one on the quarantined share. Nothing is admitted from a version that failed."""
    screen, raw = request.spec.data.screen, request.input("raw")
    if not screen.enabled or screen.detectors == []:
        off = Check("screen", Verdict.NOT_CHECKED, "the spec switches the screen off: no gate admits this version")
        return _report(request, raw, (off,), {})
    version = load_dataset(raw, bench.store)
    bench.say(f"screening {version.rows} rows of {raw.name}")
    case = _case(version, request, bench)
    detectors = choose_detectors(screen.detectors, case.rows)
    screening = screen_rows(case, detectors, screen.max_quarantined, bench.say)
    refused = screening.verdict is Verdict.FAILED
    products = {} if refused else {"admitted": admit_rows(version, raw, screening.quarantined, bench)}
    return _report(request, raw, screening.checks, _facts(screening, bench), products)


def _case(version: "DatasetVersion", request: StepRequest, bench: Workbench) -> Case:
    batches = iterate_batches(version, bench.store, bench.workdir)
    source = ROW_SOURCE if ROW_SOURCE in version.columns else ""
    rows = load_screen_rows(batches, version.kind, version.label, source)
    trusted = _trusted(version, rows, request, bench)
    return Case(rows, trusted, request.spec.data.screen.false_quarantine_rate, request.spec.train.seed)


def _trusted(version: "DatasetVersion", rows: ScreenRows, request: StepRequest, bench: Workbench) -> ScreenRows | None:
    """The spec's trusted rows. Raises SpecError when their columns or classes are not those of the rows."""
    if "trusted" not in request.inputs:
        return None
    trusted = load_dataset(request.inputs["trusted"], bench.store)
    if trusted.columns != version.columns:
        raise SpecError(
            f"{trusted.name}: expected the columns {dict(version.columns)}, found {dict(trusted.columns)}; "
            "mend data.trusted in the spec"
        )
    batches = iterate_batches(trusted, bench.store, bench.workdir)
    return load_screen_rows(batches, trusted.kind, trusted.label, classes=rows.classes)


def _facts(screening: Screening, bench: Workbench) -> dict[str, Json]:
    return {
        **store_tables(screening, bench),
        "rows": len(screening.case.rows),
        "quarantined": int(screening.quarantined.sum()),
        "by_detector": {
            run.name: _run_facts(run.found, run.canary) for run in screening.runs if isinstance(run.found, Finding)
        },
    }


def _run_facts(found: Finding, canary: Canary) -> dict[str, Json]:
    return {
        "suspects": int(found.suspect.sum()),
        "quarantined": int(found.quarantined.sum()),
        "canaries": canary.planted,
        "canary_recall": canary.recall,
        "canary_accused": canary.accused,
    }


def _report(
    request: StepRequest,
    raw: Subject,
    checks: tuple[Check, ...],
    facts: Mapping[str, Json],
    products: Mapping[str, Subject] | None = None,
) -> StepReport:
    return StepReport(
        step=Step.SCREEN,
        pipeline=request.spec.name,
        verdict=combined_verdict(checks),
        products=products or {},
        inputs={"raw": raw, **{role: request.inputs[role] for role in ("trusted",) if role in request.inputs}},
        judged=("raw",),
        checks=checks,
        facts=facts,
    )
