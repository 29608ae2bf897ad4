"""`assay lineage`: where a version came from, what became of it, what served when, and what auditors ask besides."""

from collections.abc import Callable

import click

from assay.cli.lineage_reconcile import reconcile
from assay.cli.output import json_option, print_json
from assay.cli.questions import coverage, diff, dora, exposure
from assay.settings import load_settings

_REF_HELP = """

    \b
    assay lineage {direction} model/spam@champion
    assay lineage {direction} dataset/spam@f4d82b87c522 --at 2026-03-03T12:00Z --json

    REF is a digest (8 digits or more), dataset/NAME[@DIGEST], model/NAME[:VERSION|@ALIAS|@DIGEST],
    deployment/NAME[@DIGEST], row/DATASET/ROW_ID, source/URI, user/NAME or drift/DIGEST.
"""
_at_option = click.option("--at", metavar="TIME", help="As known then: ISO 8601, UTC unless it says otherwise.")


_limit_option = click.option(
    "--limit", type=click.IntRange(1, 20_000), default=5_000, show_default=True, help="The nearest so many versions."
)


@click.group()
def lineage() -> None:
    """Ask what a model is made of, what became of data, what served when, and what nobody checked.

    \b
    assay lineage served --at 2026-03-03T12:00Z   which model answered then, approved by whom
    assay lineage up model/spam:2                 its data, code and people, back to the raw bytes
    assay lineage coverage model/spam:2           what was never checked
    """


for _question in (diff, exposure, coverage, dora, reconcile):
    lineage.add_command(_question)


def _walk_command(direction: str, summary: str) -> Callable[[str, str | None, int, bool], None]:
    def command(ref: str, at: str | None, limit: int, as_json: bool) -> None:
        from assay.cli.answers import quarantine_lines
        from assay.cli.lineage_tree import tree_lines
        from assay.lineage.moment import parse_moment
        from assay.lineage.question import ask, check_reference
        from assay.lineage.walk import Direction
        from assay.quarantine.declaration import declarations_in_force
        from assay.quarantine.marks import marks_of
        from assay.questions.sources import open_sources

        until = parse_moment(at)
        check_reference(ref)
        settings = load_settings()
        with open_sources(settings) as sources:
            walked = ask(sources.lineage, settings, Direction(direction), ref, until, limit)
            declared = declarations_in_force(sources.ledger).values()
        marks = marks_of(walked.nodes, walked.edges, declared).values()
        if as_json:
            print_json({**walked.to_json(), "quarantine": [mark.to_json() for mark in marks]})
            return
        for line in quarantine_lines(mark.declaration for mark in marks):
            click.echo(line)
        for line in tree_lines(walked, Direction(direction)):
            click.echo(line)
        if walked.truncated:
            click.echo(f"there are more than {limit} versions: these are the nearest; ask with a greater --limit")

    command.__doc__ = summary + _REF_HELP.format(direction=direction)
    return command


for _direction, _summary in (("up", "What REF came from."), ("down", "What became of REF.")):
    _command = click.argument("ref")(_at_option(_limit_option(json_option(_walk_command(_direction, _summary)))))
    lineage.command(_direction)(_command)


@lineage.command()
@_at_option
@click.option("--name", help="One pipeline only.")
@json_option
def served(at: str | None, name: str | None, as_json: bool) -> None:
    """What served at a time, since when, until when, approved by whom.

    \b
    assay lineage served                              now, of every pipeline
    assay lineage served --at 2026-03-03T12:00Z --name spam
    """
    from assay.cli.answers import quarantine_lines
    from assay.lineage.moment import parse_moment
    from assay.lineage.refs import check_writable
    from assay.lineage.served import served as served_then
    from assay.quarantine.declaration import declarations_in_force
    from assay.quarantine.marks import speaking_against, standing_json
    from assay.questions.sources import open_sources

    moment = parse_moment(at)
    check_writable(name or "")
    with open_sources(load_settings()) as sources:
        rows = served_then(sources.lineage, moment, name)
        declared = declarations_in_force(sources.ledger).values()
    if as_json:
        print_json({"deployments": [standing_json(row, declared) for row in rows]})
        return
    for row in rows:
        until = f"until {row.until:%F %T%z}" if row.until else "still"
        by = ", ".join(row.approved_by) or "nobody"
        click.echo(f"{row.name} version {row.version} {row.model[:12]}: since {row.since:%F %T%z}, {until}; by {by}")
        for line in quarantine_lines(speaking_against(row, declared)):
            click.echo(f"  {line}")
    if not rows:
        click.echo("nothing served then")
