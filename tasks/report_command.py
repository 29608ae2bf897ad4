"""`assay report`: one page on one model version, for people who were not there when it was examined."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from assay.cli.output import json_option, print_json, say
from assay.errors import SpecError
from assay.json_types import JsonObject
from assay.records import Step, Verdict
from assay.settings import load_settings
from assay.spec import PipelineSpec
from assay.spec_file import read_spec, spec_paths

if TYPE_CHECKING:
    from tasks.reporting.model_story import ModelStory


@click.command()
@click.argument("model")
@click.option("--open", "is_opened", is_flag=True, help="Show it in a browser.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Default: reports/ in the home."
)
@json_option
def report(model: str, is_opened: bool, out: Path | None, as_json: bool) -> None:
    """Write one HTML page on MODEL: what it is for, what was tested, what failed, what was not checked, who decided.

    MODEL is NAME (what serves, else the newest registered, else the newest examined), NAME:VERSION, NAME@ALIAS, or a
    model's sha256, so that a refused model has its page too. Every number is one of the ledger's signed statements, or
    counted from a file that one cites by digest; all are verified first. The page loads nothing and runs nothing.
    """
    from assay.workbench import open_workbench
    from tasks.reporting.document import report_document
    from tasks.reporting.find_model import find_model
    from tasks.reporting.make_report import render
    from tasks.reporting.model_story import model_story

    settings = load_settings()
    with open_workbench(settings, say) as bench:
        story = model_story(bench.ledger, find_model(model, bench.ledger, settings))
        document = report_document(story, bench.store, _spec(settings.pipelines, story.pipeline))
        page = render(document, bench.store.read)
    stem = f"{story.pipeline}-{story.version or story.model.sha256[:12]}"
    path = _write(page, out or settings.home / "reports" / f"report-{stem}.html")
    if as_json:
        print_json({"path": str(path), **_summary(story)})
    else:
        click.echo(f"report: {path}")
    if is_opened:
        click.launch(path.as_uri())


def _spec(folder: Path, pipeline: str) -> PipelineSpec | None:
    """What the pipeline says of itself now; none where its spec is gone or no longer reads."""
    paths = [path for path in spec_paths(folder) if path.stem == pipeline]
    return read_spec(paths[0], check_classes=False)[0] if paths else None


def _write(page: bytes, path: Path) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(page)
    except OSError as error:
        raise SpecError(f"{path}: cannot be written: {error}; name another file with --out") from error
    return path.absolute()


def _summary(story: "ModelStory") -> JsonObject:
    gate = story.chain[Step.GATE]
    return {
        "pipeline": story.pipeline,
        "model": story.model.sha256,
        "version": story.version,
        "verdict": gate.report.verdict.value if gate else Verdict.NOT_CHECKED.value,
        "serves": story.serves,
        "statements": {step.value: entry.sha256 for step, entry in story.chain.items() if entry},
    }
