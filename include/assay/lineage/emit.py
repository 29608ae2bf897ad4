"""One OpenLineage event a step, sent to Assay's receiver; what goes wrong here is a warning, never an error.

The ledger already holds the step when this runs, so a lost event costs nothing but time: the lineage
store closes the hole from the ledger.
"""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from assay.json_types import JsonObject
from assay.lineage.dataset_name import dataset_identity
from assay.lineage.openlineage import NAMESPACE
from assay.lineage.run_id import step_run_id
from assay.lineage.seen import report_sources
from assay.records import Check, RunContext, StepReport, Subject, Verdict
from assay.settings import Settings

if TYPE_CHECKING:
    from openlineage.client.event_v2 import InputDataset, OutputDataset
    from openlineage.client.facet_v2 import RunFacet
    from openlineage.client.generated.dataset_version_dataset import DatasetVersionDatasetFacet
    from openlineage.client.generated.test_run import TestExecution

_TIMEOUT_SECONDS = 2.0
_PRODUCER = "urn:assay"
_TEST_STATUS = {Verdict.PASSED: "pass", Verdict.FAILED: "fail", Verdict.NOT_CHECKED: "skip"}
_log = logging.getLogger(__name__)


def emit_step(report: StepReport, context: RunContext, settings: Settings) -> None:
    """Tell the receiver at `settings.api_url` what the step read, made and found. Never raises."""
    if not settings.api_url:
        return
    try:
        _post(step_event(report, context, datetime.now(UTC)), settings)
    except Exception as error:  # noqa: BLE001  # lineage fails open: no fault here may fail a step
        _log.warning("lineage of %s.%s was not sent: %s; the ledger has it", report.pipeline, report.step.value, error)


def step_event(report: StepReport, context: RunContext, at: datetime) -> JsonObject:
    """The OpenLineage 2-0-2 run event of a finished step: COMPLETE, or FAIL when its verdict is FAILED."""
    from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
    from openlineage.client.facet_v2 import job_type_job
    from openlineage.client.serde import Serde

    job_type = job_type_job.JobTypeJobFacet(
        processingType="BATCH", integration="ASSAY", jobType="STEP", producer=_PRODUCER
    )
    event: RunEvent = RunEvent(
        eventTime=at.isoformat(),
        eventType=RunState.FAIL if report.verdict is Verdict.FAILED else RunState.COMPLETE,
        run=Run(runId=step_run_id(report, context), facets=_run_facets(report, context)),
        job=Job(NAMESPACE, f"{report.pipeline}.{report.step.value}", facets={"jobType": job_type}),
        inputs=[*_sources(report), *(_input(subject) for subject in _distinct(report.inputs.values()))],
        outputs=[_output(subject) for subject in _distinct(report.products.values())],
        producer=_PRODUCER,
    )
    return cast(JsonObject, Serde.to_dict(event))


def _post(event: JsonObject, settings: Settings) -> None:
    import httpx

    answer = httpx.post(
        f"{settings.api_url.rstrip('/')}/api/v1/lineage",
        json=event,
        headers={"Authorization": f"Bearer {settings.api_token.get_secret_value()}"},
        timeout=_TIMEOUT_SECONDS,
    )
    if answer.is_error:
        raise RuntimeError(f"{answer.status_code} {answer.text[:300]}")


def _run_facets(report: StepReport, context: RunContext) -> "dict[str, RunFacet]":
    from openlineage.client.facet_v2 import parent_run, test_run

    facets: dict[str, RunFacet] = {
        "test": test_run.TestRunFacet(tests=[_verdict(report), *map(_test, report.checks)], producer=_PRODUCER)
    }
    if context.openlineage_run_id:
        facets["parent"] = parent_run.ParentRunFacet(
            run=parent_run.Run(runId=context.openlineage_run_id),
            job=parent_run.Job(namespace=NAMESPACE, name=f"{context.dag_id}.{context.task_id}"),
            producer=_PRODUCER,
        )
    return facets


def _verdict(report: StepReport) -> "TestExecution":
    from openlineage.client.facet_v2 import test_run

    judged = ", ".join(f"{report.inputs[role].name}@{report.inputs[role].sha256}" for role in report.judged)
    return test_run.TestExecution(
        name="verdict", status=_TEST_STATUS[report.verdict], type="verdict", description=judged or None
    )


def _test(check: Check) -> "TestExecution":
    from openlineage.client.facet_v2 import test_run

    return test_run.TestExecution(
        name=check.name,
        status=_TEST_STATUS[check.verdict],
        severity="error",
        description=check.detail,
        expected=None if check.threshold is None else str(check.threshold),
        actual=None if check.measured is None else str(check.measured),
    )


def _sources(report: StepReport) -> "list[InputDataset]":
    """Under the names that other producers give them, where there are such."""
    from openlineage.client.event_v2 import InputDataset

    identities = [
        (*(dataset_identity(source.name) or (NAMESPACE, f"source/{source.name}")), Subject(source.name, source.digest))
        for source in report_sources(report)
    ]
    return [InputDataset(namespace, name, facets={"version": _version(raw)}) for namespace, name, raw in identities]


def _distinct(subjects: Iterable[Subject]) -> list[Subject]:
    return list(dict.fromkeys(subjects))


def _input(subject: Subject) -> "InputDataset":
    from openlineage.client.event_v2 import InputDataset

    return InputDataset(NAMESPACE, subject.name, facets={"version": _version(subject)})


def _output(subject: Subject) -> "OutputDataset":
    from openlineage.client.event_v2 import OutputDataset

    return OutputDataset(NAMESPACE, subject.name, facets={"version": _version(subject)})


def _version(subject: Subject) -> "DatasetVersionDatasetFacet":
    from openlineage.client.facet_v2 import dataset_version_dataset as facet

    return facet.DatasetVersionDatasetFacet(datasetVersion=subject.sha256, producer=_PRODUCER)
