"""`assay quarantine`: declare something bad, see how far it has spread, keep it from being promoted and loaded."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from assay.cli.output import json_option, print_json, say
from assay.errors import SpecError
from assay.manual_run import manual_run
from assay.settings import load_settings
from tasks.quarantine.row_ids import read_row_ids

if TYPE_CHECKING:
    from assay.json_types import Json, JsonObject
    from tasks.quarantine.quarantine import Quarantine, Quarantined
    from tasks.quarantine.reaction import Reaction

_MOST_TOLD = 40
_EXAMPLE = 'for example assay quarantine row/mnist/train-04711 --reason "the label was bought"'


@click.command()
@click.argument("reference", metavar="REF", required=False)
@click.option("--reason", help="Why; it stays in the ledger.")
@click.option(
    "--rows",
    "rows_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Ids of bad rows of dataset/NAME: a text file, one a line, or Parquet with a column row_id.",
)
@click.option("--release", is_flag=True, help="Take the word back: REF is bad no longer.")
@click.option("--list", "is_list", is_flag=True, help="Show what is in quarantine now.")
@json_option
def quarantine(
    reference: str | None, reason: str | None, rows_file: Path | None, release: bool, is_list: bool, as_json: bool
) -> None:
    """Declare REF bad: nothing made of it is promoted, registered, deployed or loaded until it is released.

    Every descendant is named, and what of it serves now is listed with the command that cuts it out. Where a
    pipeline's spec says `deploy.on_quarantine: cut_out` or `retrain`, that is done at once. Each word is signed with
    the approver's key.

    \b
    REF                         what is bad
    row/mnist/train-04711       one row, in every version that holds it
    dataset/mnist --rows FILE   a set of rows
    dataset/mnist@9f2c4a11      one version; the bare digest of anything does as well
    model/mnist:3               one model
    source/s3://bucket/raw.csv  all that was ever fetched from there
    dependency/torch<2.13       all that was made where such a package was installed
    key/4be19c02                all that was signed with a key, by its first digits

    \b
    assay quarantine row/mnist/train-04711 --reason "the label was bought"
    assay quarantine row/mnist/train-04711 --release --reason "the audit found it sound"
    """
    if is_list:
        _list(as_json)
        return
    reason = (reason or "").strip()
    if not reference or not reason:
        missing = "--reason TEXT" if reference else "REF"
        raise SpecError(f"assay quarantine: expected {missing}, found none; {_EXAMPLE}")
    started = time.perf_counter()
    rows = read_row_ids(rows_file) if rows_file else ()
    with _opened() as desk:
        said = desk.release(reference, reason, rows) if release else desk.declare(reference, reason, rows)
        seconds = time.perf_counter() - started
        if not as_json:
            _tell(said, release)
        reactions = () if release else _reactions(desk, said)
    if as_json:
        print_json(_document(said, release, reactions, seconds))
    elif not release:
        _tell_reactions(said, reactions)


@contextlib.contextmanager
def _opened() -> "Iterator[Quarantine]":
    from assay.lineage.open_lineage import open_lineage
    from assay.workbench import open_workbench
    from tasks.quarantine.quarantine import Quarantine

    settings = load_settings()
    with open_workbench(settings, say) as bench, open_lineage(settings, bench.ledger) as lineage:
        yield Quarantine(bench, lineage, manual_run())


def _reactions(desk: "Quarantine", said: "Quarantined") -> "tuple[Reaction, ...]":
    if not said.spread.live:
        return ()
    from tasks.quarantine.reaction import react

    return react(said.spread.live, said.bad.reference, desk.bench.settings)


def _document(said: "Quarantined", is_release: bool, reactions: "Sequence[Reaction]", seconds: float) -> "JsonObject":
    nodes: list[Json] = [node.to_json() for node in said.spread.nodes]
    return {
        "reference": said.bad.reference,
        "state": "released" if is_release else "in quarantine",
        "entry": said.entry.seq,
        "nodes": nodes,
        "live": [one.to_json() for one in said.spread.live],
        "reactions": [one.to_json() for one in reactions],
        "seconds": round(seconds, 3),
    }


def _tell(said: "Quarantined", is_release: bool) -> None:
    """Before anything is done about it: a cut-out takes longer than to name what is concerned."""
    state = "is released" if is_release else "is in quarantine"
    click.echo(f"{said.bad.reference} {state} (entry {said.entry.seq})")
    for node in said.spread.nodes[:_MOST_TOLD]:
        click.echo(f"  {node.at:%Y-%m-%d %H:%M} {node.name} {node.digest[:12]}")
    if (more := len(said.spread.nodes) - _MOST_TOLD) > 0:
        click.echo(f"  and {more} more; --json names all")
    if is_release:
        return
    for live in said.spread.live:
        click.echo(f"live: {live.name} version {live.version} since {live.since}")
    if not said.spread.live:
        click.echo("live: none")


def _tell_reactions(said: "Quarantined", reactions: "Sequence[Reaction]") -> None:
    for live, reaction in zip(said.spread.live, reactions, strict=True):
        done = reaction.done if reaction.done != "reported" else f"serves still: {live.command}"
        click.echo(f"{live.name}: {done} {reaction.problem}".rstrip())


def _list(as_json: bool) -> None:
    from assay.cli.open_ledger import open_ledger
    from assay.quarantine.declaration import declarations_in_force

    with open_ledger() as ledger:
        declared = declarations_in_force(ledger)
    if as_json:
        print_json({"quarantine": [one.to_json() for one in declared.values()]})
        return
    for one in declared.values():
        click.echo(f"{one.at:%Y-%m-%d %H:%M} {one.words}; {len(one.marked)} models marked")
    if not declared:
        click.echo("nothing is in quarantine")
