"""A stranger's model under attack, as two Airflow tasks: fetch and scan it, then measure it, confined, and sign.

It promotes nothing. A scan that refuses ends the run early and well; bad input is never retried, a missing engine is.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from airflow.sdk import BaseOperator, Param
from airflow.sdk.bases.skipmixin import SkipMixin
from airflow.sdk.exceptions import AirflowFailException

from assay.errors import IntegrityError, PolicyViolation, SpecError
from assay.json_types import Json, JsonObject
from assay.records import RunContext, Verdict

if TYPE_CHECKING:
    from airflow.sdk import Context

    from assay.workbench import Workbench

LONGEST = timedelta(hours=6)
_SCAN, _RETURN_VALUE = "scan", "return_value"


def benchmark_form() -> dict[str, Param]:
    """One field a question; the defaults are those of `assay bench`."""
    place = "absolute path on the worker, or s3://BUCKET/KEY of the configured store"
    return {
        "model": Param(
            "", type="string", minLength=1, title="Model", description=f"ONNX file or .pt2 program: {place}"
        ),
        "dataset": Param(
            "",
            type="string",
            minLength=1,
            title="Dataset",
            description=f"labelled rows as NPZ, Parquet or CSV, or a folder: {place}",
        ),
        "norm": Param("linf", type="string", enum=["linf", "l2"], title="Norm", description="of the attacker"),
        "epsilon": Param(
            0.03,
            type="number",
            exclusiveMinimum=0,
            title="Epsilon",
            description="how far inputs may be moved: a share of black to white, or of a column's lowest to highest",
        ),
        "suite": Param(
            "standard",
            type="string",
            enum=["quick", "standard", "full"],
            title="Attacks",
            description="standard: the AutoAttack protocol; quick: a quarter of the time; full: with restarts",
        ),
        "samples": Param(1000, type="integer", minimum=1, title="Rows", description="to attack at most"),
        "labels": Param(
            None, type=["null", "string"], title="Labels", description="column or array; empty: found by its name"
        ),
        "least": Param(
            None,
            type=["null", "number"],
            minimum=0,
            maximum=1,
            title="Bound",
            description="robust accuracy below it is a verdict of failed; empty: none",
        ),
        "corruptions": Param(
            True, type="boolean", title="Corruptions", description="also images under noise, blur, weather, compression"
        ),
        "memory_gib": Param(
            None,
            type=["null", "number"],
            exclusiveMinimum=0,
            title="Memory",
            description="GiB that model and rows may take; empty: four fifths of the worker",
        ),
        "timeout_seconds": Param(
            14_400,
            type="integer",
            minimum=1,
            maximum=int(LONGEST.total_seconds()),
            title="Time",
            description="after which the measuring process is ended",
        ),
        "seed": Param(0, type="integer", minimum=0, title="Seed", description="equal seeds give equal answers"),
    }


class _OnBench(BaseOperator):
    """Works on the bench that settings open; tried again as a station is."""

    ui_color = "#f3e9fb"

    def __init__(self, **kwargs: Any) -> None:
        # Four tries outlast the restart of an engine.
        kwargs.setdefault("retries", 3)
        kwargs.setdefault("retry_delay", timedelta(seconds=5))
        kwargs.setdefault("retry_exponential_backoff", 2.0)
        kwargs.setdefault("max_retry_delay", timedelta(seconds=60))
        super().__init__(**kwargs)

    def _run(self, context: "Context", step: "Callable[[RunContext, Workbench], JsonObject]") -> JsonObject:
        """What the step tells. Raises AirflowFailException for what a retry would only repeat."""
        from assay.settings import load_settings
        from assay.workbench import open_workbench

        say: Callable[[str], None] = self.log.info
        try:
            with open_workbench(load_settings(), say) as bench:
                told = step(_run_context(context, bench), bench)
        except (PolicyViolation, SpecError, IntegrityError) as error:
            raise AirflowFailException(f"{type(error).__name__}: {error}") from error
        self.log.info("%s: %s", self.task_id, told["verdict"])
        return told


class ScanForeignOperator(_OnBench, SkipMixin):
    """Fetches model and rows into the store and scans them. XCom: verdict and digests.

    What follows is skipped when the scan refuses; the refusal is signed.
    """

    inherits_from_skipmixin = True

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("task_id", _SCAN)
        kwargs.setdefault("execution_timeout", timedelta(hours=1))
        super().__init__(**kwargs)

    def execute(self, context: "Context") -> Json:
        """Scan. Raises AirflowFailException for what a retry would only repeat."""
        from tasks.benchmarking.benchmark_station import scan_foreign

        told = self._run(context, partial(scan_foreign, context["params"]))
        if told["verdict"] != Verdict.PASSED.value:
            self.log.warning("refused: %s", told["findings"])
            # Skipping ends the task by an exception, after which Airflow stores no return value.
            context["ti"].xcom_push(key=_RETURN_VALUE, value=told)
            self.skip(ti=context["ti"], tasks=context["task"].get_flat_relatives(upstream=False))
        return told


class BenchForeignOperator(_OnBench):
    """Measures what the scan let through, in a confined process. XCom: the numbers, digests, the ledger's entry."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("task_id", "bench")
        kwargs.setdefault("execution_timeout", LONGEST + timedelta(minutes=15))
        super().__init__(**kwargs)

    def execute(self, context: "Context") -> Json:
        """Measure and sign. Raises AirflowFailException for what a retry would only repeat."""
        from tasks.benchmarking.benchmark_station import Stored, bench_foreign

        scanned = cast("JsonObject | None", context["ti"].xcom_pull(task_ids=_SCAN, key=_RETURN_VALUE))
        if scanned is None or scanned["verdict"] != Verdict.PASSED.value:
            raise AirflowFailException("expected a passed scan of this run, found none; run the whole DAG")
        stored = Stored.from_json(cast(JsonObject, scanned["files"]))
        return self._run(context, partial(bench_foreign, context["params"], stored))


def _run_context(context: "Context", bench: "Workbench") -> RunContext:
    from operators.triggers import DagRun, trigger_of

    ti, dag_run = context["ti"], cast(DagRun, context["dag_run"])
    trigger, actor = trigger_of(dag_run, ti.dag_id, bench.ledger)
    return RunContext(dag_run.run_id, trigger, actor, ti.dag_id, ti.task_id, ti.try_number)
