"""`assay retention`: what is kept for how long, and the removal of what is due."""

import contextlib

import click

from assay.cli.output import json_option, print_json, say
from assay.manual_run import manual_run
from assay.settings import load_settings


@click.command()
@click.option("--apply", "is_applied", is_flag=True, help="Remove what is due; signed first.")
@json_option
def retention(is_applied: bool, as_json: bool) -> None:
    """Show each class of record, for how long it is kept, and how many records are due.

    The signed ledger is kept for ever: it holds digests, ids and numbers, no rows. Served requests are kept for
    ASSAY_RETENTION_REQUESTS_DAYS, OpenLineage events for ASSAY_RETENTION_EVENTS_DAYS, six months at least. Without
    --apply nothing is removed. Rows of people: `assay erase`.
    """
    from assay.lineage.store import LineageStore
    from assay.workbench import open_workbench
    from tasks.expire_records import FOR_EVER, expire_records, record_classes

    settings = load_settings()
    with open_workbench(settings, say) as bench, contextlib.closing(LineageStore.open(settings)) as lineage:
        classes = record_classes(bench, lineage)
        entry = expire_records(manual_run(), bench, lineage) if is_applied else None
    if as_json:
        told = [one.to_json() for one in classes]
        print_json({"classes": [*told], "removed": is_applied, "entry": entry.seq if entry else None})
        return
    for one in classes:
        kept = "for ever" if one.days == FOR_EVER else f"{one.days} days"
        since = f", oldest {one.oldest:%Y-%m-%d}" if one.oldest else ""
        click.echo(f"{one.name:<11} {kept:<9} {one.records} records{since}; {one.due} due; {one.what}")
    if entry:
        click.echo(f"what was due is removed (entry {entry.seq})")
