"""Examine the exported model: how right it is, how hard to fool, what it gives away, and whether its file is sound.

The verdict says whether every examination the spec names was made and the file is sound. Whether the
numbers suffice is the gate's business.
"""

import io
import tempfile
from collections.abc import Mapping
from pathlib import Path

from assay.bundle import ONNX_FILE, ModelBundle, fetch_bundle
from assay.errors import IntegrityError
from assay.inference import open_model
from assay.json_types import Json
from assay.records import Check, Step, StepReport, Verdict, combined_verdict
from assay.station import StepRequest
from assay.workbench import Workbench
from tasks.compare_champion import open_champion
from tasks.examination.artifact import check_artifact
from tasks.examination.case import Examined, ModelCase
from tasks.examination.clean import CleanMetrics, clean_metrics
from tasks.examination.contained import examine_contained
from tasks.examination.examinations import examinations
from tasks.examination.row_columns import row_columns
from tasks.training.candidate import load_candidate
from tasks.training.rows import load_rows

SEGMENTS = ("holdout", "recent")


def assay_model(request: StepRequest, bench: Workbench) -> StepReport:
    """Judge `model` on the holdout and on its newest segment.

    facts.metrics, facts.ci95: on the whole holdout. facts.recent: the same on the newest segment. facts.predictions:
    digest of a Parquet of row_id, segment, label, predicted, confidence. Then one entry an examination, under its name;
    facts.not_examined: those that the spec does not ask for. facts.asked: what it asks for, as the gate compares it.
    """
    folder = Path(tempfile.mkdtemp(prefix="model-", dir=bench.workdir))
    bundle = fetch_bundle(request.input("model"), bench.store, folder)
    candidate = request.input("candidate")
    if bundle.exported_from != candidate.sha256:
        raise IntegrityError(
            f"{request.input('model').name}: exported from {bundle.exported_from}, expected the run's candidate "
            f"{candidate.sha256}; run the export again"
        )
    checks = check_artifact(bundle, folder)
    if any(check.verdict is not Verdict.PASSED for check in checks):
        return _report(request, checks, {})
    case = _case(request, bench, bundle, folder)
    clean = {segment: _clean(case, segment) for segment in SEGMENTS}
    case.say(f"assay: accuracy {clean['holdout'].values['accuracy']:.4f} on {clean['holdout'].rows} holdout rows")
    wanted, left_out = examinations(case.spec)
    found = {name: examine_contained(name, examine, case) for name, examine in wanted.items()}
    checks += tuple(_clean_check(case, segment, clean[segment]) for segment in SEGMENTS)
    checks += tuple(check for one in found.values() for check in one.checks)
    predictions = bench.store.put_bytes(predictions_parquet(case))
    asked: Json = case.spec.assay.model_dump(mode="json")
    facts = {**_facts(clean, found), "predictions": predictions, "not_examined": left_out, "asked": asked}
    return _report(request, checks, facts)


def _case(request: StepRequest, bench: Workbench, bundle: ModelBundle, folder: Path) -> ModelCase:
    """What the examinations share: read once, or when one of them asks for it."""
    spec = request.spec
    served = open_model(folder / ONNX_FILE, bundle.file(ONNX_FILE).sha256, request.input("model").name, threads=1)
    rows = {segment: load_rows(request.input(segment), spec, bench) for segment in SEGMENTS}
    answers = {segment: served.predict(rows[segment].inputs) for segment in SEGMENTS}
    return ModelCase(
        spec=spec,
        bundle=bundle,
        file=folder / ONNX_FILE,
        served=served,
        rows=rows,
        predicted={segment: answers[segment].label for segment in SEGMENTS},
        confidence={segment: answers[segment].probabilities.max(1) for segment in SEGMENTS},
        columns=row_columns(request.input("holdout"), rows["holdout"].row_ids, bench),
        candidate=lambda: load_candidate(request.input("candidate"), spec, bench)[0],
        training=lambda: load_rows(request.input("train"), spec, bench),
        store=bench.store,
        workdir=bench.workdir,
        say=bench.say,
        champion=lambda: open_champion(spec.name, bench),
    )


def predictions_parquet(case: ModelCase) -> bytes:
    """One row a row and segment, in the rows' order: row_id, segment, label, predicted, confidence."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts = [
        pa.table(
            {
                "row_id": list(rows.row_ids),
                "segment": [segment] * len(rows),
                "label": rows.labels,
                "predicted": case.predicted[segment],
                "confidence": case.confidence[segment],
            }
        )
        for segment, rows in case.rows.items()
    ]
    sink = io.BytesIO()
    pq.write_table(pa.concat_tables(parts), sink)
    return sink.getvalue()


def _clean(case: ModelCase, segment: str) -> CleanMetrics:
    return clean_metrics(case.rows[segment].labels, case.predicted[segment], case.classes, case.seed)


def _clean_check(case: ModelCase, segment: str, metrics: CleanMetrics) -> Check:
    """Failed where a row is answered by NaN, which has no largest class."""
    import numpy as np

    low, high = metrics.ci95["accuracy"]
    broken = int((~np.isfinite(case.confidence[segment])).sum())
    detail = f"{metrics.rows} {segment} rows, 95 % interval {low:.4f} to {high:.4f}"
    if broken:
        detail = f"{broken} of {metrics.rows} {segment} rows are answered by NaN or infinity, not by probabilities"
    verdict = Verdict.FAILED if broken else Verdict.PASSED
    return Check(f"accuracy on {segment}", verdict, detail, measured=metrics.values["accuracy"])


def _facts(clean: Mapping[str, CleanMetrics], found: Mapping[str, Examined]) -> dict[str, Json]:
    """The clean numbers, and what each examination says: its metrics beside them, the rest under its name."""
    holdout = clean["holdout"]
    metrics: dict[str, Json] = {**holdout.values}
    ci95: dict[str, Json] = {name: list(interval) for name, interval in holdout.ci95.items()}
    for one in found.values():
        metrics |= one.metrics
        ci95 |= {name: list(interval) for name, interval in one.ci95.items()}
    told = {name: one.facts for name, one in found.items()}
    return {**holdout.to_json(), "metrics": metrics, "ci95": ci95, "recent": clean["recent"].to_json(), **told}


def _report(request: StepRequest, checks: tuple[Check, ...], facts: dict[str, Json]) -> StepReport:
    return StepReport(
        step=Step.ASSAY,
        pipeline=request.spec.name,
        verdict=combined_verdict(checks),
        inputs={role: request.input(role) for role in ("model", "candidate", *SEGMENTS)},
        judged=("model",),
        checks=checks,
        facts=facts,
    )
