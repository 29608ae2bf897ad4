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
def check(specs: tuple[str, ...], as_json: bool, explain: bool) -> None:
    """Validate specs: keys, types, roles, search space, gate, schedules. SPEC is a file or a pipeline's name.

    Without SPEC, every spec in the pipelines folder. Exit 0 when all are sound, 2 otherwise.
    """
    results = [_check_one(path, explain=explain, as_json=as_json) for path in _paths(specs, load_settings().pipelines)]
    if as_json:
        print_json({"specs": results})
    if not all(result["ok"] for result in results):
        raise click.exceptions.Exit(SpecError.exit_code)


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
