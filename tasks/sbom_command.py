"""`assay sbom`: what is installed, what a model was made of, and whether the environment is still the lock's."""

import contextlib
from pathlib import Path

import click

from assay.cli.output import json_option, print_json, say
from assay.digests import canonical_json
from assay.errors import SpecError
from assay.json_types import JsonObject
from assay.records import Check, Verdict, combined_verdict

_DRIFTED = 3


@click.command()
@click.argument("model", required=False)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write it there.")
@click.option("--verify", is_flag=True, help="Hold every package against the lock, every file against its hash.")
@click.option(
    "--lock",
    "lock_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The lock to compare with; default: the one `make setup` installed from.",
)
@json_option
def sbom(model: str | None, out: Path | None, verify: bool, lock_file: Path | None, as_json: bool) -> None:
    """Write a CycloneDX 1.6 bill of materials of this environment, or of MODEL with its data and its environment.

    \b
    assay sbom                          packages, versions, licences, hashes, what needs what; needs no stack
    assay sbom --verify --out sbom.json the same, and proof that nothing drifted from the lock
    assay sbom digits --out digits.json the model that serves: files, data, metrics and limits as signed
    assay sbom digits:3                 version 3; or digits@challenger, or a digest

    MODEL's numbers are those of its signed statements, so it needs the ledger, the store and, for a name, the registry.
    Without --out the document goes to stdout. Equal input gives equal bytes.

    Exit code 0 when written, 3 when --verify finds drift or has no lock to compare with, 2 for bad input.
    """
    from tasks.supply_chain.environment_bom import environment_bom
    from tasks.supply_chain.lock import lock_of_environment, read_lock
    from tasks.supply_chain.packages import installed_packages

    if out is not None and not out.absolute().parent.is_dir():
        raise SpecError(f"{out}: its folder does not exist; make it first")
    lock = read_lock(lock_file) if lock_file else lock_of_environment()
    packages = installed_packages()
    bom = environment_bom(packages, lock)
    if model is not None:
        bom = _of_model(model, bom)
    checks: tuple[Check, ...] = ()
    if verify:
        from tasks.supply_chain.installed_files import Depth
        from tasks.supply_chain.verify_environment import verify_environment

        checks = verify_environment(packages, lock, Depth.ALL)
    _tell(bom, checks, out, as_json)
    if verify and combined_verdict(checks) is not Verdict.PASSED:
        raise click.exceptions.Exit(_DRIFTED)


def _of_model(reference: str, environment: JsonObject) -> JsonObject:
    from assay.ledger import Ledger
    from assay.registry import open_registry
    from assay.settings import load_settings
    from assay.store import open_store
    from tasks.supply_chain.model_bom import model_bom
    from tasks.supply_chain.model_evidence import gather_evidence

    settings = load_settings()
    with contextlib.closing(Ledger.open(settings)) as ledger:
        evidence = gather_evidence(reference, ledger, open_store(settings), lambda: open_registry(settings))
    return model_bom(evidence, environment)


def _tell(bom: JsonObject, checks: tuple[Check, ...], out: Path | None, as_json: bool) -> None:
    """The document to `out` or stdout; what was found beside it, for people on stderr."""
    from tasks.supply_chain.cyclonedx import component_count, digest

    document = canonical_json(bom)
    if out is not None:
        try:
            out.write_bytes(document)
        except OSError as error:
            raise SpecError(f"{out}: cannot be written: {error.strerror}") from error
    if as_json:
        where: JsonObject = {"path": str(out)} if out else {"bom": bom}
        verdict = combined_verdict(checks).value if checks else None
        told = [check.to_json() for check in checks]
        counted = component_count(bom)
        print_json({"sha256": digest(bom), "components": counted, "verdict": verdict, "checks": told, **where})
        return
    if out is None:
        click.echo(document.decode())
    say(f"{out or 'stdout'}: {component_count(bom)} components, sha256 {digest(bom)}")
    for check in checks:
        say(f"{check.verdict.value}  {check.name}: {check.detail}")
