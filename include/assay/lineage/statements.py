"""What one verified ledger entry tells of lineage: its run, who stands behind it, what it put into service."""

import uuid

from assay.ledger import LedgerEntry
from assay.lineage.run_id import step_run_id
from assay.lineage.seen import RunSeen, Version, actor_version, report_etags, report_sources, subject_version
from assay.records import Step, Verdict

_NOBODY = ""


def runs_of_entry(entry: LedgerEntry) -> tuple[RunSeen, ...]:
    """The step's run: sources, inputs and the actor lead to every product; an approver leads to the model.

    A watch also tells of the event it may set off, which the runs it starts name as their actor.
    """
    if entry.report.step is Step.APPROVE:
        return (_approval_run(entry),)
    if entry.report.step is Step.WATCH and "window" in entry.report.products:
        return (_step_run(entry), _drift_run(entry))
    return (_step_run(entry),)


def registration_of_entry(entry: LedgerEntry) -> tuple[str, str, str, str] | None:
    """(name, version, alias, model digest) of a passed registration."""
    report = entry.report
    if report.step is not Step.REGISTER or report.verdict is not Verdict.PASSED:
        return None
    subject = report.products["registered"]
    alias = str(report.facts.get("alias") or "")
    return subject.name, str(report.facts["version"]), alias, subject.sha256


def serving_of_entry(entry: LedgerEntry) -> tuple[str, str, str, str, str, str] | None:
    """(name, step, version, model digest, deployment digest, run id) of a passed deploy, rollback or cut-out.

    After a cut-out nothing serves: version and digests are empty.
    """
    report = entry.report
    if report.step not in (Step.DEPLOY, Step.ROLLBACK, Step.CUT_OUT) or report.verdict is not Verdict.PASSED:
        return None
    run_id = step_run_id(report, entry.context)
    if report.step is Step.CUT_OUT:
        return report.pipeline, report.step.value, "", "", "", run_id
    model, deployment = report.inputs.get("model"), report.products["deployment"]
    version = str(report.facts.get("version") or "")
    return report.pipeline, report.step.value, version, model.sha256 if model else "", deployment.sha256, run_id


def approval_of_entry(entry: LedgerEntry) -> tuple[str, str] | None:
    """(model digest, by whom) of a passed gate or a human's approval; the gate is called `gate`."""
    report = entry.report
    if report.step not in (Step.GATE, Step.APPROVE) or report.verdict is not Verdict.PASSED:
        return None
    by = _approver(entry) if report.step is Step.APPROVE else "gate"
    return report.inputs["model"].sha256, by


def _step_run(entry: LedgerEntry) -> RunSeen:
    report = entry.report
    sources = (*report_sources(report), *report_etags(report))
    inputs = (*sources, *map(subject_version, report.inputs.values()), *_actor(entry))
    return RunSeen(
        run_id=step_run_id(report, entry.context),
        job=f"{report.pipeline}.{report.step.value}",
        state="FAIL" if report.verdict is Verdict.FAILED else "COMPLETE",
        at=entry.at,
        inputs=inputs,
        outputs=tuple(map(subject_version, report.products.values())),
        parent_run_id=entry.context.openlineage_run_id or None,
        signed=True,
    )


def _drift_run(entry: LedgerEntry) -> RunSeen:
    watch_run = step_run_id(entry.report, entry.context)
    return RunSeen(
        run_id=str(uuid.uuid5(uuid.UUID(watch_run), "drift")),
        job=f"{entry.report.pipeline}.drift",
        state="OTHER",
        at=entry.at,
        inputs=(subject_version(entry.report.products["window"]),),
        outputs=(actor_version(f"drift/{entry.sha256}", entry.sha256),),
        parent_run_id=watch_run,
        signed=True,
    )


def _approval_run(entry: LedgerEntry) -> RunSeen:
    report, by = entry.report, _approver(entry)
    approved = report.verdict is Verdict.PASSED and by != _NOBODY
    return RunSeen(
        run_id=step_run_id(report, entry.context),
        job=f"{report.pipeline}.{report.step.value}",
        state="COMPLETE" if approved else "FAIL",
        at=entry.at,
        inputs=(actor_version(f"user/{by}"),) if approved else (),
        outputs=(subject_version(report.inputs["model"]),) if approved else (),
        parent_run_id=entry.context.openlineage_run_id or None,
        signed=True,
    )


def _actor(entry: LedgerEntry) -> tuple[Version, ...]:
    """Who set the run off; nobody when the statement does not name them."""
    context = entry.context
    if context.trigger == "schedule":
        return (actor_version(f"schedule/{entry.report.pipeline}"),)
    if not context.actor:
        return ()
    if context.trigger == "drift":
        return (actor_version(f"drift/{context.actor}", context.actor),)
    return (actor_version(f"user/{context.actor}"),)


def _approver(entry: LedgerEntry) -> str:
    return str(entry.report.facts.get("responder") or _NOBODY)
