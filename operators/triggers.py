"""Who set a run off, proved where a proof is owed: a drift event counts only with its signed statement."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from assay.errors import PolicyViolation
from assay.json_types import Json
from assay.ledger import Ledger, LedgerEntry
from assay.records import Step, Verdict
from operators.assets import drift_asset

_NEWEST = 200


class AssetEvent(Protocol):
    """What Airflow hands a task about an event that set its run off."""

    @property
    def asset(self) -> "NamedAsset": ...
    @property
    def extra(self) -> Mapping[str, Json]: ...


class NamedAsset(Protocol):
    @property
    def name(self) -> str: ...


class DagRun(Protocol):
    """The part of the Task SDK's DAG run that tells who set it off."""

    @property
    def run_id(self) -> str: ...
    @property
    def run_type(self) -> str: ...
    @property
    def triggering_user_name(self) -> str | None: ...
    @property
    def consumed_asset_events(self) -> Iterable[AssetEvent]: ...


def trigger_of(dag_run: DagRun, pipeline: str, ledger: Ledger) -> tuple[str, str]:
    """(trigger, actor) of RunContext: "drift" with a statement's sha256, "schedule", or "manual" with a user.

    Raises PolicyViolation when an asset event set the run off and no event proves a drift.
    """
    kind = str(getattr(dag_run.run_type, "value", dag_run.run_type))
    if kind == "asset_triggered":
        return "drift", _proven_drift(dag_run, pipeline, ledger)
    if kind == "scheduled":
        return "schedule", "scheduler"
    # A backfill is a person's wish as well: whoever made it may not approve what comes of it.
    return "manual", dag_run.triggering_user_name or ""


def _proven_drift(dag_run: DagRun, pipeline: str, ledger: Ledger) -> str:
    """The newest cited watch statement that stands; retraining is an attack surface, so all else is refused."""
    name = drift_asset(pipeline).name
    cited = {event.extra.get("statement") for event in dag_run.consumed_asset_events if event.asset.name == name}
    for entry in ledger.find(step=Step.WATCH, pipeline=pipeline, newest_first=True, limit=_NEWEST):
        if entry.sha256 in cited and _demands_retraining(entry):
            _refuse_second_use(entry.sha256, dag_run.run_id, pipeline, ledger)
            return entry.sha256
    raise PolicyViolation(
        f"{pipeline}: expected a drift event that cites a signed watch statement with verdict failed, "
        f"found {sorted(str(statement) for statement in cited) or 'none'}; nobody may start a retraining by hand "
        f"this way: use `assay run {pipeline}`, and ask who posted the event"
    )


def _demands_retraining(entry: LedgerEntry) -> bool:
    return entry.report.verdict is Verdict.FAILED and entry.report.facts.get("retrain") is True


def _refuse_second_use(statement: str, run_id: str, pipeline: str, ledger: Ledger) -> None:
    """One drift, one retraining: an event posted again must not start another."""
    for entry in ledger.find(step=Step.COLLECT, pipeline=pipeline, newest_first=True, limit=_NEWEST):
        if entry.context.actor == statement and entry.context.run_id != run_id:
            raise PolicyViolation(
                f"{pipeline}: drift statement {statement} was answered by run {entry.context.run_id}; "
                f"expected a new one: wait for the next watch, or use `assay run {pipeline}`"
            )
