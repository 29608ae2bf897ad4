"""`assay audit`: prove that nobody edited the ledger, or export what an auditor needs to prove it elsewhere."""

import sys
from pathlib import Path

import click

from assay.audit.findings import LedgerVerification
from assay.cli.audit_keys import keys, revoke, rotate
from assay.cli.audit_proofs import check_proof, consistency, prove
from assay.cli.open_ledger import open_ledger
from assay.cli.output import json_option, print_json, say
from assay.errors import SpecError


@click.group()
def audit() -> None:
    """Verify every signature, digest and proof of the ledger, here or on another machine."""


@audit.command()
@click.option("--bundle", type=click.Path(path_type=Path), help="Verify an exported bundle; needs no database.")
@click.option("--keys", "trusted", type=click.Path(path_type=Path), help="Folder of public keys you trust.")
@click.option(
    "--checkpoint", "checkpoints", type=click.Path(path_type=Path), multiple=True,
    help="A signed checkpoint you kept or got elsewhere; repeatable.",
)  # fmt: skip
@json_option
def verify(bundle: Path | None, trusted: Path | None, checkpoints: tuple[Path, ...], as_json: bool) -> None:
    """Name what is broken, if anything, and what was done.

    Exit codes: 0 everything holds, 1 a place of published checkpoints could not be read, 3 something does not hold.
    """
    from assay.audit.told import to_json, to_lines

    if trusted is not None and bundle is None:
        raise SpecError("--keys: expected --bundle too, found none; the ledger here is verified with ASSAY_KEYS")
    found = _verify_file(bundle, trusted, checkpoints) if bundle else _verify_here(checkpoints)
    if as_json:
        print_json(to_json(found))
    else:
        for line in to_lines(found):
            click.echo(line)
    sys.exit(3 if not found.ok else 1 if found.unread else 0)


@audit.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The file to write; must be new.")
@json_option
def export(out: Path, as_json: bool) -> None:
    """Write a bundle that `assay audit verify --bundle` checks with only the public keys."""
    from assay.audit_bundle import export_bundle

    with open_ledger() as ledger:
        entries = export_bundle(ledger, out)
    if as_json:
        print_json({"path": str(out), "entries": entries})
    else:
        click.echo(f"{out}: {entries} entries")


@audit.command()
@json_option
def publish(as_json: bool) -> None:
    """Send the newest checkpoint to every place of ASSAY_CHECKPOINT_PUBLISH again.

    Exit codes: 0 every place has it, 1 one does not answer, 3 one holds a checkpoint that was changed.
    """
    with open_ledger() as ledger:
        note = ledger.checkpoint()
        if not note:
            raise SpecError("ledger: expected entries to publish for, found none; run a pipeline first")
        sent = ledger.publish(note)
    if as_json:
        print_json({"published": [one.to_json() for one in sent]})
    else:
        for one in sent:
            click.echo(str(one.problem or f"{one.place}: has the checkpoint of {one.size} entries"))
    sys.exit(max((one.problem.exit_code for one in sent if one.problem), default=0))


@audit.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The file to write; must be new.")
@json_option
def verifier(out: Path, as_json: bool) -> None:
    """Write the verifier as one file for machines without Assay: `python FILE BUNDLE --keys FOLDER`.

    It needs Python 3.11 or newer and the package `cryptography`. Equal versions of Assay write equal bytes.
    """
    from assay.digests import sha256_bytes
    from assay.verifier_file import verifier_bytes

    if out.exists():
        raise SpecError(f"{out}: expected a new file, found one; choose another name")
    if not out.absolute().parent.is_dir():
        raise SpecError(f"{out.absolute().parent}: expected a folder to write to, found none; make it first")
    data = verifier_bytes()
    out.write_bytes(data)
    if as_json:
        print_json({"path": str(out), "sha256": sha256_bytes(data)})
    else:
        click.echo(f"{out}: sha256 {sha256_bytes(data)}")


def _verify_here(checkpoints: tuple[Path, ...]) -> LedgerVerification:
    from assay.audit.verifier import read_checkpoints
    from assay.ledger_verification import verify_ledger

    with open_ledger() as ledger:
        return verify_ledger(ledger, ledger.keys, read_checkpoints(list(checkpoints), ledger.keys))


def _verify_file(bundle: Path, trusted: Path | None, checkpoints: tuple[Path, ...]) -> LedgerVerification:
    from assay.audit.bundle import verify_bundle
    from assay.audit.verifier import read_checkpoints
    from assay.signing import KeyRing

    if not bundle.is_file():
        raise SpecError(
            f"{bundle}: expected a bundle, found no file; write one with `assay audit export --out {bundle}`"
        )
    if trusted is None:
        if checkpoints:
            raise SpecError("--checkpoint: expected --keys too, found none; name the folder of keys you trust")
        say("no --keys given: trusting the public keys inside the bundle, which proves only that it is self-consistent")
        return verify_bundle(bundle, None)
    public = KeyRing.open_public(trusted)
    return verify_bundle(bundle, public, read_checkpoints(list(checkpoints), public))


for _command in (prove, consistency, check_proof, keys, rotate, revoke):
    audit.add_command(_command)
