"""`assay check`: validate specs without an engine and without running user code."""

from collections.abc import Sequence
from pathlib import Path

import click

from assay.cli.output import json_option, print_json
from assay.errors import SpecError
from assay.json_types import Json
from assay.settings import load_settings
from assay.spec_explained import explain_spec
from assay.spec_file import SUFFIX, SpecProblem, read_spec, spec_paths


@click.command()
@click.argument("specs", nargs=-1, metavar="[SPEC]...")
@json_option
@click.option("--explain", is_flag=True, help="Print the effective spec, each default marked, with its meaning.")
@click.option(
    "--suggest-expectations",
    "suggest",
    is_flag=True,
    help="Print expectations that the newest trusted version satisfies, to paste below `data:`; needs the stack.",
)
def check(specs: tuple[str, ...], as_json: bool, explain: bool, suggest: bool) -> None:
    """Validate specs: keys, types, roles, search space, gate, schedules. SPEC is a file or a pipeline's name.

    Without SPEC, every spec in the pipelines folder. Exit 0 when all are sound, 2 otherwise.
    """
    if suggest:
        _suggest(specs, as_json)
        return
    results = [_check_one(path, explain=explain, as_json=as_json) for path in _paths(specs, load_settings().pipelines)]
    if as_json:
        print_json({"specs": results})
    if not all(result["ok"] for result in results):
        raise click.exceptions.Exit(SpecError.exit_code)


def _suggest(names: Sequence[str], as_json: bool) -> None:
    """One pipeline's expectations: YAML on stdout, or JSON."""
    import contextlib
    import tempfile

    from assay.dataset import load_dataset
    from assay.ledger import Ledger
    from assay.store import open_store
    from assay.suggested_expectations import suggest_expectations, to_yaml, trusted_version

    if len(names) != 1:
        raise SpecError(f"--suggest-expectations: expected one pipeline's name, found {len(names)}; name one")
    settings = load_settings()
    store = open_store(settings)
    with contextlib.closing(Ledger.open(settings)) as ledger:
        subject = trusted_version(ledger, names[0])
    with tempfile.TemporaryDirectory(prefix="assay-suggest-") as folder:
        suggested = suggest_expectations(load_dataset(subject, store), store, Path(folder))
    if as_json:
        print_json({"dataset": subject.sha256, "expectations": list(suggested)})
        return
    click.echo(f"# satisfied by {subject.name}@{subject.sha256[:12]}; keep what you mean")
    click.echo(to_yaml(suggested), nl=False)


def _paths(specs: Sequence[str], folder: Path) -> list[Path]:
    """Files as given; names looked up in `folder`. Raises SpecError when there is nothing to check."""
    paths = []
    for spec in specs:
        is_file = spec.endswith((SUFFIX, ".yml")) or "/" in spec
        paths.extend([Path(spec)] if is_file else spec_paths(folder, only=[spec]))
    if not specs:
        paths = spec_paths(folder)
        if not paths:
            raise SpecError(f"{folder}: no specs; `assay init NAME --kind image|tabular|text` writes the first")
    return paths


def _check_one(path: Path, *, explain: bool, as_json: bool) -> dict[str, Json]:
    spec, problems = read_spec(path)
    result: dict[str, Json] = {
        "path": str(path),
        "ok": not problems,
        "errors": [problem.to_json() for problem in problems],
    }
    if explain and spec is not None:
        result["explained"] = explain_spec(spec)
    if not as_json:
        _print_lines(path, problems, str(result.get("explained", "")))
    return result


def _print_lines(path: Path, problems: Sequence[SpecProblem], explained: str) -> None:
    if not problems:
        click.echo(f"ok      {path}")
    for problem in problems:
        click.echo(f"broken  {problem.text(path)}", err=True)
    if explained:
        click.echo(explained)
