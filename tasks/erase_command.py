"""`assay erase`: remove rows of a dataset from everything that is stored, and leave every proof as it was."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from assay.cli.output import json_option, print_json, say
from assay.errors import SpecError
from assay.lineage.rows import ROW_REFERENCE
from assay.manual_run import manual_run
from assay.settings import load_settings
from tasks.quarantine.row_ids import read_row_ids

if TYPE_CHECKING:
    from tasks.erase_rows import Erased, Erasure


@click.command()
@click.argument("reference", metavar="REF")
@click.option("--reason", required=True, help="Why; it stays in the ledger. Name no person here.")
@click.option(
    "--rows",
    "rows_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Ids of rows of dataset/NAME: a text file, one a line, or Parquet with a column row_id.",
)
@click.option("--with-pages", is_flag=True, help="Also remove pages on these versions, which may show rows.")
@click.confirmation_option("--yes", prompt="What is erased cannot be brought back. Erase?", help="Do not ask.")
@json_option
def erase(reference: str, reason: str, rows_file: Path | None, with_pages: bool, as_json: bool) -> None:
    """Erase rows for good, as a data subject may demand: REF is row/DATASET/ID, or dataset/NAME with --rows.

    Every stored version that holds them is written anew without them, the files that held them are removed, and no
    later collection takes them in again. The ledger names rows by id and versions by digest, so `assay audit verify`
    and every bundle hold as before. Models that learned from them stay as they are: `assay quarantine REF` names them.

    \b
    assay erase row/spam/easy-ham-1/00249.5f2c9a… --reason "request 2026-114"
    assay erase dataset/spam --rows ids.txt --reason "request 2026-115" --with-pages --yes
    """
    from assay.lineage.open_lineage import open_lineage
    from assay.workbench import open_workbench
    from tasks.erase_rows import erase_rows

    wish = _wish(reference, rows_file, reason, with_pages)
    settings = load_settings()
    with open_workbench(settings, say) as bench, open_lineage(settings, bench.ledger) as lineage:
        found = erase_rows(wish, manual_run(), bench, lineage)
    if as_json:
        print_json(
            {
                "dataset": wish.dataset,
                "rows": sorted(wish.rows),
                "entry": found.entry.seq,
                "versions": [version.to_json() for version in found.versions],
                "objects": list(found.objects),
                "pages": list(found.pages),
                "shared": dict(found.shared),
            }
        )
    else:
        _tell(wish, found)


def _wish(reference: str, rows_file: Path | None, reason: str, with_pages: bool) -> "Erasure":
    from tasks.erase_rows import Erasure

    if not reason.strip():
        raise SpecError("assay erase: expected a reason, found none; give `--reason TEXT`, such as a request's number")
    row = ROW_REFERENCE.fullmatch(reference)
    kind, _, dataset = reference.partition("/")
    if row is not None and rows_file is None:
        return Erasure(row["dataset"], frozenset({row["row_id"]}), reason.strip(), with_pages)
    if rows_file is not None and kind == "dataset" and dataset and "@" not in dataset:
        return Erasure(dataset, frozenset(read_row_ids(rows_file)), reason.strip(), with_pages)
    raise SpecError(f"{reference!r}: expected row/DATASET/ID, or dataset/NAME with --rows FILE; mend the reference")


def _tell(wish: "Erasure", found: "Erased") -> None:
    click.echo(f"{len(wish.rows)} rows of {wish.dataset} erased (entry {found.entry.seq})")
    click.echo(f"  written anew: {len(found.versions)} versions; removed: {len(found.objects)} objects")
    for shard, name in found.shared.items():
        click.echo(f"  kept: {shard[:12]}, which {name} rests on as well; erase the rows there too")
    for page in found.pages:
        click.echo(f"  may show rows and is still there: page {page[:12]}; `--with-pages` removes such pages")
