"""`assay controls`: what frameworks demand of a model, and the signed statements that evidence it."""

from pathlib import Path

import click

from assay.cli.output import json_option, print_json
from assay.errors import SpecError
from assay.settings import load_settings


@click.command()
@click.argument("model")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the page to this file.")
@click.option("--open", "is_opened", is_flag=True, help="Open the page in a browser.")
@json_option
def controls(model: str, out: Path | None, is_opened: bool, as_json: bool) -> None:
    """Map MODEL's evidence to the EU AI Act, the NIST AI RMF, MITRE ATLAS and the OWASP ML Top Ten.

    Each control is evidenced, partly evidenced, evidenced against, or plainly not evidenced, with the ledger's entries.
    A check that was not made, or whose canaries were missed, evidences nothing. It says what was examined, not whether
    a law is met: that stays with people.

    \b
    assay controls model/mnist@champion --open
    assay controls model/spam:2 --json
    """
    from assay.controls.control_map import control_map
    from assay.controls.page import render_control_map
    from assay.questions.dossier import check_model_reference, open_dossier
    from assay.questions.sources import open_sources

    check_model_reference(model)
    settings = load_settings()
    with open_sources(settings) as sources:
        found = control_map(open_dossier(model, sources.ledger, sources.lineage), sources.ledger)
    stem = f"{found.dossier.model.name.removeprefix('model/')}-{found.dossier.model.sha256[:12]}"
    path = _write(render_control_map(found), out or settings.home / "reports" / f"controls-{stem}.html")
    if as_json:
        print_json({**found.to_json(), "path": str(path)})
    else:
        for control in found.controls:
            click.echo(f"{control.standing.value:<17} {control.framework} {control.id} {control.title}")
        click.echo(f"page: {path}")
    if is_opened:
        click.launch(path.as_uri())


def _write(page: str, path: Path) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise SpecError(f"{path}: cannot be written: {error}; name another file with --out") from error
    return path.absolute()
