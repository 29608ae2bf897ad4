"""`assay lineage`: where a version came from, what became of it, and what served when."""

import contextlib
from collections.abc import Callable, Iterator

import click

from assay.cli.output import json_option, print_json
from assay.lineage.store import LineageStore
from assay.settings import Settings, load_settings

_REF_HELP = """

    REF is a digest (8 digits or more), dataset/NAME[@DIGEST], model/NAME[:VERSION|@ALIAS|@DIGEST],
    deployment/NAME[@DIGEST], row/DATASET/ROW_ID, user/NAME or drift/DIGEST.
"""
_at_option = click.option("--at", metavar="TIME", help="As known then: ISO 8601, UTC unless it says otherwise.")


@click.group()
def lineage() -> None:
    """Walk versions and runs, from the served model to the raw bytes and back."""


def _walk_command(direction: str, summary: str) -> Callable[[str, str | None, bool], None]:
    def command(ref: str, at: str | None, as_json: bool) -> None:
        from assay.cli.lineage_tree import tree_lines
        from assay.lineage.moment import parse_moment
        from assay.lineage.question import ask, check_reference
        from assay.lineage.walk import Direction

        until = parse_moment(at)
        check_reference(ref)
        settings = load_settings()
        with _synced_store(settings) as store:
            walked = ask(store, settings, Direction(direction), ref, until)
        if as_json:
            print_json(walked.to_json())
            return
        for line in tree_lines(walked, Direction(direction)):
            click.echo(line)

    command.__doc__ = summary + _REF_HELP
    return command


for _direction, _summary in (("up", "What REF came from."), ("down", "What became of REF.")):
    _command = click.argument("ref")(_at_option(json_option(_walk_command(_direction, _summary))))
    lineage.command(_direction)(_command)


@lineage.command()
@_at_option
@click.option("--name", help="One pipeline only.")
@json_option
def served(at: str | None, name: str | None, as_json: bool) -> None:
    """What served at a time, since when, until when, approved by whom."""
    from assay.lineage.moment import parse_moment
    from assay.lineage.served import served as served_then

    moment = parse_moment(at)
    with _synced_store(load_settings()) as store:
        rows = served_then(store, moment, name)
    if as_json:
        print_json({"deployments": [row.to_json() for row in rows]})
        return
    for row in rows:
        until = f"until {row.until:%F %T%z}" if row.until else "still"
        by = ", ".join(row.approved_by) or "nobody"
        click.echo(f"{row.name} version {row.version} {row.model[:12]}: since {row.since:%F %T%z}, {until}; by {by}")
    if not rows:
        click.echo("nothing served then")


@contextlib.contextmanager
def _synced_store(settings: Settings) -> Iterator[LineageStore]:
    """The lineage store, holding all that the ledger holds."""
    from assay.ledger import Ledger
    from assay.lineage.sync import sync_from_ledger

    with contextlib.closing(LineageStore.open(settings)) as store, contextlib.closing(Ledger.open(settings)) as ledger:
        sync_from_ledger(ledger, store)
        yield store
