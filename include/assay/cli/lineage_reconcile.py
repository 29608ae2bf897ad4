"""`assay lineage reconcile`: what events and the ledger do not tell alike."""

import sys

import click

from assay.cli.output import json_option, print_json
from assay.settings import load_settings

_MEANING = {
    "statement_without_event": "statements without an event, read from the ledger",
    "unfinished_run": "runs that never ended",
    "claim_without_statement": "claims that no statement bears out",
    "contradicts_statement": "contradictions of a statement",
}


@click.command()
@click.option(
    "--unfinished-hours", type=click.FloatRange(min=0), default=24.0, show_default=True,
    help="Report runs without an end after so many hours.",
)  # fmt: skip
@json_option
def reconcile(unfinished_hours: float, as_json: bool) -> None:
    """Find and fill holes between the ledger and the received events, since the last time.

    Exit codes: 0 no contradiction, 3 an event tells what the ledger does not bear out.
    """
    from datetime import UTC, datetime, timedelta

    from assay.lineage.reconcile import reconcile as reconcile_now
    from assay.questions.sources import open_sources

    with open_sources(load_settings()) as sources:
        found = reconcile_now(sources.ledger, sources.lineage, datetime.now(UTC), timedelta(hours=unfinished_hours))
    if as_json:
        print_json(found.to_json())
    else:
        for kind, count in found.counts.items():
            click.echo(f"{count} {_MEANING[kind.value]}")
        for hole in found.holes:
            if not hole.filled:
                click.echo(f"  {hole.kind.value} {hole.job} {hole.run}: {hole.detail}")
        if not found.counts:
            click.echo("events and ledger agree")
    sys.exit(3 if found.contradicts else 0)
