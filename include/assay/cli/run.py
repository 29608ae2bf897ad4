"""`assay run`: start a pipeline's training in Airflow and, when asked, follow it to its verdict."""

import secrets
import time
from datetime import UTC, datetime

import click

from assay.airflow_api import AirflowApi
from assay.cli.output import json_option, print_json, say
from assay.cli.run_outcome import RunOutcome
from assay.errors import EngineUnavailable, SpecError, family_of
from assay.json_types import Json
from assay.settings import Settings, load_settings
from assay.spec import PipelineSpec

_PARSE_PATIENCE_SECONDS = 60.0


@click.command()
@click.argument("pipeline")
@click.option("--follow", "is_followed", is_flag=True, help="Wait for the end: a line a step with verdict and time.")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="Set a training parameter for this run.")
@json_option
def run(pipeline: str, is_followed: bool, params: tuple[str, ...], as_json: bool) -> None:
    """Trigger the training DAG of PIPELINE through Airflow.

    With --follow: exit code 0 when the model serves, 3 when a verdict refused it, 1 when a task broke.
    An interrupted --follow leaves the run going.
    """
    settings = load_settings()
    spec = _spec_of(pipeline, settings)
    conf = _checked(spec, params)
    api = AirflowApi.open(settings)
    dag_id, run_id = f"{pipeline}.train", _new_run_id()
    _wait_until_parsed(api, dag_id)
    _require_pool(api, spec)
    api.unpause(dag_id)
    api.trigger(dag_id, run_id, conf)
    say(f"{pipeline}: run {run_id}  {api.run_page(dag_id, run_id)}")
    outcome = _followed(api, dag_id, run_id) if is_followed else RunOutcome(run_id, api.run_state(dag_id, run_id).state)
    if as_json:
        print_json(outcome.to_json())
    if is_followed:
        _conclude(outcome, api.run_page(dag_id, run_id))
    elif not as_json:
        click.echo(run_id)
    raise click.exceptions.Exit(outcome.exit_code)


def _spec_of(pipeline: str, settings: Settings) -> PipelineSpec:
    """The sound spec of that name. Raises SpecError with a near-miss."""
    from assay.spec_file import load_spec, spec_paths

    (path,) = spec_paths(settings.pipelines, only=[pipeline])
    return load_spec(path)


def _checked(spec: PipelineSpec, params: tuple[str, ...]) -> dict[str, Json]:
    """The answers to the model's form, typed; nothing is triggered when one is wrong."""
    from assay.forms import check_parameters

    raw: dict[str, Json] = {}
    for param in params:
        name, equals, value = param.partition("=")
        if not (name and equals):
            raise SpecError(f"--param: expected NAME=VALUE, found {param!r}; for example --param seed=1")
        raw[name] = value
    return check_parameters(spec, raw)


def _new_run_id() -> str:
    """Named here, so that asking Airflow again after a lost answer does not start a second run."""
    return f"assay__{datetime.now(UTC):%Y%m%dT%H%M%S}_{secrets.token_hex(3)}"


def _wait_until_parsed(api: AirflowApi, dag_id: str) -> None:
    """A pipeline just written needs a moment until Airflow shows its DAG."""
    deadline = time.monotonic() + _PARSE_PATIENCE_SECONDS
    while not api.has_dag(dag_id):
        if time.monotonic() > deadline:
            errors = "; ".join(error.strip().splitlines()[-1] for error in api.import_errors()) or "no import error"
            raise EngineUnavailable(
                f"{dag_id}: expected the DAG in Airflow within {_PARSE_PATIENCE_SECONDS:.0f} s, found {errors}; "
                "mend the spec or look at Airflow's import errors"
            )
        time.sleep(1.0)


def _require_pool(api: AirflowApi, spec: PipelineSpec) -> None:
    if not api.has_pool(spec.train.pool):
        raise SpecError(
            f"{spec.name}: train.pool: expected a pool of Airflow, found {spec.train.pool!r}; "
            f"tasks in it would wait for ever: create it (`airflow pools set {spec.train.pool} 1 training`) or mend it"
        )


def _followed(api: AirflowApi, dag_id: str, run_id: str) -> RunOutcome:
    from assay.cli.run_follow import follow

    try:
        return follow(api, dag_id, run_id)
    except KeyboardInterrupt:
        say(f"interrupted; run {run_id} goes on: {api.run_page(dag_id, run_id)}")
        raise


def _conclude(outcome: RunOutcome, page: str) -> None:
    overhead = 100 * (1 - outcome.task_seconds / outcome.seconds) if outcome.seconds else 0.0
    say(
        f"{outcome.state}: {outcome.verdict.value} in {outcome.seconds:.1f} s, "
        f"{outcome.task_seconds:.1f} s of it in tasks (overhead {overhead:.0f} %)"
    )
    if outcome.exit_code == 3:
        say("refused; what served before goes on serving. Why:")
        for line in [*outcome.refusal(), *filter(None, [outcome.error])]:
            say(f"  {line}")
    elif outcome.exit_code:
        _, error = family_of(outcome.error)
        say(f"{error or 'failed: see the log'}\n  log: {page}")
