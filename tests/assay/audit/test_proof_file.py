"""A proof is a file: the public keys suffice, any changed byte is refused."""

import pytest

from assay.audit.proof_file import ConsistencyProof, InclusionProof
from assay.checkpoint import Checkpoint
from assay.errors import IntegrityError, SpecError
from assay.ledger_proofs import find_entry, prove_consistency, prove_inclusion
from assay.merkle import leaf_hash, root_hash
from tests.assay.test_ledger import envelope, fill, report, subject, superuser


def test_every_entry_proves_itself_to_a_stranger_with_the_keys(ledger, keys):
    entries = fill(ledger, keys, 7)
    for entry in entries:
        proof = InclusionProof.from_text(prove_inclusion(ledger, entry.seq).to_text())
        found, signed = proof.verify(keys)
        assert (found, signed.size) == (entry, 7)


def test_flipped_byte_of_a_proof_is_refused(ledger, keys):
    fill(ledger, keys, 5)
    text = prove_inclusion(ledger, 2).to_text()
    for place in range(0, len(text), 7):
        other = "A" if text[place] != "A" else "B"
        with pytest.raises(IntegrityError):
            InclusionProof.from_text(text[:place] + other + text[place + 1 :]).verify(keys)


def test_proof_moved_to_another_place_is_refused(ledger, keys):
    fill(ledger, keys, 5)
    proof = prove_inclusion(ledger, 2)
    moved = InclusionProof(3, proof.envelope, proof.hashes, proof.note)
    with pytest.raises(IntegrityError, match="not in this log at this place"):
        moved.verify(keys)


def test_log_proves_that_it_only_grew(ledger, keys):
    fill(ledger, keys, 3)
    old = ledger.checkpoint()
    for number in range(10, 17):
        ledger.append(envelope(keys, report(number)))
        proof = ConsistencyProof.from_text(prove_consistency(ledger, old).to_text())
        assert [state.size for state in proof.verify(old, keys)] == [3, ledger.size()]


def test_two_signed_histories_are_a_fork(ledger, keys):
    entries = fill(ledger, keys, 5)
    leaves = [leaf_hash(entry.envelope.to_bytes()) for entry in entries]
    other = Checkpoint(3, root_hash([leaves[1], leaves[0], leaves[2]])).signed(keys)
    with pytest.raises(IntegrityError, match="two histories") as caught:
        prove_consistency(ledger, other)
    assert caught.value.kind == "forked"


def test_checkpoint_of_more_entries_than_there_are_is_named(ledger, keys):
    fill(ledger, keys, 2)
    with pytest.raises(IntegrityError, match="the log has 2") as caught:
        prove_consistency(ledger, Checkpoint(3, b"r" * 32).signed(keys))
    assert caught.value.kind == "restored_backup"


def test_changed_tree_gives_no_proof(ledger, keys):
    fill(ledger, keys, 5)
    with superuser(ledger) as connection:
        connection.execute("UPDATE assay_ledger.checkpoints SET nodes[1] = sha256('') WHERE size = 4")
    with pytest.raises(IntegrityError, match="lead elsewhere"):
        prove_inclusion(ledger, 2)


def test_removed_checkpoint_gives_no_proof(ledger, keys):
    fill(ledger, keys, 5)
    with superuser(ledger) as connection:
        connection.execute("DELETE FROM assay_ledger.checkpoints WHERE size = 4")
    with pytest.raises(IntegrityError, match="missing"):
        prove_inclusion(ledger, 2)


def test_entries_are_found_by_number_statement_and_subject(ledger, keys):
    entry = fill(ledger, keys, 3)[1]
    names = ("1", entry.sha256, subject("raw 1").sha256)
    assert [find_entry(ledger, name) for name in names] == [1, 1, 1]
    ledger.append(envelope(keys, report(1), run_id="again"))
    with pytest.raises(SpecError, match=r"found 2: 1 .collect., 3 .collect."):
        find_entry(ledger, subject("raw 1").sha256)
    with pytest.raises(SpecError, match="no entry"):
        find_entry(ledger, "0" * 64)
    with pytest.raises(SpecError, match="below 4"):
        prove_inclusion(ledger, 4)
