"""`assay rollback` and `assay cut-out`: the two commands for 3 a.m., and how a person runs a station by hand."""

from collections.abc import Mapping

import click

from assay.cli.output import json_option, print_json, say
from assay.json_types import Json
from assay.manual_run import manual_run
from assay.records import StepReport
from assay.settings import load_settings
from assay.spec_file import load_spec, spec_paths
from assay.station import Station, StepRequest, run_station
from assay.workbench import open_workbench


@click.command()
@click.argument("name")
@click.option("--to", type=click.IntRange(min=1), help="Version to serve; default: the one before the present.")
@json_option
def rollback(name: str, to: int | None, as_json: bool) -> None:
    """Serve an earlier version of NAME again, verified, timed and signed."""
    from tasks.rollback_model import rollback_model

    report = run_by_hand(rollback_model, name, {} if to is None else {"to": to})
    _tell(report, as_json, f"{name}: version {report.facts['from']} → {report.facts['to']}")


@click.command("cut-out")
@click.argument("name")
@click.option("--reason", required=True, help="Why; it stays in the ledger.")
@json_option
def cut_out(name: str, reason: str, as_json: bool) -> None:
    """Stop serving NAME at once, timed and signed."""
    from tasks.cut_out_model import cut_out_model

    report = run_by_hand(cut_out_model, name, {"reason": reason})
    _tell(report, as_json, f"{name}: version {report.facts['from']} serves no more")


def run_by_hand(station: Station, name: str, parameters: Mapping[str, Json]) -> StepReport:
    """One signed step of the pipeline `name`, with the person's name in its statement."""
    settings = load_settings()
    # A user class that no longer imports must not stand between a person and a rollback.
    (path,) = spec_paths(settings.pipelines, only=[name])
    spec = load_spec(path, check_classes=False)
    request = StepRequest(spec, manual_run(), parameters=parameters)
    with open_workbench(settings, say) as bench:
        return run_station(station, request, bench)


def _tell(report: StepReport, as_json: bool, line: str) -> None:
    if as_json:
        print_json({key: report.facts[key] for key in ("from", "to", "seconds")})
    else:
        click.echo(f"{line} in {report.facts['seconds']} s")
