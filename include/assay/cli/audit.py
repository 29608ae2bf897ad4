"""`assay audit`: prove that nobody edited the ledger, or export what an auditor needs to prove it elsewhere."""

import contextlib
import sys
from pathlib import Path

import click

from assay.cli.audit_proofs import check_proof, consistency, prove
from assay.cli.output import json_option, print_json, say
from assay.errors import SpecError
from assay.json_types import JsonObject
from assay.ledger_verification import LedgerVerification


@click.group()
def audit() -> None:
    """Verify every signature, digest and proof of the ledger, here or on another machine."""


@audit.command()
@click.option("--bundle", type=click.Path(path_type=Path), help="Verify an exported bundle; needs no database.")
@click.option("--keys", type=click.Path(path_type=Path), help="Folder of public keys you trust (with --bundle).")
@json_option
def verify(bundle: Path | None, keys: Path | None, as_json: bool) -> None:
    """Name the first broken entry, if any.

    Exit codes: 0 everything holds, 3 something does not.
    """
    found = _verify_file(bundle, keys) if bundle else _verify_here()
    broken: list[JsonObject] = [{"seq": b.seq, "subject": b.subject, "reason": b.reason} for b in found.broken]
    if as_json:
        print_json({"ok": found.ok, "entries": found.entries, "checkpoint": found.checkpoint, "broken": broken})
    elif found.ok:
        click.echo(f"{found.entries} entries: every signature, digest and proof holds")
    else:
        click.echo(f"{found.entries} entries, {len(broken)} findings. Keep the database as it is; open an incident.")
        for finding in found.broken:
            click.echo(f"  entry {finding.seq}  {finding.subject}: {finding.reason}")
    sys.exit(0 if found.ok else 3)


@audit.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The zip file to write; must be new.")
@json_option
def export(out: Path, as_json: bool) -> None:
    """Write a bundle that `assay audit verify --bundle` checks with only the public keys."""
    from assay.audit_bundle import export_bundle
    from assay.ledger import Ledger
    from assay.settings import load_settings

    settings = load_settings()
    with contextlib.closing(Ledger.open(settings)) as ledger:
        entries = export_bundle(ledger, settings.keys, out)
    if as_json:
        print_json({"path": str(out), "entries": entries})
    else:
        click.echo(f"{out}: {entries} entries")


def _verify_here() -> LedgerVerification:
    from assay.ledger import Ledger
    from assay.ledger_verification import verify_ledger
    from assay.settings import load_settings

    settings = load_settings()
    with contextlib.closing(Ledger.open(settings)) as ledger:
        return verify_ledger(ledger, ledger.keys)


def _verify_file(bundle: Path, keys: Path | None) -> LedgerVerification:
    from assay.audit_bundle import verify_bundle

    if not bundle.is_file():
        raise SpecError(
            f"{bundle}: expected a bundle, found no file; write one with `assay audit export --out {bundle}`"
        )
    if keys is None:
        say("no --keys given: trusting the public keys inside the bundle, which proves only that it is self-consistent")
    return verify_bundle(bundle, keys)


for _command in (prove, consistency, check_proof):
    audit.add_command(_command)
