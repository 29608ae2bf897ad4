"""One Airflow task = one station: Airflow's context in, one step with evidence, a small report out.

A verdict that says no ends the run early and well: what follows is skipped, the report stays readable.
Refusals and tampering are never retried; a missing engine or a killed worker is.
"""

import contextlib
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from airflow.sdk import BaseOperator
from airflow.sdk.bases.skipmixin import SkipMixin
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from assay.errors import IntegrityError, NothingServed, PolicyViolation, SpecError
from assay.json_types import Json, JsonObject
from assay.records import RunContext, Step, StepReport, Subject, Verdict
from operators.report_link import ReportLink

if TYPE_CHECKING:
    from airflow.sdk import Context

    from assay.settings import Settings
    from assay.spec import PipelineSpec
    from assay.station import Station, StepRequest

# The gate must see a failed assay and refuse it in words; the drift signal must see a failed watch.
_GOES_ON_WHEN_NOT_PASSED = frozenset({Step.ASSAY, Step.WATCH})
# They load no class of a user's, so one that no longer reads must not stand between a person and a rollback.
_NEEDS_NO_CLASSES = frozenset({Step.WATCH, Step.ROLLBACK, Step.CUT_OUT})
_RETURN_VALUE = "return_value"


@contextlib.contextmanager
def refusals() -> Iterator[None]:
    """Raises AirflowFailException for what a retry would only repeat, AirflowSkipException where nothing serves yet."""
    try:
        yield
    except NothingServed as error:
        raise AirflowSkipException(str(error)) from error
    except (PolicyViolation, SpecError, IntegrityError) as error:
        raise AirflowFailException(f"{type(error).__name__}: {error}") from error


class StationOperator(BaseOperator, SkipMixin):
    """Runs `step` of `pipeline` where settings say, and stops the run when its verdict is not `passed`.

    XCom: the StepReport as JSON. inputs of the step: the products of all station tasks upstream.
    """

    inherits_from_skipmixin = True
    ui_color = "#e8f1fa"

    def __init__(self, *, pipeline: str, step: Step, **kwargs: Any) -> None:
        # Four tries over 5 + 10 + 20 s outlast the restart of Ray, Triton or PostgreSQL.
        kwargs.setdefault("task_id", step.value)
        kwargs.setdefault("retries", 3)
        kwargs.setdefault("retry_delay", timedelta(seconds=5))
        kwargs.setdefault("retry_exponential_backoff", 2.0)
        kwargs.setdefault("max_retry_delay", timedelta(seconds=60))
        kwargs.setdefault("execution_timeout", timedelta(hours=1))
        super().__init__(**kwargs)
        self.pipeline = pipeline
        self.step = step
        if step is Step.REGISTER:
            self.operator_extra_links = (ReportLink(),)

    def execute(self, context: "Context") -> Json:
        """Run the step. Raises AirflowFailException for what a retry would only repeat.

        Raises AirflowSkipException when nothing serves that could be watched: before the first deployment that is calm.
        """
        with refusals():
            report = self._run_step(context)
        return self.conclude(report, context)

    def conclude(self, report: StepReport, context: "Context") -> Json:
        """The task's result; what follows is skipped when the verdict says no."""
        result = cast(Json, json.loads(json.dumps(report.to_json())))
        self.tell(report)
        if report.verdict is not Verdict.PASSED and self.step not in _GOES_ON_WHEN_NOT_PASSED:
            # Skipping ends the task by an exception, after which Airflow stores no return value.
            context["ti"].xcom_push(key=_RETURN_VALUE, value=result)
            if self.outlets:
                raise AirflowSkipException("not passed: what it would have published stays as it is")
            self._skip_the_rest(context)
        return result

    def station(self, context: "Context", spec: "PipelineSpec") -> "Station":
        """What runs; a subclass may bring facts only Airflow knows."""
        from operators.place import station_of

        del context, spec
        return station_of(self.step)

    def _run_step(self, context: "Context") -> StepReport:
        from assay.settings import load_settings
        from operators.place import run_in_process

        settings = load_settings()
        request = self.request(context, settings)
        say: Callable[[str], None] = self.log.info
        return run_in_process(self.station(context, request.spec), request, settings, say)

    def request(self, context: "Context", settings: "Settings") -> "StepRequest":
        """What the station works on: the spec as it is now, the run, the products upstream, the person's values."""
        from assay.spec_file import load_spec
        from assay.station import StepRequest
        from operators.form import form_defaults, given_parameters

        has_form = self.step not in _NEEDS_NO_CLASSES
        spec = load_spec(settings.pipelines / f"{self.pipeline}.yaml", check_classes=has_form)
        defaults = form_defaults(spec) if has_form else {}
        return StepRequest(
            spec=spec,
            context=self._run_context(context, settings),
            inputs=self._products_upstream(context),
            parameters=given_parameters(defaults, cast(JsonObject, context["params"])),
        )

    def _run_context(self, context: "Context", settings: "Settings") -> RunContext:
        from assay.ledger import Ledger
        from operators.triggers import DagRun, trigger_of

        ti = context["ti"]
        dag_run = cast(DagRun, context["dag_run"])
        with contextlib.closing(Ledger.open(settings)) as ledger:
            trigger, actor = trigger_of(dag_run, self.pipeline, ledger)
        return RunContext(
            run_id=dag_run.run_id,
            trigger=trigger,
            actor=actor,
            dag_id=ti.dag_id,
            task_id=ti.task_id,
            try_number=ti.try_number,
            openlineage_run_id=_openlineage_run_id(ti),
        )

    def _products_upstream(self, context: "Context") -> dict[str, Subject]:
        products: dict[str, Subject] = {}
        for report in self.reports_upstream(context):
            products.update(report.products)
        return products

    def reports_upstream(self, context: "Context") -> Iterator[StepReport]:
        """Reports of every station before this one in the run, in no particular order."""
        upstream = context["task"].get_flat_relatives(upstream=True)
        for task_id in sorted(task.task_id for task in upstream if isinstance(task, StationOperator)):
            result = context["ti"].xcom_pull(task_ids=task_id, key=_RETURN_VALUE)
            if result is not None:
                yield StepReport.from_json(result)

    def tell(self, report: StepReport) -> None:
        """What the task's log says of a report."""
        self.log.info("%s: %s", self.step.value, report.verdict.value)
        for check in report.checks:
            say = self.log.info if check.verdict is Verdict.PASSED else self.log.warning
            say("%s: %s: %s", check.name, check.verdict.value, check.detail)

    def _skip_the_rest(self, context: "Context") -> None:
        rest = [task for task in context["task"].get_flat_relatives(upstream=False) if not task.is_teardown]
        self.log.warning("The verdict is not `passed`: %s", f"skipped {sorted(t.task_id for t in rest)}")
        self.skip(ti=context["ti"], tasks=rest)


def _openlineage_run_id(ti: Any) -> str:
    """The run id under which Airflow's own OpenLineage events speak of this try; "" when they are off."""
    from airflow.providers.openlineage.conf import is_disabled

    if is_disabled():
        return ""
    from airflow.providers.openlineage.plugins.macros import lineage_run_id

    return str(lineage_run_id(ti))
