"""Attacks on the log, each named and each found."""

import contextlib
import threading
from dataclasses import replace
from datetime import UTC, datetime

import psycopg
import pytest

from assay.digests import canonical_json, sha256_bytes
from assay.errors import IntegrityError
from assay.ledger import Ledger
from assay.ledger_verification import verify_ledger
from assay.merkle import leaf_hash, verify_inclusion
from assay.provenance import Provenance
from assay.records import Check, RunContext, Step, StepReport, Subject, Verdict
from assay.signing import KeyRole
from assay.statement import StepRecord, build_statement

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)


def subject(text: str) -> Subject:
    return Subject("dataset/x", sha256_bytes(text.encode()))


def report(number: int, step: Step = Step.COLLECT, verdict: Verdict = Verdict.PASSED) -> StepReport:
    return StepReport(step, "x", verdict, products={"raw": subject(f"raw {number}")},
                      checks=(Check("one", verdict, "said so"),), facts={"rows": number})  # fmt: skip


def envelope(keys, report, run_id="run", role=KeyRole.PRODUCER):
    record = StepRecord(report, RunContext(run_id=run_id), Provenance("", False, "e"), {}, 0, NOON, NOON)
    return keys.sign(canonical_json(build_statement(record)), role)


def fill(ledger, keys, count=5):
    return [ledger.append(envelope(keys, report(number))) for number in range(count)]


@contextlib.contextmanager
def superuser(ledger):
    """Somebody who can switch the triggers off."""
    for table in ("entries", "subjects", "checkpoints"):
        ledger.connection.execute(f"ALTER TABLE assay_ledger.{table} DISABLE TRIGGER ALL")
    yield ledger.connection


def test_report_comes_back_as_it_was(ledger, keys):
    entry = ledger.append(envelope(keys, report(7)))
    assert entry.report == report(7)
    assert ledger.find(subject_sha256=subject("raw 7").sha256) == [entry]
    assert ledger.find(step=Step.GATE) == []


def test_same_statement_twice_is_one_entry(ledger, keys):
    first = ledger.append(envelope(keys, report(1)))
    assert ledger.append(envelope(keys, report(1))).seq == first.seq
    assert ledger.append(envelope(keys, report(1), run_id="another")).seq == first.seq + 1


def test_a_retry_with_another_verdict_is_a_new_entry(ledger, keys):
    first = ledger.append(envelope(keys, report(1, verdict=Verdict.NOT_CHECKED)))
    assert ledger.append(envelope(keys, report(1))).seq == first.seq + 1


def test_writers_at_once_leave_no_gap_and_no_fork(settings, keys, ledger):
    def write(worker):
        with contextlib.closing(Ledger.open(settings)) as own:
            for number in range(5):
                own.append(envelope(keys, report(100 * worker + number)))

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = verify_ledger(ledger, keys)
    assert (found.ok, found.entries) == (True, 30)


def test_updates_deletes_and_truncation_are_refused_by_the_database(ledger, keys):
    fill(ledger, keys)
    for attack in (
        "UPDATE assay_ledger.entries SET verdict = 'passed'",
        "DELETE FROM assay_ledger.entries WHERE seq = 0",
        "TRUNCATE assay_ledger.entries CASCADE",
        "DELETE FROM assay_ledger.checkpoints",
    ):
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
            ledger.connection.execute(attack)
    assert verify_ledger(ledger, keys).ok


def test_gate_statement_signed_by_a_producer_key_is_rejected(ledger, keys):
    with pytest.raises(IntegrityError, match="needs a gate key, found a producer key"):
        ledger.append(envelope(keys, report(1, step=Step.GATE), role=KeyRole.PRODUCER))
    assert ledger.size() == 0


def test_an_append_that_fails_halfway_leaves_no_gap_in_the_numbers(ledger, keys):
    fill(ledger, keys, 3)
    ledger.connection.execute("ALTER TABLE assay_ledger.checkpoints ADD CONSTRAINT is_full CHECK (size < 4)")
    with pytest.raises(psycopg.errors.CheckViolation):
        ledger.append(envelope(keys, report(3)))
    ledger.connection.execute("ALTER TABLE assay_ledger.checkpoints DROP CONSTRAINT is_full")
    assert ledger.size() == 3
    assert (ledger.append(envelope(keys, report(4))).seq, ledger.size()) == (3, 4)
    assert verify_ledger(ledger, keys).ok


def test_find_refuses_to_return_a_changed_entry(ledger, keys):
    fill(ledger, keys)
    with superuser(ledger) as connection:
        connection.execute("UPDATE assay_ledger.entries SET envelope = replace(envelope, 'eyJ', 'eyK') WHERE seq = 2")
    with pytest.raises(IntegrityError, match="ledger entry 2"):
        ledger.find(pipeline="x")


def test_nothing_is_appended_to_a_forked_tree(ledger, keys):
    fill(ledger, keys)
    with superuser(ledger) as connection:
        connection.execute("UPDATE assay_ledger.checkpoints SET nodes[1] = 'forged' WHERE size = 5")
    with pytest.raises(IntegrityError, match="right edge"):
        ledger.append(envelope(keys, report(9)))


def test_an_entry_proves_its_inclusion_in_the_signed_root(ledger, keys):
    entry = fill(ledger, keys, 7)[3]
    from assay.checkpoint import Checkpoint

    signed = Checkpoint.verified(ledger.checkpoint(), keys)
    leaf = leaf_hash(entry.envelope.to_bytes())
    assert verify_inclusion(leaf, 3, signed.size, ledger.inclusion(3, signed.size), signed.root)


def test_statement_that_speaks_of_other_subjects_is_rejected(ledger, keys):
    record = StepRecord(report(1), RunContext(run_id="r"), Provenance("", False, "e"), {}, 0, NOON, NOON)
    statement = dict(build_statement(record))
    statement["subject"] = [{"name": "model/y", "digest": {"sha256": "0" * 64}}]
    with pytest.raises(IntegrityError, match="subjects"):
        ledger.append(keys.sign(canonical_json(statement), KeyRole.PRODUCER))


def test_step_report_of_every_kind_survives_the_ledger(ledger, keys):
    cut_out = StepReport(Step.CUT_OUT, "x", Verdict.PASSED, facts={"reason": "nonsense"})
    assert ledger.append(envelope(keys, cut_out)).report == cut_out
    judged = replace(report(2), step=Step.ASSAY, products={}, inputs={"model": subject("m")}, judged=("model",))
    assert ledger.append(envelope(keys, judged)).report == judged
