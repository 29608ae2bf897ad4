"""`assay scan`: model files and folders looked through before anything loads them."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from assay.cli.output import json_option, print_json
from assay.errors import SpecError
from assay.records import Verdict

if TYPE_CHECKING:
    from tasks.scanning.scan_paths import ScanReport
    from tasks.scanning.signature import Signed

_REFUSED = 3


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="PATH…")
@click.option("--sarif", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write SARIF 2.1.0 too.")
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write JUnit XML too.")
@click.option(
    "--signature",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Verify this signature of PATH first (with --key): model.sig of OpenSSF model signing, or a DSSE envelope.",
)
@click.option("--key", type=click.Path(path_type=Path, dir_okay=False), metavar="PEM", help="The public key you trust.")
@json_option
def scan(
    paths: tuple[Path, ...],
    sarif: Path | None,
    junit: Path | None,
    signature: Path | None,
    key: Path | None,
    as_json: bool,
) -> None:
    """Refuse model files that run code, reach other files or cannot be read: PATH… are files or folders.

    By content, never by name, and by allow-lists: pickle, PyTorch, joblib, NPY and NPZ, ONNX, safetensors, GGUF, Keras,
    HDF5, archives inside archives, and the text, JSON and Parquet beside them. Nothing is loaded. Needs no stack.
    With --signature every file must be one that the key signed, and is then scanned like any other.

    Exit code 0 when every file passed, 3 when one is refused, a signature does not hold or the scan proved blind, 2 for
    bad input.
    """
    if not paths:
        raise SpecError("expected PATH…, model files or folders; `assay scan --help` shows the rest")
    for report_file in (sarif, junit):
        if report_file is not None and not report_file.absolute().parent.is_dir():
            raise SpecError(f"{report_file}: its folder does not exist; make it first")
    signed = _signed(paths, signature, key)
    from tasks.scanning.scan_paths import ScannedFile, scan_paths

    def tell(scanned: ScannedFile) -> None:
        if not as_json:
            reasons = "; ".join(f"{one.rule}: {one.detail}" for one in scanned.findings)
            click.echo(
                f"{scanned.verdict.value}  {scanned.path}  {scanned.format}" + (f"  {reasons}" if reasons else "")
            )

    if signed is not None and not as_json:
        click.echo(f"signed  {paths[0]}  {len(signed.files)} files by key {signed.key[:16]}")
    report = scan_paths(paths, tell)
    if signed is not None:
        signed.check_unchanged({one.path: one.sha256 for one in report.files})
    _write(sarif, junit, report)
    refused = sum(1 for one in report.files if one.findings)
    missed = [canary.format for canary in report.canaries if not canary.is_found]
    if as_json:
        print_json({**report.as_json(), "signature": signed.as_json() if signed else None})
    else:
        blind = f"; blind for {', '.join(missed)}" if missed else ""
        click.echo(
            f"{report.verdict.value}: {refused} of {len(report.files)} files refused, "
            f"{len(report.canaries) - len(missed)} of {len(report.canaries)} canaries found{blind}, "
            f"in {report.seconds:.1f} s"
        )
    if report.verdict is not Verdict.PASSED:
        raise click.exceptions.Exit(_REFUSED)


def _signed(paths: tuple[Path, ...], signature: Path | None, key: Path | None) -> "Signed | None":
    """None where none was asked for. Raises IntegrityError before anything is scanned."""
    if signature is None and key is None:
        return None
    if signature is None or key is None:
        raise SpecError("expected --signature and --key together: a signature counts for the key that you trust")
    if len(paths) != 1 or not paths[0].exists():
        raise SpecError("expected one PATH that is there, a model file or folder, beside --signature")
    from tasks.scanning.signature import verify_signature

    return verify_signature(paths[0], signature, key)


def _write(sarif: Path | None, junit: Path | None, report: "ScanReport") -> None:
    from tasks.scanning.junit import write_junit
    from tasks.scanning.sarif import write_sarif

    try:
        if sarif is not None:
            write_sarif(report, sarif)
        if junit is not None:
            write_junit(report, junit)
    except OSError as error:
        raise SpecError(f"the report cannot be written: {error}") from error
