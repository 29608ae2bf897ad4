"""Hold a version against what every dataset must satisfy and what its spec expects."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from assay.dataset import ROW_ID, DatasetVersion, iterate_batches, load_dataset
from assay.json_types import Json
from assay.records import Check, Step, StepReport, Subject, Verdict, combined_verdict
from assay.station import StepRequest
from assay.workbench import Workbench
from tasks.validation.expectations import governed_columns, run_expectations
from tasks.validation.page import validation_page
from tasks.validation.profile import Profile, profile_dataset
from tasks.validation.schema_checks import class_balance, schema_checks

if TYPE_CHECKING:
    import pandas as pd

_LOOK_BACK = 50


def validate_dataset(request: StepRequest, bench: Workbench) -> StepReport:
    """Judge `raw`.

    facts: rows, classes (label -> share), data_docs (digest of an HTML page in the store).
    Raises SpecError for an expectation that does not exist.
    """
    raw = request.input("raw")
    data = request.spec.data
    version = load_dataset(raw, bench.store)
    profile = profile_dataset(version, bench.store, bench.workdir)
    own_loader = data.loader is not None and ":" in data.loader
    checks = list(schema_checks(version, profile, governed_columns(data.expectations), own_loader=own_loader))
    result: dict[str, Json] = {}
    if profile.rows:
        checks.append(class_balance(profile, _trusted_balance(bench, request.spec.name, raw), data.max_class_shift))
        if data.expectations:
            expected, result = run_expectations(data.expectations, _frame(version, bench))
            checks += expected
    return _report(request, bench, profile, tuple(checks), result)


def _report(
    request: StepRequest, bench: Workbench, profile: Profile, checks: tuple[Check, ...], result: dict[str, Json]
) -> StepReport:
    verdict, raw = combined_verdict(checks), request.input("raw")
    page = validation_page(f"Validation of {request.spec.name}", raw.sha256, verdict, checks, result)
    for check in checks:
        if check.verdict is not Verdict.PASSED:
            bench.say(f"validate: {check.name}: {check.detail}")
    return StepReport(
        step=Step.VALIDATE,
        pipeline=request.spec.name,
        verdict=verdict,
        inputs={"raw": raw},
        judged=("raw",),
        checks=checks,
        facts={
            "rows": profile.rows,
            "classes": {label: round(share, 6) for label, share in profile.shares.items()},
            "data_docs": bench.store.put_bytes(page),
        },
    )


def _frame(version: DatasetVersion, bench: Workbench) -> "pd.DataFrame":
    """The columns that are no lists: pixels would fill the memory, and no expectation speaks of them."""
    import pyarrow as pa

    columns = [name for name, kind in version.columns.items() if "list" not in kind.partition("<")[0]]
    batches = iterate_batches(version, bench.store, bench.workdir, columns or [ROW_ID])
    frame: pd.DataFrame = pa.Table.from_batches(list(batches)).to_pandas()
    return frame


def _trusted_balance(bench: Workbench, pipeline: str, raw: Subject) -> Mapping[str, float] | None:
    """Class shares of the newest other version that passed both this step and the screen."""
    for entry in bench.ledger.find(step=Step.VALIDATE, pipeline=pipeline, limit=_LOOK_BACK):
        before = entry.report.inputs["raw"]
        if entry.report.verdict is not Verdict.PASSED or before.sha256 == raw.sha256:
            continue
        screened = bench.ledger.find(subject_sha256=before.sha256, step=Step.SCREEN, limit=1)
        if screened and screened[0].report.verdict is Verdict.PASSED:
            return cast("Mapping[str, float]", entry.report.facts["classes"])
    return None
