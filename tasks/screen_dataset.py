"""Keeps out rows that should not be trained on; a version that would lose too many is refused whole."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from assay.dataset import DatasetVersion, is_input, load_dataset
from assay.errors import SpecError
from assay.json_types import Json
from assay.records import Check, Step, StepReport, Subject, Verdict, combined_verdict
from assay.station import StepRequest
from assay.workbench import Workbench
from tasks.screening.admission import admit_rows
from tasks.screening.canaries import Canary
from tasks.screening.case import Case
from tasks.screening.cleaning import clean_rows, mended_facts
from tasks.screening.declared import declared_bad
from tasks.screening.detectors import choose_detectors, unasked
from tasks.screening.finding import Finding
from tasks.screening.ray_rows import choose_engine
from tasks.screening.releases import Releases, releases_for
from tasks.screening.report import About, render_report
from tasks.screening.row_reading import Reading, RowEngine, in_process
from tasks.screening.rows import ScreenRows, gather_rows
from tasks.screening.screening import Screening, screen_rows
from tasks.screening.stored_source import StoredRows, StoreReach
from tasks.screening.together import gather_together
from tasks.screening.verdicts import store_tables


def screen_dataset(request: StepRequest, bench: Workbench) -> StepReport:
    """One check a detector, one on the quarantined share. Nothing is admitted from a version that failed."""
    screen, raw = request.spec.data.screen, request.input("raw")
    if not screen.enabled or screen.detectors == []:
        off = Check("screen", Verdict.NOT_CHECKED, "the spec switches the screen off: no gate admits this version")
        return _report(request, raw, (off,), {})
    version = load_dataset(raw, bench.store)
    bench.say(f"screening {version.rows} rows of {raw.name}")
    case, reading = _case(version, request, bench)
    detectors = choose_detectors(screen.detectors, case.rows)
    not_asked = dict(unasked(case.rows)) if screen.detectors is None else {}
    for name, reason in not_asked.items():
        bench.say(f"{name}: not asked: {reason}")
    releases = releases_for(version, request.spec.name, bench)
    screening = screen_rows(case, detectors, screen.max_quarantined, bench.say, releases.mask(case.rows))
    declared = declared_bad(raw, bench)
    screening = declared.judged(replace(screening, checks=(*screening.checks, *releases.checks())))
    refused = screening.verdict is Verdict.FAILED
    cleaning = declared.kept_out(clean_rows(screening, screen.cleaning), case.rows)
    products = {} if refused else {"admitted": admit_rows(version, raw, cleaning, bench)}
    page = render_report(screening, _about(version, request, reading))
    mended = mended_facts(screening, cleaning, bench)
    facts = {
        **_facts(screening, releases, bench),
        **mended,
        **declared.facts(),
        "not_asked": not_asked,
        "report": bench.store.put_bytes(page.encode("utf-8", "replace")),
    }
    return _report(request, raw, screening.checks, facts, products)


def _case(version: DatasetVersion, request: StepRequest, bench: Workbench) -> tuple[Case, Reading]:
    screen = request.spec.data.screen
    engine = choose_engine(version.rows, screen.ray_above_rows, bench.settings, bench.say)
    reading = Reading(_source(version, bench, engine), engine)
    rows, trusted = _rows(reading, version, request, bench)
    return Case(rows, trusted, screen.false_quarantine_rate, request.spec.train.seed), reading


def _source(version: DatasetVersion, bench: Workbench, engine: RowEngine = in_process) -> StoredRows:
    return StoredRows(version, (lambda: bench.store) if engine is in_process else StoreReach.of(bench.settings))


def _rows(
    reading: Reading, version: DatasetVersion, request: StepRequest, bench: Workbench
) -> tuple[ScreenRows, ScreenRows | None]:
    """The rows, and the spec's trusted rows. Raises SpecError when their columns are not those of the rows."""
    if "trusted" not in request.inputs:
        return gather_rows(reading.parts(), version.kind), None
    trusted = load_dataset(request.inputs["trusted"], bench.store)
    if trusted.columns != version.columns:
        raise SpecError(
            f"{trusted.name}: expected the columns {dict(version.columns)}, found {dict(trusted.columns)}; "
            "mend data.trusted in the spec"
        )
    known = Reading(_source(replace(trusted, kind=version.kind, label=version.label), bench))
    rows, sound, left_out = gather_together(reading.parts(), known.parts(), version.kind)
    if left_out:
        bench.say(f"{left_out} trusted rows of classes that the version does not have play no part")
    return rows, sound


def _about(version: DatasetVersion, request: StepRequest, reading: Reading) -> About:
    """Without times, so that equal data give an equal page."""
    inputs = [name for name in version.columns if is_input(name) and name != version.label]
    options = {
        "version": request.input("raw").sha256,
        "trusted": f"dataset {request.inputs['trusted'].sha256}" if "trusted" in request.inputs else "none",
        "tolerated false quarantine rate": f"{request.spec.data.screen.false_quarantine_rate:.2%}",
        "seed": str(request.spec.train.seed),
    }
    return About(version.name, (), options, None, partial(reading.cells_at, inputs))


def _facts(screening: Screening, releases: Releases, bench: Workbench) -> dict[str, Json]:
    return {
        **store_tables(screening, bench),
        "rows": len(screening.case.rows),
        "quarantined": int(screening.quarantined.sum()),
        **releases.facts(),
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
