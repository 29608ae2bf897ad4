"""`assay audit prove`, `consistency`, `check-proof`: proofs as files that verify without the database."""

import sys
from pathlib import Path

import click

from assay.cli.open_ledger import open_ledger
from assay.cli.output import json_option, print_json
from assay.errors import SpecError
from assay.json_types import JsonObject

_file = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("entry", metavar="SEQ|DIGEST")
@click.option("--out", type=_file, help="Write the proof to this file (C2SP tlog-proof).")
@json_option
def prove(entry: str, out: Path | None, as_json: bool) -> None:
    """Prove that an entry is in the log: its envelope, the hashes to the root, and the signed checkpoint.

    ENTRY is a number, the digest of a statement, or of a subject that one statement speaks of.
    """
    from assay.ledger_proofs import find_entry, prove_inclusion

    with open_ledger() as ledger:
        proof = prove_inclusion(ledger, find_entry(ledger, entry))
    hashes = [step.hex() for step in proof.hashes]
    document: JsonObject = {"seq": proof.index, "envelope": proof.envelope, "proof": hashes, "checkpoint": proof.note}
    _answer(proof.to_text(), out, document if as_json else None)


@click.command()
@click.argument("checkpoint", metavar="OLD_CHECKPOINT_FILE", type=_file)
@click.option("--out", type=_file, help="Write the proof to this file (the body of a C2SP tlog-witness request).")
@json_option
def consistency(checkpoint: Path, out: Path | None, as_json: bool) -> None:
    """Prove that the log only grew since an earlier signed checkpoint.

    Exit codes: 0 proved, 3 the log has another past, or is shorter, than the checkpoint says.
    """
    from assay.ledger_proofs import prove_consistency

    old = _read(checkpoint)
    with open_ledger() as ledger:
        proof = prove_consistency(ledger, old)
    hashes = [step.hex() for step in proof.hashes]
    document: JsonObject = {"old_size": proof.old_size, "proof": hashes, "checkpoint": proof.note}
    _answer(proof.to_text(), out, document if as_json else None)


@click.command("check-proof")
@click.argument("file", type=_file)
@click.option("--keys", type=click.Path(path_type=Path), required=True, help="Folder of public keys you trust.")
@click.option("--old", type=_file, help="The earlier checkpoint that a consistency proof speaks of.")
@json_option
def check_proof(file: Path, keys: Path, old: Path | None, as_json: bool) -> None:
    """Check a proof of `prove` or `consistency` with the public keys alone.

    Exit codes: 0 it holds, 3 it does not.
    """
    from assay.audit.proof_file import INCLUSION, ConsistencyProof, InclusionProof
    from assay.signing import KeyRing

    trusted, text = KeyRing.open_public(keys), _read(file)
    if text.startswith(INCLUSION):
        entry, signed = InclusionProof.from_text(text).verify(trusted)
        said = f"entry {entry.seq}, {entry.report.pipeline}/{entry.report.step.value} of {entry.at.isoformat()}, is"
        document: JsonObject = {"ok": True, "seq": entry.seq, "size": signed.size}
    elif old is not None:
        earlier, signed = ConsistencyProof.from_text(text).verify(_read(old), trusted)
        said = f"the log of {earlier.size} entries is"
        document = {"ok": True, "old_size": earlier.size, "size": signed.size}
    else:
        raise SpecError(f"{file}: a consistency proof speaks of an earlier checkpoint; bring it by --old FILE")
    if as_json:
        print_json(document)
    else:
        click.echo(f"{said} in the log of {signed.size} entries, signed by a key you trust")


def _answer(text: str, out: Path | None, document: JsonObject | None) -> None:
    if out is not None:
        if out.exists():
            raise SpecError(f"{out}: expected a new file, found one; choose another name")
        out.write_text(text)
    if document is not None:
        print_json({**document, "path": str(out)} if out else document)
    elif out is None:
        sys.stdout.write(text)
    else:
        click.echo(str(out))


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{file}: expected a text file, found {error}; name the right one") from error
