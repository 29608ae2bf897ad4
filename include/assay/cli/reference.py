"""docs/reference/commands.md from the commands' own help. `python -m assay.cli.reference`."""

import sys

import click

from assay.cli import cli


def reference() -> str:
    """Every command and subcommand with the help it prints."""
    parts = ["# Commands\n\nThis page is generated from `assay --help`; a test keeps it true.\n"]
    context = click.Context(cli, info_name="assay", terminal_width=100, **cli.context_settings)
    parts.append(_section(cli, context, 2))
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        if command is not None:
            parts.extend(_sections(command, name, context, 2))
    return "\n".join(parts)


def _sections(command: click.Command, name: str, parent: click.Context, level: int) -> list[str]:
    context = click.Context(command, info_name=name, parent=parent)
    sections = [_section(command, context, level)]
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found is not None:
                sections.extend(_sections(found, child, context, level + 1))
    return sections


def _section(command: click.Command, context: click.Context, level: int) -> str:
    help_text = command.get_help(context)
    return f"{'#' * level} `{context.command_path}`\n\n```text\n{help_text}\n```\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
