"""What a command prints: one JSON document on stdout, or lines for people; progress and errors on stderr."""

import json
import sys

import click

from assay.errors import AssayError
from assay.json_types import JsonObject

json_option = click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON document on stdout.")


def print_json(document: JsonObject) -> None:
    """The one document of `--json`."""
    sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")


def say(line: str) -> None:
    """A line of progress, for people, on stderr."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def report_error(error: AssayError) -> None:
    """One clear error. Families are named so that tampering never looks like misuse."""
    say(f"{type(error).__name__}: {error}")
