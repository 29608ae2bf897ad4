"""The `assay` command: each subcommand is imported only when it is called, each error ends in its exit code."""

import gc
import importlib
import sys
from importlib.metadata import EntryPoint, entry_points

import click

from assay.cli.output import report_error
from assay.cli.project import see_project
from assay.errors import AssayError

# name -> "module:command". Commands that run stations live outside `assay` and register through the
# entry point group `assay.commands`, so that the package never imports the layers above it.
_COMMANDS = {
    "up": "assay.cli.stack:up",
    "down": "assay.cli.stack:down",
    "status": "assay.cli.stack:status",
    "init": "assay.cli.init:init",
    "check": "assay.cli.check:check",
    "run": "assay.cli.run:run",
    "lineage": "assay.cli.lineage:lineage",
    "audit": "assay.cli.audit:audit",
    "controls": "assay.cli.controls:controls",
}


# Imports make objects that stay: looking for garbage among them every 700 objects is a tenth of a short command.
_OBJECTS_A_COLLECTION = 100_000


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*_COMMANDS, *sorted(point.name for point in _plugged_in())]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _COMMANDS:
            module, attribute = _COMMANDS[cmd_name].split(":")
            command: click.Command = getattr(importlib.import_module(module), attribute)
            return command
        for point in _plugged_in():
            if point.name == cmd_name:
                plugged: click.Command = point.load()
                return plugged
        return None


def _plugged_in() -> list[EntryPoint]:
    return list(entry_points(group="assay.commands"))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="assay")
def cli() -> None:
    """Nothing reaches production unassayed, and every decision can be proved afterwards.

    Exit codes: 0 done or passed; 1 Assay or an engine failed; 2 bad input, usage or spec (nothing
    written); 3 a verdict says no; 130 interrupted, resumable.
    """
    see_project()


def main() -> None:
    """Entry point of the console script."""
    gc.set_threshold(_OBJECTS_A_COLLECTION, 50, 50)
    try:
        # Outside its standalone mode click hands back what `ctx.exit` was given.
        code = cli.main(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except AssayError as error:
        report_error(error)
        sys.exit(error.exit_code)
    finally:
        gc.freeze()  # looking through all that was imported takes Python longer to end than many a command to run
