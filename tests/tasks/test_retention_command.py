"""`assay retention` shows what is due, and removes it only when told to."""

import getpass
import json
from typing import Any

import pytest
from click.testing import CliRunner

from assay.cli import cli
from assay.records import Step
from assay.workbench import Workbench
from tests.tasks.test_expire_records import capture


def told(*words: str) -> Any:
    result = CliRunner().invoke(cli, ["retention", "--json", *words])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.usefixtures("as_person")
def test_what_is_due_is_shown_first_and_removed_in_the_persons_name(bench: Workbench) -> None:
    old = capture(bench, 401)
    shown = told()
    assert {one["class"]: one["due"] for one in shown["classes"]} == {"statements": 0, "events": 0, "requests": 1}
    assert (shown["removed"], shown["entry"], old.exists()) == (False, None, True)
    done = told("--apply")
    (entry,) = bench.ledger.find(step=Step.EXPIRE, limit=2)
    assert (done["removed"], done["entry"], old.exists()) == (True, entry.seq, False)
    assert (entry.context.actor, entry.context.trigger) == (getpass.getuser(), "manual")
