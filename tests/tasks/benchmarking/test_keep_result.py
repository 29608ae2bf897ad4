"""A benchmark is kept whole and signed, and no gate takes it for an assay."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from assay.decision import latest_gate
from assay.digests import canonical_json, sha256_json
from assay.errors import EngineUnavailable, PolicyViolation, SpecError
from assay.evidence_chain import evidence_chain
from assay.ledger_verification import verify_ledger
from assay.lineage.statements import runs_of_entry
from assay.policy import Case, PassedStatement
from assay.records import Step, Subject, Verdict
from assay.settings import Settings
from assay.signing import Envelope, KeyRing, KeyRole
from assay.statement import TEST_RESULT, read_statement
from assay.workbench import Workbench
from tasks.attacks.ball import Ball
from tasks.benchmarking import keep_result
from tasks.benchmarking.keep_result import Keeper, envelope_path
from tasks.benchmarking.sign_benchmark import PIPELINE
from tasks.robustness.bench_model import BenchRequest

ASKED = BenchRequest(Path("model.onnx"), Path("rows.npz"), Ball("linf", 0.1))
CHECK = {"name": "scan", "verdict": "passed", "detail": "nothing", "measured": None, "threshold": None}
DOCUMENT: dict[str, Any] = {
    "verdict": "passed",
    "checks": [CHECK, {**CHECK, "name": "robust accuracy suffices", "measured": 0.5, "threshold": 0.4}],
    "model": {"name": "model.onnx", "sha256": "a" * 64, "format": "onnx", "bytes": 12},
    "dataset": {"name": "rows.npz", "sha256": "b" * 64, "files": 1, "bytes": 34},
    "robust_accuracy": 0.5,
    "attacks": [],
    "not_checked": ["backdoors"],
}


@pytest.fixture
def deployment(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(keep_result, "load_settings", lambda: bench.settings)
    return bench.settings


@pytest.fixture
def kept(deployment: Settings, tmp_path: Path) -> dict[str, Any]:
    document: Any = Keeper.ready(tmp_path / "result.json", is_signed=True).keep(DOCUMENT, ASKED)
    return document  # type: ignore[no-any-return]


def test_the_statement_is_a_test_result_on_both_digests(kept: dict[str, Any], bench: Workbench, tmp_path: Path) -> None:
    (entry,) = bench.ledger.find(step=Step.BENCH)
    assert entry.statement["predicateType"] == TEST_RESULT
    assert {one["digest"]["sha256"] for one in entry.statement["subject"]} == {"a" * 64, "b" * 64}
    predicate: Any = entry.statement["predicate"]
    assert (predicate["result"], predicate["passedTests"]) == ("PASSED", ["scan", "robust accuracy suffices"])
    assert entry.report.facts["document_sha256"] == sha256_json(DOCUMENT)
    assert (entry.report.pipeline, entry.role) == (PIPELINE, KeyRole.PRODUCER)
    assert entry.record.parameters["ball"] == {"norm": "linf", "epsilon": 0.1}
    assert kept["statement"]["sha256"] == entry.sha256
    assert kept["statement"]["entry"] == entry.seq
    assert json.loads((tmp_path / "result.json").read_text()) == kept
    envelope = Envelope.from_bytes((tmp_path / "result.dsse.json").read_bytes())
    assert envelope == entry.envelope
    assert verify_ledger(bench.ledger, bench.keys).ok
    assert [run.job for run in runs_of_entry(entry)] == ["assay.benchmark.bench"]


def test_a_passed_benchmark_promotes_nothing(kept: dict[str, Any], bench: Workbench) -> None:
    model = Subject("model/toy", "a" * 64)
    chain = evidence_chain(bench.ledger, model)
    assert set(chain.values()) == {None}
    assert Step.BENCH not in chain
    case = Case("toy", datetime.now(UTC), chain, {"model": model})
    rule = PassedStatement(Step.ASSAY, KeyRole.PRODUCER, timedelta(days=1))
    assert rule.judge(case).verdict is Verdict.NOT_CHECKED
    assert case.measured("metrics", "robust_accuracy") is None
    with pytest.raises(PolicyViolation, match="gate"):
        latest_gate(bench.ledger, model)


def test_the_kept_document_proves_to_be_the_signed_one(kept: dict[str, Any], bench: Workbench, tmp_path: Path) -> None:
    (entry,) = bench.ledger.find(step=Step.BENCH)
    read = json.loads((tmp_path / "result.json").read_text())
    unsigned = {key: value for key, value in read.items() if key != "statement"}
    assert sha256_json(unsigned) == entry.report.facts["document_sha256"]
    assert entry.report.facts["robust_accuracy"] == kept["robust_accuracy"]


def test_without_a_ledger_the_statement_lies_beside_the_document(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = KeyRing.open(tmp_path / "keys")
    offline = Settings(keys=tmp_path / "keys")
    monkeypatch.setattr(keep_result, "load_settings", lambda: offline)
    out = tmp_path / "result.json"
    document: Any = Keeper.ready(out, is_signed=True).keep(DOCUMENT, ASKED)
    assert document["statement"]["entry"] is None
    envelope = Envelope.from_bytes(envelope_path(out).read_bytes())
    assert keys.verify(envelope).role is KeyRole.PRODUCER
    assert read_statement(envelope.payload)[1].report.step is Step.BENCH
    with pytest.raises(SpecError, match="name a file"):
        Keeper.ready(None, is_signed=True)


def test_what_cannot_be_kept_is_refused_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SpecError, match="does not exist"):
        Keeper.ready(tmp_path / "gone" / "result.json", is_signed=False)
    monkeypatch.setattr(keep_result, "load_settings", lambda: Settings(keys=tmp_path / "none"))
    with pytest.raises(SpecError, match="assay up"):
        Keeper.ready(tmp_path / "result.json", is_signed=True)
    assert not (tmp_path / "none").exists()
    down = Settings(keys=tmp_path / "none", database_url="postgresql://nobody@127.0.0.1:9/none")  # type: ignore[arg-type]
    monkeypatch.setattr(keep_result, "load_settings", lambda: down)
    with pytest.raises(EngineUnavailable):
        Keeper.ready(None, is_signed=True)


def test_unsigned_the_document_stays_as_it_is(tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    assert Keeper.ready(out, is_signed=False).keep(DOCUMENT, ASKED) == DOCUMENT
    assert canonical_json(json.loads(out.read_text())) == canonical_json(DOCUMENT)
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]
