"""Packages are compared by the lists that the steps stored."""

from datetime import UTC, datetime

import pytest

from assay.digests import canonical_json
from assay.errors import IntegrityError
from assay.ledger import Ledger
from assay.ledger_entry import role_of
from assay.provenance import Provenance
from assay.questions.dossier import Dossier
from assay.questions.environment_diff import diff_environments
from assay.records import RunContext, Step, StepReport, Subject, Verdict
from assay.signing import KeyRing
from assay.statement import StepRecord, build_statement
from assay.store import FileStore

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)


@pytest.fixture
def dossiers(ledger: Ledger, keys: KeyRing, store: FileStore) -> tuple[Dossier, Dossier]:
    """Two models whose training ran in environments that differ by two packages."""
    lists = [b"numpy==1.26.4\ntorch==2.12.0\n", b"numpy==1.26.4\ntorch==2.13.0\nsafetensors==0.6\n"]
    old, new = (_dossier(ledger, keys, store.put_bytes(listed)) for listed in lists)
    return old, new


def _dossier(ledger: Ledger, keys: KeyRing, environment: str) -> Dossier:
    report = StepReport(Step.TRAIN, "toy", Verdict.PASSED)
    provenance = Provenance("c0ffee", False, environment)
    record = StepRecord(report, RunContext(run_id=environment), provenance, {}, 0, NOON, NOON)
    entry = ledger.append(keys.sign(canonical_json(build_statement(record)), role_of(Step.TRAIN)))
    return Dossier(Subject("model/toy", environment), {Step.COLLECT: None, Step.TRAIN: entry}, ())


def test_packages_that_differ_are_named_with_both_versions(dossiers: tuple[Dossier, Dossier], store: FileStore) -> None:
    found = diff_environments(*dossiers, store)
    assert [(p.name, p.a, p.b, p.steps) for p in found.packages] == [
        ("safetensors", None, "0.6", ("train",)),
        ("torch", "2.12.0", "2.13.0", ("train",)),
    ]
    assert [step.step for step in found.steps] == [Step.TRAIN]
    assert found.unknown == ()


def test_lost_list_is_told(dossiers: tuple[Dossier, Dossier], store: FileStore) -> None:
    lost = dossiers[0].model.sha256
    (store.root / "sha256" / lost[:2] / lost).unlink()
    found = diff_environments(*dossiers, store)
    assert (found.packages, found.unknown) == ((), (lost,))


def test_changed_list_is_tampering(dossiers: tuple[Dossier, Dossier], store: FileStore) -> None:
    listed = dossiers[1].model.sha256
    (store.root / "sha256" / listed[:2] / listed).write_bytes(b"torch==2.12.0\n")
    with pytest.raises(IntegrityError):
        diff_environments(*dossiers, store)
