"""`assay erase` knows what the ledger knows, asks first, and signs in whose name it erased."""

import getpass
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from assay.cli import cli
from assay.erasure import Erasures
from assay.errors import SpecError
from assay.records import Step
from assay.workbench import Workbench
from tests.tasks.test_erase_rows import SECRET, collect, everything_stored, mails  # noqa: F401 - a fixture too

pytestmark = pytest.mark.usefixtures("as_person")


def erase(*words: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["erase", *words], input=answer)


def test_rows_that_only_the_ledger_knows_of_are_erased_in_the_persons_name(
    bench: Workbench,
    mails: Path,  # noqa: F811
) -> None:
    raw = collect(bench, mails, "one")
    result = erase("row/mail/m0", "--reason", "request 7", "--yes", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["dataset"], told["rows"], told["versions"]) == ("mail", ["m0"], [raw.to_json()])
    assert SECRET.encode() not in everything_stored(bench)
    (entry,) = bench.ledger.find(step=Step.ERASE, limit=2)
    assert (entry.seq, entry.context.actor, entry.context.trigger) == (told["entry"], getpass.getuser(), "manual")
    assert set(Erasures.of(bench.ledger).remaining) == {raw.sha256}


def test_nothing_is_erased_without_a_yes(bench: Workbench, mails: Path) -> None:  # noqa: F811
    collect(bench, mails, "one")
    assert erase("row/mail/m0", "--reason", "request 7", answer="n\n").exit_code == 1
    assert SECRET.encode() in everything_stored(bench)
    assert bench.ledger.find(step=Step.ERASE, limit=1) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("dataset/mail", "--reason", "request 7"), "expected row/DATASET/ID"),
        (("row/mail/m0", "--reason", " "), "expected a reason, found none"),
    ],
)
def test_a_wish_without_rows_or_reason_is_refused(bench: Workbench, words: tuple[str, ...], message: str) -> None:
    result = erase(*words, "--yes")
    assert isinstance(result.exception, SpecError)
    assert message in str(result.exception)
    assert bench.ledger.size() == 0
