"""What a command ends with is what the shell sees."""

import sys

import click
import pytest

import assay.cli
from assay.errors import EngineUnavailable, IntegrityError, PolicyViolation, SpecError


@click.command()
@click.argument("how")
def ending(how: str) -> None:
    if how.isdigit():
        raise click.exceptions.Exit(int(how))
    raise {"spec": SpecError, "tampered": IntegrityError, "refused": PolicyViolation, "down": EngineUnavailable}[how](
        "x"
    )


@pytest.mark.parametrize(
    ("how", "code"), [("0", 0), ("3", 3), ("1", 1), ("spec", 2), ("tampered", 3), ("refused", 3), ("down", 1)]
)
def test_the_shell_sees_the_exit_code_of_the_command(monkeypatch: pytest.MonkeyPatch, how: str, code: int) -> None:
    monkeypatch.setitem(assay.cli._COMMANDS, "ending", f"{__name__}:ending")
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    monkeypatch.setattr(sys, "argv", ["assay", "ending", how])
    with pytest.raises(SystemExit) as stop:
        assay.cli.main()
    assert (stop.value.code or 0) == code
