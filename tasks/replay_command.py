"""`assay replay`: watch drift retrain a served model, on real dated rows."""

import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assay.cli.output import json_option, print_json, say
from assay.cli.project import see_project
from assay.errors import SpecError
from assay.json_types import Json
from assay.settings import load_settings
from assay.spec_file import load_spec, spec_paths

if TYPE_CHECKING:
    from tasks.replay_traffic import ChunkResult


@click.command()
@click.argument("name")
@click.option("--chunk-rows", default=200, show_default=True, help="Rows between two looks of the watch DAG.")
@click.option(
    "--stable", is_flag=True, help="Replay the training period in random order instead: nothing should trigger."
)
@click.option("--collect", multiple=True, metavar="OPTION=VALUE", help="Override an option of the collector.")
@click.option("--limit", type=click.IntRange(min=1), help="Stop after so many rows.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of table and plot; default reports/ in the home.")
@json_option
def replay(
    name: str,
    chunk_rows: int,
    stable: bool,
    collect: tuple[str, ...],
    limit: int | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Send the rows that came after NAME's training data to its deployment, in time order, labels later.

    Needs a running stack and a served NAME (`assay run NAME`). Beside the served model, the version that serves
    now is asked in memory too: it never retrains, so the two curves show what retraining is worth.
    """
    from tasks.dated_rows import dated_rows, replayable, stable_rows
    from tasks.replay_plot import write_plot
    from tasks.replay_traffic import replay_traffic
    from tasks.served_deployment import ServedDeployment

    see_project()
    settings = load_settings()
    (path,) = spec_paths(settings.pipelines, only=[name])
    spec = load_spec(path)
    replayable(spec)
    options = _options(collect)
    static = _static_model(name)
    with tempfile.TemporaryDirectory(prefix="assay-replay-") as folder:
        workdir = Path(folder)
        rows = stable_rows(spec, settings, workdir) if stable else dated_rows(spec, settings, options, workdir)
    rows = rows.part(0, limit or len(rows))
    say(f"{len(rows)} rows from {rows.at[0]:%F} to {rows.at[-1]:%F}; labels follow each {chunk_rows}")
    say(_HEADER)
    results = replay_traffic(rows, ServedDeployment(settings, name), static, chunk_rows=chunk_rows, say=_tell)
    target = out or settings.home / "reports"
    stem = f"replay-{name}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    plot = write_plot(results, f"{name}: accuracy over time", target / f"{stem}.png")
    if as_json:
        print_json({"pipeline": name, "chunks": [result.to_json() for result in results], "plot": str(plot)})
    else:
        retrained = sum(result.outcome.retrained for result in results)
        promoted = sum(result.outcome.promoted for result in results)
        click.echo(f"{retrained} retrainings by drift, {promoted} challengers promoted; plot: {plot}")


_HEADER = "from        until       rows  version  served  static  positive  watch        retrained  promoted"


def _tell(result: "ChunkResult") -> None:
    outcome = result.outcome
    say(
        f"{result.first:%F}  {result.last:%F}  {result.rows:>4}  {result.version:>7}  {result.accuracy:>6.3f}  "
        f"{result.static_accuracy:>6.3f}  {result.positive_share:>8.3f}  {outcome.verdict:<11}  "
        f"{'yes' if outcome.retrained else 'no':<9}  {'yes' if outcome.promoted else 'no':<8}  {outcome.reason}"
    )


def _static_model(name: str) -> "Callable[[Any], Any]":
    import assay

    model = assay.load_model(name)
    return lambda inputs: model.predict(inputs.reshape(-1, 1) if inputs.dtype == object else inputs).label


def _options(given: Sequence[str]) -> dict[str, Json]:
    pairs = [pair.partition("=") for pair in given]
    wrong = [pair for pair, (_, sign, _) in zip(given, pairs, strict=True) if not sign]
    if wrong:
        raise SpecError(f"--collect {wrong[0]}: expected OPTION=VALUE, such as before=2002-11-01")
    return {name: value for name, _, value in pairs}
