"""`assay screen`: poison and dirt in a dataset file, found before anything is trained on it; and rows let back in."""

from pathlib import Path

import click

from assay.cli.output import json_option, print_json, say
from assay.errors import SpecError
from assay.json_types import Json, JsonObject
from assay.records import Verdict
from assay.settings import Settings, load_settings
from assay.spec import RAY_ABOVE_ROWS

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
    help="Share of sound rows that may be kept out in error.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Equal seeds give equal answers."
)
@click.option(
    "--ray-above",
    type=click.IntRange(min=0),
    default=RAY_ABOVE_ROWS,
    show_default=True,
    metavar="N",
    help="Read the rows on Ray when there are more than N; 0: never.",
)
@click.option(
    "--ray", metavar="ADDRESS", help="Cluster to join; default: the settings' own; `local`: one for this screen alone."
)
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="Folder of the results; new or an earlier screen's."
)
@click.option("--release", multiple=True, metavar="ROW", help="Let quarantined rows of --pipeline back in, signed.")
@click.option("--revoke", multiple=True, metavar="ROW", help="Take releases back, signed.")
@click.option("--reason", help="Why rows are released or taken back; it stays in the ledger.")
@click.option("--pipeline", metavar="NAME", help="Whose rows are released; needs the running stack.")
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
    ray_above: int,
    ray: str | None,
    out: Path | None,
    release: tuple[str, ...],
    revoke: tuple[str, ...],
    reason: str | None,
    pipeline: str | None,
    as_json: bool,
) -> None:
    """Judge every row of DATASET: a Parquet, CSV, NPZ or IDX file, or a folder of such files.

    Writes scores.parquet (a row a dataset row), suspects.parquet (a row a row and detector that speaks against it,
    with reason and evidence) and report.html into --out. Needs no stack. Exit code 0 when the verdict is passed,
    3 when it is failed or not_checked, 2 for bad input; then nothing is written.

    With --release ROW… --reason TEXT --pipeline NAME, rows that NAME's newest screen quarantined are let in by the
    next one, as they are now; --revoke ROW… takes that back. Both are signed with your name.
    """
    if release or revoke:
        if out is not None or (release and revoke):
            raise SpecError("expected --release or --revoke alone, without --out; `assay screen --help` shows the rest")
        _change_releases((*release, *revoke, *dataset), bool(revoke), reason or "", pipeline, as_json)
        return
    from tasks.screening.screen_file import ScreenRequest, screen_file

    if len(dataset) != 1 or out is None:
        raise SpecError("expected one DATASET and --out DIR; `assay screen --help` shows the rest")
    names = tuple(name.strip() for name in (detectors or "").split(",") if name.strip())
    path = Path(dataset[0])
    asked = ScreenRequest(
        path, out, labels, kind, trusted, source, names, rate, seed, ray_above=ray_above, settings=_settings(ray)
    )
    document = screen_file(asked, say)
    _tell(document, as_json)
    if document["verdict"] != Verdict.PASSED.value:
        raise click.exceptions.Exit(_NO_SCREEN)


def _settings(ray: str | None) -> Settings:
    settings = load_settings()
    return settings if ray is None else settings.model_copy(update={"ray_address": "" if ray == "local" else ray})


def _change_releases(rows: tuple[str, ...], is_revoked: bool, reason: str, pipeline: str | None, as_json: bool) -> None:
    from tasks.commands import run_by_hand
    from tasks.release_rows import release_rows

    if not pipeline:
        raise SpecError("expected --pipeline NAME, whose rows these are; found none")
    parameters: dict[str, Json] = {"rows": list(rows), "reason": reason, "revoked": is_revoked}
    report = run_by_hand(release_rows, pipeline, parameters)
    done = "revoked" if is_revoked else "released"
    if as_json:
        print_json({"pipeline": pipeline, done: list(dict.fromkeys(rows)), "reason": report.facts["reason"]})
    else:
        click.echo(f"{pipeline}: {report.checks[0].detail}; the next screen honours it")


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
