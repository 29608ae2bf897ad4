"""`assay screen`: poison and dirt in a dataset file, found before anything is trained on it."""

from pathlib import Path

import click

from assay.cli.output import json_option, print_json, say
from assay.errors import SpecError
from assay.json_types import JsonObject
from assay.records import Verdict

_NO_SCREEN = 3


@click.command()
@click.argument("dataset", nargs=-1)
@click.option(
    "--labels", metavar="COL", help="Column or array of labels; default: one called label, y, target or class."
)
@click.option(
    "--kind", type=click.Choice(["image", "tabular", "text"]), help="Default: found out from the columns, and said."
)
@click.option(
    "--trusted",
    type=click.Path(path_type=Path),
    metavar="DATASET",
    help="Rows known to be sound, of the same columns and classes: a few hundred find far more poison.",
)
@click.option("--source", metavar="COL", help="Column that says who or what a row came from, such as an annotator.")
@click.option("--detectors", metavar="A,B", help="Only these detectors; default: all that fit the data.")
@click.option(
    "--rate",
    type=click.FloatRange(0, 0.5, min_open=True),
    default=0.01,
    show_default=True,
    help="Share of sound rows that each detector may keep out.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Equal seeds give equal answers."
)
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="Folder of the results; new or an earlier screen's."
)
@json_option
def screen(
    dataset: tuple[str, ...],
    labels: str | None,
    kind: str | None,
    trusted: Path | None,
    source: str | None,
    detectors: str | None,
    rate: float,
    seed: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Judge every row of DATASET: a Parquet, CSV, NPZ or IDX file, or a folder of such files.

    Writes scores.parquet (a row a dataset row), suspects.parquet (a row a row and detector that speaks against it,
    with reason and evidence) and report.html into --out. Needs no stack. Exit code 0 when the verdict is passed,
    3 when it is failed or not_checked, 2 for bad input; then nothing is written.
    """
    from tasks.screening.screen_file import ScreenRequest, screen_file

    if len(dataset) != 1 or out is None:
        raise SpecError("expected one DATASET and --out DIR; `assay screen --help` shows the rest")
    names = tuple(name.strip() for name in (detectors or "").split(",") if name.strip())
    path = Path(dataset[0])
    document = screen_file(ScreenRequest(path, out, labels, kind, trusted, source, names, rate, seed), say)
    _tell(document, as_json)
    if document["verdict"] != Verdict.PASSED.value:
        raise click.exceptions.Exit(_NO_SCREEN)


def _tell(document: JsonObject, as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    artifacts = document["artifacts"]
    click.echo(
        f"{document['verdict']}: {document['quarantined']} of {document['rows']} rows quarantined, "
        f"{document['suspects']} suspects, in {document['seconds']:.1f} s"
    )
    click.echo(f"report: {artifacts['report']}")  # type: ignore[index,call-overload]
