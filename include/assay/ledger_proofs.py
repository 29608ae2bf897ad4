"""Proofs from the ledger in PostgreSQL, each checked against the signed root before anybody sees it."""

from assay.audit.proof_file import ConsistencyProof, InclusionProof
from assay.checkpoint import Checkpoint
from assay.errors import IntegrityError, SpecError
from assay.ledger import Ledger


def prove_inclusion(ledger: Ledger, seq: int) -> InclusionProof:
    """That entry `seq` is in the log as it is now.

    Raises SpecError for a number the log does not reach, IntegrityError when the entry or the tree was changed.
    """
    with ledger.snapshot():
        note = ledger.checkpoint()
        size = Checkpoint.verified(note, ledger.keys).size if note else 0
        if not 0 <= seq < size:
            raise SpecError(f"entry {seq}: expected a number below {size}, the size of the log; name one that is there")
        envelope = next((row.envelope for row in ledger.rows(seq, 1) if row.seq == seq), None)
        if envelope is None:
            raise IntegrityError(f"ledger entry {seq}: expected a row, found none; it was removed", kind="removed")
        proof = InclusionProof(seq, envelope, tuple(ledger.inclusion(seq, size)), note)
    proof.verify(ledger.keys)
    return proof


def prove_consistency(ledger: Ledger, old_note: str) -> ConsistencyProof:
    """That the log which `old_note` signs for is a prefix of the log as it is now.

    Raises IntegrityError: `edited` for a note that was changed, `restored_backup` for one of more entries than there
    are, `forked` when the log has another past.
    """
    old = Checkpoint.verified(old_note, ledger.keys)
    with ledger.snapshot():
        note = ledger.checkpoint()
        size = Checkpoint.verified(note, ledger.keys).size if note else 0
        if old.size > size:
            raise IntegrityError(
                f"the checkpoint signs for {old.size} entries, the log has {size}; its tail was dropped or it was "
                "restored from a backup: run `assay audit verify`",
                kind="restored_backup",
            )
        if not old.size:
            raise SpecError("expected a checkpoint of at least one entry, found one of an empty log; bring a later one")
        proof = ConsistencyProof(old.size, tuple(ledger.consistency(old.size, size)), note)
    proof.verify(old_note, ledger.keys)
    return proof


def find_entry(ledger: Ledger, name: str) -> int:
    """The number that `name` means: itself, or the digest of an envelope or of a subject with one entry.

    Raises SpecError when nothing, or more than one entry, goes by that name.
    """
    if name.isdecimal() and len(name) < 19:
        return int(name)
    statement = ledger.with_sha256(name)
    if statement is not None:
        return statement.seq
    about = ledger.find(subject_sha256=name, newest_first=False)
    if len(about) == 1:
        return about[0].seq
    if about:
        named = ", ".join(f"{entry.seq} ({entry.report.step.value})" for entry in about[:10])
        raise SpecError(f"{name[:16]}…: expected one entry, found {len(about)}: {named}; name one by its number")
    raise SpecError(f"{name}: expected a number, or the digest of a statement or subject, found no entry; check it")
