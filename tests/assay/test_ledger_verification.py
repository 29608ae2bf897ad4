"""Whatever is changed is named; whatever is merely appended meanwhile is not blamed."""

import base64
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.errors import IntegrityError
from assay.ledger import Ledger
from assay.ledger_tables import LogTables
from assay.ledger_verification import verify_ledger
from assay.merkle import leaf_hash, root_hash, verify_consistency
from tests.assay.test_ledger import envelope, fill, report, superuser

DROP_THE_LAST_OF_FIVE = (
    "DELETE FROM assay_ledger.subjects WHERE seq = 4",
    "DELETE FROM assay_ledger.entries WHERE seq = 4",
    "DELETE FROM assay_ledger.checkpoints WHERE size = 5",
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.data())
def test_envelope_with_one_changed_character_is_named(ledger, keys, data):
    if not ledger.size():
        fill(ledger, keys, 3)
    seq = data.draw(st.integers(0, 2))
    original = next(ledger.rows(seq)).envelope
    place = data.draw(st.integers(0, len(original) - 1))
    other = data.draw(st.characters(min_codepoint=32, max_codepoint=126).filter(lambda c: c != original[place]))
    change = "UPDATE assay_ledger.entries SET envelope = %s WHERE seq = %s"
    with superuser(ledger) as connection:
        connection.execute(change, (original[:place] + other + original[place + 1 :], seq))
        found = verify_ledger(ledger, keys)
        connection.execute(change, (original, seq))
    assert found.broken[0].seq == seq
    assert verify_ledger(ledger, keys).ok


def test_append_in_the_middle_of_a_verification_is_no_tampering(ledger, keys, settings, monkeypatch):
    fill(ledger, keys)
    writer, entries = Ledger.open(settings), LogTables.entries

    def entries_later(tables):
        writer.append(envelope(keys, report(99)))
        return entries(tables)

    monkeypatch.setattr(LogTables, "entries", entries_later)
    assert (verify_ledger(ledger, keys).broken, writer.size()) == ((), 6)
    writer.close()


def test_dropped_tail_is_not_covered_by_new_entries(ledger, keys):
    fill(ledger, keys)
    with superuser(ledger) as connection:
        for statement in DROP_THE_LAST_OF_FIVE:
            connection.execute(statement)
    for number in (50, 51):
        with pytest.raises(IntegrityError, match="signs for 5 entries"):
            ledger.append(envelope(keys, report(number)))
    assert "tail" in verify_ledger(ledger, keys).broken[0].reason


def test_changed_right_edge_of_the_tree_is_found(ledger, keys):
    fill(ledger, keys)
    with superuser(ledger) as connection:
        connection.execute("UPDATE assay_ledger.checkpoints SET nodes[1] = 'forged' WHERE size = 5")
    found = verify_ledger(ledger, keys).broken[0]
    assert (found.seq, found.subject) == (4, "tree")


def test_statement_of_another_shape_is_named_not_stumbled_over(ledger, keys):
    fill(ledger, keys)
    row = next(ledger.rows(2))
    outer = json.loads(row.envelope)
    statement = json.loads(base64.b64decode(outer["payload"]))
    statement["predicate"]["assay"]["report"]["products"] = "x"
    outer["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()
    with superuser(ledger) as connection:
        connection.execute("UPDATE assay_ledger.entries SET envelope = %s WHERE seq = 2", (json.dumps(outer),))
    assert verify_ledger(ledger, keys).broken[0].seq == 2


def test_another_spelling_of_an_envelope_is_not_returned(ledger, keys):
    fill(ledger, keys)
    with superuser(ledger) as connection:
        connection.execute("UPDATE assay_ledger.entries SET envelope = replace(envelope, '{\"payload\"', "
                           "'{\"x\":1,\"payload\"') WHERE seq = 2")  # fmt: skip
    with pytest.raises(IntegrityError, match="ledger entry 2"):
        ledger.find(pipeline="x")


def test_unreadable_mirror_is_a_finding(ledger, keys):
    fill(ledger, keys)
    ledger.mirror.path.write_bytes(b"\xff\xfe")
    assert verify_ledger(ledger, keys).broken[0].subject == "checkpoint"


def test_every_earlier_log_is_proved_a_prefix(ledger, keys):
    leaves = [leaf_hash(entry.envelope.to_bytes()) for entry in fill(ledger, keys, 7)]
    for old in range(1, 8):
        proof = ledger.consistency(old, 7)
        assert verify_consistency(old, root_hash(leaves[:old]), 7, root_hash(leaves), proof)
