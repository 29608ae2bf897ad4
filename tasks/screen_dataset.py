"""Keeps out rows that should not be trained on; a version that would lose too many is refused whole."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from assay.dataset import load_dataset
from assay.json_types import Json
from assay.records import Check, Step, StepReport, Subject, Verdict, combined_verdict
from assay.station import StepRequest
from assay.workbench import Workbench
from tasks.screening.admission import admit_rows
from tasks.screening.duplicates import find_duplicates
from tasks.screening.finding import Detector, Finding, NotJudged
from tasks.screening.label_issues import find_label_issues
from tasks.screening.outliers import find_outliers
from tasks.screening.rows import load_screen_rows
from tasks.screening.verdicts import quarantined_rows, store_tables

if TYPE_CHECKING:
    from tasks.screening.rows import ScreenRows

DETECTORS: Mapping[str, Detector] = {
    "duplicates": find_duplicates,
    "label_issues": find_label_issues,
    "outliers": find_outliers,
}


def screen_dataset(request: StepRequest, bench: Workbench) -> StepReport:
    """One check a detector, one on the quarantined share. Nothing is admitted from a version that failed."""
    screen, raw = request.spec.data.screen, request.input("raw")
    if not screen.enabled or not screen.detectors:
        off = Check("screen", Verdict.NOT_CHECKED, "the spec switches the screen off: no gate admits this version")
        return _report(request, raw, (off,), {})
    version = load_dataset(raw, bench.store)
    bench.say(f"screening {version.rows} rows of {raw.name}")
    rows = load_screen_rows(version, bench)
    findings, checks = _run_detectors(rows, request, bench)
    quarantined = quarantined_rows(rows, findings)
    share = float(quarantined.mean()) if len(rows) else 1.0
    checks.append(_judge_share(int(quarantined.sum()), len(rows), share, screen.max_quarantined))
    facts: dict[str, Json] = {
        **store_tables(rows, findings, quarantined, bench),
        "rows": len(rows),
        "quarantined": int(quarantined.sum()),
        "by_detector": {
            name: {"suspects": int(found.suspect.sum()), "quarantined": int(found.quarantined.sum())}
            for name, found in findings.items()
        },
    }
    refused = combined_verdict(tuple(checks)) is Verdict.FAILED
    products = {} if refused else {"admitted": admit_rows(version, raw, quarantined, bench)}
    bench.say(f"quarantined {int(quarantined.sum())} of {len(rows)} rows ({share:.2%})")
    return _report(request, raw, tuple(checks), facts, products)


def _run_detectors(
    rows: "ScreenRows", request: StepRequest, bench: Workbench
) -> tuple[dict[str, Finding], list[Check]]:
    screen, seed = request.spec.data.screen, request.spec.train.seed
    findings: dict[str, Finding] = {}
    checks: list[Check] = []
    for name in dict.fromkeys(screen.detectors):
        found = DETECTORS[name](rows, screen.false_quarantine_rate, seed)
        if isinstance(found, NotJudged):
            checks.append(Check(name, Verdict.NOT_CHECKED, found.reason))
            bench.say(f"{name}: not checked: {found.reason}")
            continue
        findings[name] = found
        suspects, kept_out = int(found.suspect.sum()), int(found.quarantined.sum())
        words = f"{suspects} suspects, {kept_out} quarantined; rule: {found.rule}"
        checks.append(Check(name, Verdict.PASSED, words, float(suspects)))
        bench.say(f"{name}: {suspects} suspects, {kept_out} quarantined")
    return findings, checks


def _judge_share(quarantined: int, rows: int, share: float, max_quarantined: float) -> Check:
    holds = share <= max_quarantined
    words = f"{quarantined} of {rows} rows quarantined" + ("" if holds else ": the whole version is refused")
    verdict = Verdict.PASSED if holds else Verdict.FAILED
    return Check("quarantined_share", verdict, words, share, max_quarantined)


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
        inputs={"raw": raw},
        judged=("raw",),
        checks=checks,
        facts=facts,
    )
