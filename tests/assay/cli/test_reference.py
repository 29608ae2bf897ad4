"""The page of commands says what the commands say."""

from assay.cli.reference import reference
from tests.embedded_stack import ROOT


def test_page_is_what_the_commands_print() -> None:
    page = (ROOT / "docs/reference/commands.md").read_text()
    assert page == reference(), "python -m assay.cli.reference > docs/reference/commands.md"
