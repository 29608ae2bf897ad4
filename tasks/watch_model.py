"""Judge the newest window of served traffic against the rows the serving model was examined on.

The reference is the newest frozen holdout segment of the serving model: trusted rows it never saw in
training, from the time it was made for. A window with too few rows is `not_checked`, never `passed`.
Retraining is asked for only within the spec's samples, cooldown and daily budget.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from assay.capture import read_window
from assay.dataset import DatasetVersion, Shard, Source, iterate_batches, load_dataset, save_dataset
from assay.errors import IntegrityError, NothingServed, SpecError
from assay.ledger import LedgerEntry
from assay.loaders import open_loader
from assay.records import Check, Step, StepReport, Subject, Verdict, combined_verdict
from assay.spec import RetrainSpec
from assay.station import StepRequest
from assay.workbench import Workbench

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from tasks.drift.judge import Finding

_FEWEST_REFERENCE_ROWS = 50


@dataclass(frozen=True)
class _Reference:
    """What the serving model was examined on: raw inputs, and its predictions and labels on them."""

    subject: Subject
    inputs: "NDArray[Any]"
    predicted: "NDArray[np.int64]"
    labels: "NDArray[np.int64]"

    @property
    def accuracy(self) -> float:
        return float((self.predicted == self.labels).mean())


@dataclass(frozen=True)
class _Judgement:
    """A finding, the detector it came from, and the bound its effect was held against."""

    detector: str
    finding: "Finding"
    threshold: float

    @property
    def check(self) -> Check:
        from tasks.drift.judge import to_check

        return to_check(self.finding, self.threshold)


def watch_model(request: StepRequest, bench: Workbench) -> StepReport:
    """Report on the newest window of the serving deployment; verdict FAILED means drift.

    facts.retrain says whether the training DAG should run, facts.retrain_reason why or why not.
    Raises NothingServed when nothing serves under this name.
    """
    serving = _serving_entry(request, bench)
    version = int(str(serving.report.facts["version"]))
    window = _window_of_version(request, bench, version)
    inputs = {"deployment": serving.report.products["deployment"]}
    fewest = min(request.spec.monitor.window.rows, _fewest_rows(request))
    if window.num_rows < fewest:
        return _too_few(request, inputs, window.num_rows, fewest, version)
    reference = _reference(request, bench, serving)
    judged = _judge(request, window, reference)
    checks = tuple(judgement.check for judgement in judged)
    verdict = combined_verdict(checks)
    alarms = {judgement.detector for judgement in judged if judgement.finding.drifted}
    retrain, reason = _retrain(request, bench, alarms, window)
    return StepReport(
        step=Step.WATCH,
        pipeline=request.spec.name,
        verdict=verdict,
        products={"window": _save_window(request, bench, window)},
        inputs={**inputs, "reference": reference.subject},
        judged=("deployment",),
        checks=checks,
        facts={
            "version": version,
            "rows": {"reference": len(reference.labels), "current": window.num_rows},
            "labelled": _labelled(window).num_rows,
            "features": [judgement.finding.to_json() for judgement in judged],
            "alarms": sorted(alarms),
            "from": _at(window, first=True),
            "until": _at(window, first=False),
            "retrain": retrain,
            "retrain_reason": reason,
        },
    )


def _serving_entry(request: StepRequest, bench: Workbench) -> LedgerEntry:
    name = request.spec.name
    newest = [
        entry
        for step in (Step.DEPLOY, Step.ROLLBACK, Step.CUT_OUT)
        for entry in bench.ledger.find(step=step, pipeline=name, limit=20)
        if entry.report.verdict is Verdict.PASSED
    ]
    serving = max(newest, key=lambda entry: entry.seq, default=None)
    if serving is None or serving.report.step is Step.CUT_OUT:
        raise NothingServed(
            f"{name}: expected a serving deployment to watch, found none; deploy it with `assay run {name}`"
        )
    return serving


def _fewest_rows(request: StepRequest) -> int:
    retrain = request.spec.monitor.retrain
    return retrain.min_samples if retrain else request.spec.monitor.window.rows


def _window_of_version(request: StepRequest, bench: Workbench, version: int) -> "pa.Table":
    import pyarrow.compute as pc

    rows = request.spec.monitor.window.rows
    window = read_window(bench.settings, request.spec.name, rows=rows)
    return window.filter(pc.equal(pc.cast(window["version"], "int64"), version))


def _reference(request: StepRequest, bench: Workbench, serving: LedgerEntry) -> _Reference:
    """The `recent` segment if it is large enough to compare with, else the whole holdout."""
    assayed = _assay_entry(request, bench, serving)
    recent = _reference_rows(request, bench, assayed, "recent")
    if len(recent.labels) >= _FEWEST_REFERENCE_ROWS:
        return recent
    return _reference_rows(request, bench, assayed, "holdout")


def _assay_entry(request: StepRequest, bench: Workbench, serving: LedgerEntry) -> LedgerEntry:
    model = serving.report.inputs["model"]
    for entry in bench.ledger.find(subject_sha256=model.sha256, step=Step.ASSAY, limit=20):
        if "predictions" in entry.report.facts:
            return entry
    raise SpecError(
        f"{request.spec.name}: expected an assay statement for the serving model {model.sha256[:12]}, found none; "
        f"run `assay run {request.spec.name}`"
    )


def _reference_rows(request: StepRequest, bench: Workbench, assayed: LedgerEntry, segment: str) -> _Reference:
    import io

    import pyarrow.parquet as pq

    subject = assayed.report.inputs[segment]
    version = load_dataset(subject, bench.store)
    loader = open_loader(request.spec)
    rows = loader.load_function(iterate_batches(version, bench.store, bench.workdir), version.label)
    predictions = pq.read_table(io.BytesIO(bench.store.read(str(assayed.report.facts["predictions"])))).to_pandas()
    predictions = predictions[predictions["segment"] == segment].set_index("row_id").reindex(list(rows.row_ids))
    if predictions["predicted"].isna().any():
        raise IntegrityError(
            f"{request.spec.name}: expected predictions for every row of {segment} in entry {assayed.seq}, "
            "found fewer; run the pipeline again"
        )
    return _Reference(subject, rows.inputs, predictions["predicted"].to_numpy("int64"), rows.labels)


def _judge(request: StepRequest, window: "pa.Table", reference: _Reference) -> list[_Judgement]:
    from tasks.drift.features import drift_features
    from tasks.drift.judge import judge_features, judge_performance, judge_predictions

    monitor, judged = request.spec.monitor, list[_Judgement]()
    if "features" in monitor.detectors:
        before, names = drift_features(reference.inputs)
        now, _ = drift_features(_inputs(window))
        found = judge_features(before, now, names, monitor, seed=request.spec.train.seed)
        judged += [_Judgement("features", finding, monitor.effect) for finding in found]
    if "predictions" in monitor.detectors:
        finding = judge_predictions(reference.predicted, window["label"].to_numpy(), monitor)
        judged.append(_Judgement("predictions", finding, monitor.effect))
    labelled = _labelled(window)
    if "performance" in monitor.detectors and labelled.num_rows:
        correct = labelled["label"].to_numpy() == labelled["true_label"].to_numpy()
        finding = judge_performance(reference.accuracy, correct, monitor)
        judged.append(_Judgement("performance", finding, monitor.max_accuracy_loss))
    return judged


def _inputs(window: "pa.Table") -> "NDArray[Any]":
    import numpy as np

    column = window["input"].to_pylist()
    if column and isinstance(column[0], str):
        return np.array(column, dtype=object)
    return np.array(column, dtype=np.float32)


def _labelled(window: "pa.Table") -> "pa.Table":
    import pyarrow.compute as pc

    return window.filter(pc.is_valid(window["true_label"]))


def _retrain(request: StepRequest, bench: Workbench, alarms: set[str], window: "pa.Table") -> tuple[bool, str]:
    """Whether to ask for retraining, and why or why not in words."""
    limits = request.spec.monitor.retrain
    if not alarms:
        return False, "no drift"
    if limits is None:
        return False, "the spec does not retrain on drift"
    if not alarms & set(limits.alarms):
        return False, f"drift in {', '.join(sorted(alarms))}; the spec retrains on {', '.join(limits.alarms)}"
    labelled = _labelled(window).num_rows
    if labelled < limits.min_samples:
        return False, f"{labelled} labelled rows in the window, {limits.min_samples} needed"
    return _within_budget(limits, _earlier_signals(request, bench), bench.clock())


def _earlier_signals(request: StepRequest, bench: Workbench) -> list[datetime]:
    entries = bench.ledger.find(step=Step.WATCH, pipeline=request.spec.name, limit=200)
    return [entry.at for entry in entries if entry.report.facts.get("retrain")]


def _within_budget(limits: RetrainSpec, earlier: list[datetime], now: datetime) -> tuple[bool, str]:
    last = max(earlier, default=None)
    if last is not None and now - last < timedelta(minutes=limits.cooldown_minutes):
        return False, f"cooldown of {limits.cooldown_minutes} minutes since {last.isoformat(timespec='seconds')}"
    today = sum(now - at < timedelta(days=1) for at in earlier)
    if today >= limits.max_per_day:
        return False, f"{today} retrainings in the last 24 hours, {limits.max_per_day} allowed"
    return True, "drift, enough labelled rows, within cooldown and budget"


def _save_window(request: StepRequest, bench: Workbench, window: "pa.Table") -> Subject:
    """The judged rows as a dataset version of their own, so that the verdict stays reproducible."""
    import pyarrow.parquet as pq

    path = bench.workdir / "window.parquet"
    pq.write_table(window, path)
    sha256 = bench.store.put_file(path)
    version = DatasetVersion(
        name=f"{request.spec.name}.window",
        kind=request.spec.data.collector.kind,
        label="true_label",
        columns={field.name: str(field.type) for field in window.schema},
        shards=(Shard("window.parquet", sha256, path.stat().st_size, window.num_rows),),
        sources=(Source(f"deployment/{request.spec.name}", sha256),),
        row_id_rule="request_id and row",
    )
    return save_dataset(version, bench.store)


def _at(window: "pa.Table", *, first: bool) -> str:
    import pyarrow.compute as pc

    value = (pc.min if first else pc.max)(window["at"]).as_py()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _too_few(request: StepRequest, inputs: dict[str, Subject], found: int, fewest: int, version: int) -> StepReport:
    detail = f"{found} rows answered by version {version}, {fewest} needed to judge a window"
    return StepReport(
        step=Step.WATCH,
        pipeline=request.spec.name,
        verdict=Verdict.NOT_CHECKED,
        inputs=inputs,
        judged=("deployment",),
        checks=(Check("window size", Verdict.NOT_CHECKED, detail, float(found), float(fewest)),),
        facts={
            "version": version,
            "rows": {"reference": 0, "current": found},
            "retrain": False,
            "retrain_reason": detail,
        },
    )
