"""`assay init`: a pipeline that works from the first minute, to be changed step by step."""

from pathlib import Path

import click

from assay.cli.output import json_option, print_json
from assay.cli.project import see_project
from assay.scaffold import KINDS, Kind, plan_pipeline, write_files


@click.command()
@click.argument("name")
@click.option("--kind", type=click.Choice(KINDS), required=True, help="What a row is.")
@json_option
def init(name: str, kind: Kind, as_json: bool) -> None:
    """Write spec, collector, loader, model and their test for pipeline NAME; existing files are never touched.

    Exit 2, with nothing written, when a file is there already or NAME is not a legal name.
    """
    root = Path.cwd()
    see_project(root)
    planned = plan_pipeline(name, kind, root)
    write_files(planned, root)
    if as_json:
        print_json({"files": [str(file.path) for file in planned]})
        return
    for file in planned:
        click.echo(f"wrote {file.path}")
    click.echo(f"next: pytest tests/models/test_{name}.py && assay check {name} && assay run {name}")
