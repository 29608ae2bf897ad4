"""Examine the exported model: how right it is, how hard to fool, and whether the file is what it claims.

The verdict says whether every examination the spec names was made and the file is sound. Whether the
numbers suffice is the gate's business.
"""

import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from assay.bundle import ONNX_FILE, ModelBundle, fetch_bundle
from assay.errors import IntegrityError
from assay.inference import OnnxModel, open_model
from assay.json_types import Json
from assay.records import Check, Step, StepReport, Verdict, combined_verdict
from assay.sdk import GradientModel, Rows
from assay.station import StepRequest
from assay.workbench import Workbench
from tasks.examination.artifact import check_artifact
from tasks.examination.clean import CleanMetrics, clean_metrics
from tasks.examination.evasion import EvasionResult, examine_evasion, without_gradients
from tasks.examination.fairness import Judged, examine_fairness
from tasks.examination.row_columns import row_columns
from tasks.examination.slices import find_worst_slices
from tasks.training.candidate import load_candidate
from tasks.training.rows import load_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SEGMENTS = ("holdout", "recent")


def assay_model(request: StepRequest, bench: Workbench) -> StepReport:
    """Judge `model` on the holdout and on its newest segment.

    facts.metrics, facts.ci95: on the whole holdout, `robust_accuracy` being the worst threat model's.
    facts.recent: the same on the newest segment. facts.predictions: digest of a Parquet of row_id, segment,
    label, predicted. facts.evasion: one entry a threat model. facts.fairness: column -> groups and measures.
    facts.slices: where it errs more than elsewhere; found, not judged.
    """
    subjects = {role: request.input(role) for role in ("model", "candidate", *SEGMENTS)}
    folder = Path(tempfile.mkdtemp(prefix="model-", dir=bench.workdir))
    bundle = fetch_bundle(subjects["model"], bench.store, folder)
    if bundle.exported_from != subjects["candidate"].sha256:
        raise IntegrityError(
            f"{subjects['model'].name}: exported from {bundle.exported_from}, expected the run's candidate "
            f"{subjects['candidate'].sha256}; run the export again"
        )
    checks = list(check_artifact(bundle, folder))
    if any(check.verdict is not Verdict.PASSED for check in checks):
        return _report(request, tuple(checks), {})
    served = open_model(folder / ONNX_FILE, bundle.file(ONNX_FILE).sha256, subjects["model"].name)
    rows = {segment: load_rows(subjects[segment], request.spec, bench) for segment in SEGMENTS}
    predicted = {segment: served.predict(rows[segment].inputs).label for segment in SEGMENTS}
    clean = {segment: _clean(request, bundle, rows[segment], predicted[segment]) for segment in SEGMENTS}
    bench.say(f"assay: accuracy {clean['holdout'].values['accuracy']:.4f} on {clean['holdout'].rows} holdout rows")
    checks += [_clean_check(segment, clean[segment]) for segment in SEGMENTS]
    columns = row_columns(subjects["holdout"], rows["holdout"].row_ids, bench)
    judged = Judged(rows["holdout"].labels, predicted["holdout"], _classes(bundle), columns, request.spec.train.seed)
    fairness = {one.column: examine_fairness(one, judged) for one in request.spec.assay.fairness}
    evasion, evasion_checks = _evasion(request, bench, served, rows["holdout"])
    predictions = bench.store.put_bytes(predictions_parquet(rows, predicted))
    facts: dict[str, Json] = {
        **_facts(clean, evasion, predictions),
        "fairness": {column: result.facts for column, result in fairness.items()},
        "slices": find_worst_slices(columns, rows["holdout"].labels != predicted["holdout"]).to_json(),
    }
    return _report(request, (*checks, *(result.check for result in fairness.values()), *evasion_checks), facts)


def predictions_parquet(rows: dict[str, Rows], predicted: dict[str, "NDArray[np.int64]"]) -> bytes:
    """One row a row and segment, in the rows' order: row_id, segment, label, predicted."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts = [
        pa.table(
            {
                "row_id": list(rows[segment].row_ids),
                "segment": [segment] * len(rows[segment]),
                "label": rows[segment].labels,
                "predicted": predicted[segment],
            }
        )
        for segment in rows
    ]
    sink = io.BytesIO()
    pq.write_table(pa.concat_tables(parts), sink)
    return sink.getvalue()


def _clean(request: StepRequest, bundle: ModelBundle, rows: Rows, predicted: "NDArray[np.int64]") -> CleanMetrics:
    return clean_metrics(rows.labels, predicted, _classes(bundle), request.spec.train.seed)


def _classes(bundle: ModelBundle) -> int:
    return int(str(bundle.facts["classes"]))


def _clean_check(segment: str, metrics: CleanMetrics) -> Check:
    low, high = metrics.ci95["accuracy"]
    detail = f"{metrics.rows} {segment} rows, 95 % interval {low:.4f} to {high:.4f}"
    return Check(f"accuracy on {segment}", Verdict.PASSED, detail, measured=metrics.values["accuracy"])


def _evasion(
    request: StepRequest, bench: Workbench, served: OnnxModel, holdout: Rows
) -> tuple[list[EvasionResult], list[Check]]:
    threats = request.spec.assay.threat_models
    if not threats:
        return [], []
    model, _ = load_candidate(request.input("candidate"), request.spec, bench)
    if not isinstance(model, GradientModel):
        return [], [without_gradients(threat, request.spec.train.model) for threat in threats]
    results = []
    for threat in threats:
        result = examine_evasion(model, served, holdout, threat, request.spec.train.seed)
        bench.say(f"assay: robust accuracy {result.robust_accuracy:.4f} at {threat.norm} {threat.epsilon:g}")
        results.append(result)
    return results, [check for result in results for check in result.checks]


def _facts(clean: dict[str, CleanMetrics], evasion: list[EvasionResult], predictions: str) -> dict[str, Json]:
    holdout, recent = clean["holdout"].to_json(), clean["recent"].to_json()
    metrics, ci95 = dict(clean["holdout"].values), {k: list(v) for k, v in clean["holdout"].ci95.items()}
    if evasion:
        worst = min(evasion, key=lambda result: result.robust_accuracy)
        metrics["robust_accuracy"], ci95["robust_accuracy"] = worst.robust_accuracy, list(worst.ci95)
    return {
        **holdout,
        "metrics": metrics,
        "ci95": ci95,
        "recent": recent,
        "evasion": [result.facts for result in evasion],
        "predictions": predictions,
    }


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
