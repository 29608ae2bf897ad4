import pytest
from airflow.sdk.exceptions import AirflowFailException

from assay.records import RunContext, Step, StepReport, Subject, Verdict
from assay.spec import PipelineSpec
from assay.station import StepRequest, run_station
from assay.workbench import Workbench
from operators.ledger_check import VerifyLedgerOperator

SPEC = PipelineSpec.model_validate(
    {
        "name": "toy",
        "data": {"collector": {"sources": [{"source": "path", "path": "/nowhere"}]}},
        "train": {"model": "models.toy:Toy"},
    }
)


@pytest.fixture(autouse=True)
def entries(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three signed entries in the ledger that the operator opens."""
    monkeypatch.setenv("ASSAY_HOME", str(bench.settings.home))
    monkeypatch.setenv("ASSAY_KEYS", str(bench.settings.keys))
    monkeypatch.setenv("ASSAY_DATABASE_URL", bench.settings.database_url.get_secret_value())
    for digit in "abc":
        report = StepReport(Step.COLLECT, "toy", Verdict.PASSED, products={"raw": Subject("dataset/toy", digit * 64)})
        run_station(lambda request, bench, report=report: report, StepRequest(SPEC, RunContext(run_id=digit)), bench)  # type: ignore[misc]


def _verify() -> dict[str, object]:
    return VerifyLedgerOperator(task_id="verify_ledger")._verify()


def test_untouched_ledger_verifies() -> None:
    found = _verify()
    assert found["entries"] == 3
    assert found["checkpoint"]


def test_edited_entry_fails_the_task_and_is_named(bench: Workbench) -> None:
    with bench.ledger.connection.transaction():
        bench.ledger.connection.execute("SET LOCAL session_replication_role = replica")
        bench.ledger.connection.execute(
            "UPDATE assay_ledger.entries SET envelope = replace(envelope, 'a', 'b') WHERE seq = 1"
        )
    with pytest.raises(AirflowFailException, match=r"first: entry 1 "):
        _verify()
