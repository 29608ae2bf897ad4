"""`assay clean`: a planted model's backdoor is taken out, and what comes of it is examined and judged at once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import click

from assay.cli.output import json_option, print_json, say
from assay.errors import PolicyViolation, SpecError
from assay.evidence_chain import evidence_chain
from assay.json_types import JsonObject
from assay.ledger import Ledger, LedgerEntry
from assay.manual_run import manual_run
from assay.records import Step, StepReport, Subject, Verdict
from assay.settings import Settings, load_settings
from assay.spec import PipelineSpec
from assay.spec_file import load_spec, spec_paths
from assay.station import Station, StepRequest, run_station
from assay.workbench import open_workbench

_NO = 3


@click.command()
@click.argument("name")
@click.option(
    "--model", metavar="SHA256", help="The planted model; default: the last one in which a backdoor was found."
)
@click.option("--deploy", "is_deployed", is_flag=True, help="Also register and serve what the gate lets through.")
@json_option
def clean(name: str, model: str | None, is_deployed: bool, as_json: bool) -> None:
    """Train NAME's planted candidate anew without the training rows that carry the backdoor.

    The new candidate has the same class, parameters and seed. It is exported, assayed and judged by the gate, each step
    signed with your name; the planted one stays as it was. Exit code 0 when the gate lets it through, 3 when the
    backdoor is still there or the gate refuses, 2 when there is nothing to clean.
    """
    settings = load_settings()
    (path,) = spec_paths(settings.pipelines, only=[name])
    spec = load_spec(path)
    _refuse_blind(spec, is_deployed)
    with open_workbench(settings, say) as bench:
        found = find_planted_model(bench.ledger, name, model)
        inputs = what_it_was_made_of(bench.ledger, found)
    request = StepRequest(spec, manual_run(), inputs, {"found_by": found.sha256})
    reports = list(_walk(request, settings, is_deployed, as_json))
    passed = all(report.verdict is Verdict.PASSED for report in reports)
    if as_json:
        print_json(_document(found, reports, passed))
    else:
        click.echo(_last_line(spec, reports, passed, is_deployed))
    if not passed:
        raise click.exceptions.Exit(_NO)


def find_planted_model(ledger: Ledger, pipeline: str, model: str | None = None) -> LedgerEntry:
    """The newest assay statement that names a planted class, or `model`'s. Raises SpecError when none is planted."""
    if model is None:
        entries = ledger.find(step=Step.ASSAY, pipeline=pipeline)
        found = next((entry for entry in entries if _is_planted(entry)), None)
        if found is None:
            raise SpecError(
                f"{pipeline}: no backdoor was found in any model of the pipeline; there is nothing to clean"
            )
        return found
    newest = next(iter(ledger.find(subject_sha256=model, step=Step.ASSAY, pipeline=pipeline, limit=1)), None)
    if newest is None:
        raise SpecError(
            f"{pipeline}: no assay statement on a model {model}; `assay lineage` shows the pipeline's models"
        )
    if not _is_planted(newest):
        raise SpecError(f"{pipeline}: entry {newest.seq} found no backdoor in model {model}; there is nothing to clean")
    return newest


def what_it_was_made_of(ledger: Ledger, found: LedgerEntry) -> dict[str, Subject]:
    """Role -> subject of the planted model's chain; a dataset's role names the same bytes as there.

    Raises PolicyViolation where the chain is broken.
    """
    chain = evidence_chain(ledger, found.report.inputs["model"])
    missing = [step.value for step, entry in chain.items() if entry is None]
    if missing:
        raise PolicyViolation(f"expected statements on what the model was made of, found none of {missing}")
    told: dict[str, Subject] = {}
    for step in (Step.SCREEN, Step.SPLIT, Step.TRAIN):
        entry = chain[step]
        told |= {**entry.report.inputs, **entry.report.products} if entry else {}
    wanted = ("raw", "admitted", "train")
    return {**{role: told[role] for role in wanted}, **_without_model(found.report.inputs)}


@dataclass(frozen=True)
class _Stop:
    """after: whether a step that did not pass ends the walk; a failed assay is for the gate to refuse in words."""

    station: Station
    after: bool = True


def _walk(request: StepRequest, settings: Settings, is_deployed: bool, as_json: bool) -> Iterator[StepReport]:
    for stop in _stops(is_deployed):
        with open_workbench(settings, say) as bench:
            report = run_station(stop.station, request, bench)
        yield report
        if not as_json:
            _tell(report)
        if stop.after and report.verdict is not Verdict.PASSED:
            return
        request = replace(request, inputs={**request.inputs, **report.products}, parameters={})


def _stops(is_deployed: bool) -> list[_Stop]:
    from tasks.assay_model import assay_model
    from tasks.clean_model import clean_model
    from tasks.decide_promotion import decide_promotion
    from tasks.export_model import export_model

    stops = [_Stop(clean_model), _Stop(export_model), _Stop(assay_model, after=False), _Stop(decide_promotion)]
    if is_deployed:
        from tasks.deploy_model import deploy_model
        from tasks.register_model import register_model

        stops += [_Stop(register_model), _Stop(deploy_model)]
    return stops


def _refuse_blind(spec: PipelineSpec, is_deployed: bool) -> None:
    if spec.assay.backdoors is None:
        raise SpecError(f"{spec.name}: expected `assay.backdoors` in the spec, so that the new model is searched too")
    if is_deployed and spec.approval.people:
        raise SpecError(
            f"{spec.name}: --deploy cannot ask the approvers {', '.join(spec.approval.people)}; "
            "take the rows out of the data and run the pipeline, which asks them"
        )


def _is_planted(entry: LedgerEntry) -> bool:
    told = entry.report.facts.get("backdoors")
    return isinstance(told, Mapping) and bool(told.get("planted"))


def _without_model(inputs: Mapping[str, Subject]) -> dict[str, Subject]:
    return {role: subject for role, subject in inputs.items() if role != "model"}


def _tell(report: StepReport) -> None:
    name = "clean" if report.step is Step.TRAIN else report.step.value
    click.echo(f"{name}: {report.verdict.value}")
    for check in report.checks:
        if report.step is Step.TRAIN or check.verdict is not Verdict.PASSED:
            click.echo(f"  {check.name}: {check.verdict.value}: {check.detail}")


def _last_line(spec: PipelineSpec, reports: list[StepReport], passed: bool, is_deployed: bool) -> str:
    if not passed:
        return f"{spec.name}: not promoted; the ledger says why"
    if is_deployed:
        return f"{spec.name}: version {reports[-1].facts['version']} serves"
    through = f"{spec.name}: the gate lets model {reports[1].products['model'].sha256[:12]} through"
    if spec.approval.people:
        return f"{through}; it is not served, as nobody was asked to approve it"
    return f"{through}; it is not served, which `assay clean {spec.name} --deploy` does"


def _document(found: LedgerEntry, reports: list[StepReport], passed: bool) -> JsonObject:
    products = {role: subject.sha256 for report in reports for role, subject in report.products.items()}
    cleaning: Any = reports[0].facts.get("cleaning", {})
    return {
        "pipeline": found.report.pipeline,
        "verdict": (Verdict.PASSED if passed else Verdict.FAILED).value,
        "planted_model": found.report.inputs["model"].sha256,
        "cleaned_from": reports[0].inputs["cleaned_from"].sha256,
        "candidate": products.get("candidate"),
        "model": products.get("model"),
        "cleaning": cleaning,
        "steps": [
            {"step": report.step.value, "verdict": report.verdict.value, "checks": [c.to_json() for c in report.checks]}
            for report in reports
        ],
    }
