"""`assay approve`: see what is asked of people, and answer it, from the command line as in Airflow's pages."""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from assay.airflow_api import AirflowApi, Question
from assay.approval import APPROVE, REJECT, Bound, Decision, Standing, decisions_after, standing
from assay.cli.output import json_option, print_json, say
from assay.errors import EngineUnavailable, SpecError
from assay.records import RunContext, Step, Subject
from assay.settings import Settings, load_settings
from assay.spec_file import load_spec, spec_paths
from assay.station import StepRequest

if TYPE_CHECKING:
    from assay.json_types import JsonObject
    from assay.ledger import LedgerEntry
    from assay.spec import PipelineSpec
    from assay.workbench import Workbench

_PATIENCE_SECONDS = 120.0


@click.command()
@click.argument("pipeline")
@click.option("--yes", "chosen", flag_value=APPROVE, help="Approve what is asked.")
@click.option("--no", "chosen", flag_value=REJECT, help="Reject it; that ends the run.")
@click.option("--reason", default="", help="Kept in your signed statement.")
@click.option("--user", metavar="NAME", help="Your Airflow login, if not ASSAY_AIRFLOW_USERNAME.")
@json_option
def approve(pipeline: str, chosen: str | None, reason: str, user: str | None, as_json: bool) -> None:
    """Show who has approved the model that PIPELINE waits with, or answer as one of its approvers.

    Without --yes or --no it only shows the question: the digests of model, policy and report that an answer binds, and
    who has answered. `assay report DIGEST` writes the report of the model. An answer is signed and in the ledger before
    the pipeline goes on. Exit code 3: it was signed as void, for example because you asked for the run yourself.

    \b
    assay approve mnist
    assay approve mnist --yes --reason "robust accuracy holds at 0.1" --user alice
    """
    if chosen and not reason.strip():
        raise SpecError("assay approve: expected a reason for the answer, found none; give `--reason TEXT`")
    settings = load_settings()
    (path,) = spec_paths(settings.pipelines, only=[pipeline])
    spec = load_spec(path, check_classes=False)
    if not spec.approval.people:
        raise SpecError(f"{pipeline}: expected approvers in the spec, found none; nobody is asked")
    matter = _matter(spec, settings)
    is_void = False
    if chosen:
        api = _api(settings, user)
        before = len(matter.decisions)
        api.answer(question_about(matter.bound, api.questions(f"{pipeline}.train")), chosen, reason.strip())
        matter = _after_answer(spec, settings, before)
        is_void = chosen == APPROVE and not matter.decisions[-1].is_valid
    if as_json:
        print_json({**matter.to_json(), "void": is_void})
    else:
        _tell(spec, matter, is_void)
    raise click.exceptions.Exit(3 if is_void else 0)


@dataclass(frozen=True)
class _Matter:
    """What is to be decided, and how far it is."""

    pipeline: str
    model: Subject
    bound: Bound
    decisions: Sequence[Decision]
    standing: Standing

    def to_json(self) -> "JsonObject":
        return {
            "pipeline": self.pipeline,
            "bound": self.bound.to_json(),
            "decisions": [one.to_json() for one in self.decisions],
            **self.standing.to_json(),
            "reached": self.standing.is_reached,
        }


def _matter(spec: "PipelineSpec", settings: Settings) -> _Matter:
    """About the model that the gate judged last. Raises PolicyViolation when it refused that."""
    from assay.workbench import open_workbench
    from tasks.approve_promotion import present_binding

    with open_workbench(settings, say) as bench:
        model = _newest_judged(spec.name, bench).report.inputs["model"]
        request = StepRequest(spec, RunContext(run_id=str(uuid.uuid4())), inputs={"model": model})
        bound, gate = present_binding(request, bench)
        decisions = decisions_after(bench.ledger, model, gate)
        return _Matter(spec.name, model, bound, decisions, standing(decisions, spec.approval, bound, bench.clock()))


def _newest_judged(pipeline: str, bench: "Workbench") -> "LedgerEntry":
    found = bench.ledger.find(step=Step.GATE, pipeline=pipeline, limit=1)
    if not found:
        raise SpecError(f"{pipeline}: expected a gate's decision in the ledger, found none; run the pipeline first")
    return found[0]


def _api(settings: Settings, user: str | None) -> AirflowApi:
    api = AirflowApi.open(settings)
    if user is None or user == api.username:
        return api
    return AirflowApi(api.url, user, click.prompt(f"Airflow password of {user}", hide_input=True, err=True))


def question_about(bound: Bound, waiting: Sequence[Question]) -> Question:
    """The one that names the digests just shown. Raises SpecError rather than answer for what was not looked at."""
    asked = [one for one in waiting if one.task_id == Step.APPROVE.value]
    for one in asked:
        if all(str(digest) in one.body for digest in bound.to_json().values()):
            return one
    raise SpecError(
        f"expected a run that waits for people with model {bound.model[:12]}, policy {bound.policy[:12]} and report "
        f"{bound.report[:12]}, found {len(asked)} that wait, none with these; `assay run PIPELINE` starts one"
    )


def _after_answer(spec: "PipelineSpec", settings: Settings, before: int) -> _Matter:
    """Once the run has signed it. Raises EngineUnavailable when that takes too long."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end:
        matter = _matter(spec, settings)
        if len(matter.decisions) > before:
            return matter
        time.sleep(1.0)
    raise EngineUnavailable(
        f"{spec.name}: answered, but no signed statement after {_PATIENCE_SECONDS:.0f} s; look at the run in Airflow"
    )


def _tell(spec: "PipelineSpec", matter: _Matter, is_void: bool) -> None:
    wanted, roles = spec.approval, ", ".join(spec.approval.roles)
    each = f", one of each of {roles}" if roles else ""
    click.echo(f"{spec.name}: {wanted.quorum} of {', '.join(wanted.people)}{each}")
    for what, digest in matter.bound.to_json().items():
        click.echo(f"  {what:<7} {digest}")
    for one in matter.decisions:
        click.echo(f"  {one.at:%Y-%m-%d %H:%M} {one.person or 'nobody'}: {one.answer or 'no answer'}: {one.reason}")
    click.echo(matter.standing.words)
    if is_void:
        click.echo(f"your answer is void: {'; '.join(matter.decisions[-1].flaws)}")
