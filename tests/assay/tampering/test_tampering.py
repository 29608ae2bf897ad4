"""The tampering suite: what is done to a log is found, and named by what was done. One attack a test."""

import base64
import contextlib
import json
import subprocess

import psycopg
import pytest
from pydantic import SecretStr

from assay.audit.findings import Kind
from assay.checkpoint import Checkpoint
from assay.errors import IntegrityError
from assay.ledger import Ledger
from assay.ledger_verification import verify_ledger
from assay.records import Step
from assay.signing import Envelope, KeyRing, KeyRole
from assay.stack.postgres import postgres_binary
from tests.assay.tampering.attacker import Attacker
from tests.assay.test_ledger import envelope, fill, report

SIZE = 8


@pytest.fixture
def log(ledger, keys):
    """Eight entries, and nothing wrong with them."""
    fill(ledger, keys, SIZE)
    return ledger


@pytest.fixture
def attacker(log):
    return Attacker(log)


def named(ledger, keys):
    return [(one.kind, one.seq) for one in verify_ledger(ledger, keys).broken]


def envelope_of(ledger, seq):
    return Envelope.from_bytes(next(ledger.rows(seq)).envelope.encode())


def test_untouched_log_has_no_finding(log, keys):
    found = verify_ledger(log, keys)
    assert (found.broken, found.suspects, found.entries) == ((), (), SIZE)


# --- edit


def test_changed_column_is_an_edit(attacker, log, keys):
    attacker.sql("UPDATE assay_ledger.entries SET verdict = 'failed' WHERE seq = 3")
    assert named(log, keys) == [(Kind.EDITED, 3)]


def test_changed_index_of_subjects_is_an_edit(attacker, log, keys):
    attacker.sql("UPDATE assay_ledger.subjects SET sha256 = repeat('0', 64) WHERE seq = 1")
    assert named(log, keys) == [(Kind.EDITED, 1)]


def test_changed_statement_is_an_edit(attacker, log, keys):
    outer = json.loads(next(log.rows(2)).envelope)
    payload = base64.b64decode(outer["payload"]).replace(b"passed", b"failed")
    outer["payload"] = base64.b64encode(payload).decode()
    text = json.dumps(outer, sort_keys=True, separators=(",", ":"))
    attacker.connection.execute("UPDATE assay_ledger.entries SET envelope = %s WHERE seq = 2", (text,))
    assert named(log, keys) == [(Kind.EDITED, 2)]


def test_statement_signed_anew_with_a_stolen_key_is_an_edit(attacker, log, keys):
    attacker.sql("DELETE FROM assay_ledger.subjects WHERE seq = 2", "DELETE FROM assay_ledger.entries WHERE seq = 2")
    attacker.insert(2, envelope(keys, report(99)))
    assert named(log, keys) == [(Kind.EDITED, 2)]


def test_edit_that_also_mends_the_stored_tree_is_named_once(attacker, log, keys):
    attacker.sql("DELETE FROM assay_ledger.subjects WHERE seq = 3", "DELETE FROM assay_ledger.entries WHERE seq = 3")
    forged = envelope(keys, report(99))
    attacker.insert(3, forged)
    leaf = "sha256('\\x00'::bytea || convert_to(envelope, 'UTF8'))"
    attacker.sql(f"UPDATE assay_ledger.checkpoints SET nodes[1] = (SELECT {leaf} FROM assay_ledger.entries "
                 "WHERE seq = 3) WHERE size = 4")  # fmt: skip
    assert named(log, keys) == [(Kind.EDITED, 3)]


def test_changed_node_of_the_tree_is_an_edit(attacker, log, keys):
    attacker.sql("UPDATE assay_ledger.checkpoints SET nodes[2] = sha256('forged') WHERE size = 4")
    assert named(log, keys) == [(Kind.EDITED, 3)]


def test_changed_checkpoint_is_an_edit(attacker, log, keys):
    attacker.sql("UPDATE assay_ledger.checkpoints SET note = replace(note, E'\\n3\\n', E'\\n9\\n') WHERE size = 3")
    assert named(log, keys) == [(Kind.EDITED, 2)]


# --- delete


def test_removed_entry_is_named(attacker, log, keys):
    attacker.sql("DELETE FROM assay_ledger.subjects WHERE seq = 3", "DELETE FROM assay_ledger.entries WHERE seq = 3")
    assert named(log, keys) == [(Kind.REMOVED, 3)]


def test_entry_removed_with_all_its_traces_is_named(attacker, log, keys):
    attacker.sql(
        "DELETE FROM assay_ledger.checkpoints WHERE size = 4",
        "DELETE FROM assay_ledger.subjects WHERE seq = 3",
        "DELETE FROM assay_ledger.entries WHERE seq = 3",
    )
    assert named(log, keys) == [(Kind.REMOVED, 3)]


def test_entry_removed_and_the_later_ones_renumbered_is_named(attacker, log, keys):
    attacker.sql("DELETE FROM assay_ledger.subjects WHERE seq = 3", "DELETE FROM assay_ledger.entries WHERE seq = 3")
    attacker.shift(4, by=-1)
    assert named(log, keys) == [(Kind.REMOVED, 3)]


def test_removed_checkpoint_is_named(attacker, log, keys):
    attacker.sql("DELETE FROM assay_ledger.checkpoints WHERE size = 4")
    assert named(log, keys) == [(Kind.REMOVED, 3)]


def test_removed_last_checkpoint_is_named_although_no_root_follows(attacker, log, keys):
    attacker.sql("DELETE FROM assay_ledger.checkpoints WHERE size = 8")
    assert named(log, keys) == [(Kind.REMOVED, 7)]


# --- insert


def test_row_put_behind_the_last_is_an_insertion(attacker, log, keys):
    attacker.insert(SIZE, envelope(keys, report(99)))
    assert named(log, keys) == [(Kind.INSERTED, SIZE)]


def test_row_put_between_others_is_an_insertion(attacker, log, keys):
    attacker.shift(3, by=1)
    attacker.insert(3, envelope(keys, report(99)))
    assert named(log, keys) == [(Kind.INSERTED, 3)]


def test_row_put_before_the_first_is_an_insertion(attacker, log, keys):
    attacker.insert(-1, envelope(keys, report(99)))
    assert named(log, keys) == [(Kind.INSERTED, -1)]


# --- reorder


def test_swapped_rows_are_a_reordering(attacker, log, keys):
    attacker.swap(2, 5)
    assert named(log, keys) == [(Kind.REORDERED, 2), (Kind.REORDERED, 5)]


# --- truncate


def test_dropped_tail_is_named_by_its_checkpoints(attacker, log, keys):
    attacker.sql("DELETE FROM assay_ledger.subjects WHERE seq >= 6", "DELETE FROM assay_ledger.entries WHERE seq >= 6")
    assert named(log, keys) == [(Kind.TAIL_DROPPED, 6)]


@pytest.mark.parametrize("size", [0, 1, 6])
def test_tail_dropped_with_all_its_traces_is_named_by_the_checkpoint_outside(attacker, log, keys, size):
    attacker.truncate(size)
    assert named(log, keys) == [(Kind.TAIL_DROPPED, size)]


# --- fork


def test_history_rewritten_with_stolen_keys_is_a_fork(attacker, log, keys):
    genuine = [envelope_of(log, seq) for seq in range(SIZE)]
    attacker.rewrite([*genuine[:3], envelope(keys, report(99)), *genuine[4:]])
    assert named(log, keys) == [(Kind.FORKED, SIZE - 1)]


def test_two_logs_of_one_past_are_a_fork(log, keys, settings, postgres_server):
    with copied(settings, postgres_server, log) as other:
        other.append(envelope(keys, report(50)))
        other.append(envelope(keys, report(51)))
        # The other log wrote its checkpoint outside, this one grows by other entries.
        outside = log.mirror.path.read_bytes()
        log.mirror.path.unlink()
        log.append(envelope(keys, report(60)))
        log.append(envelope(keys, report(61)))
        log.mirror.path.write_bytes(outside)
        assert named(log, keys) == [(Kind.FORKED, SIZE + 1)]
        assert named(other, keys) == []


# --- replay


def test_statement_appended_again_is_a_replay(attacker, log, keys):
    attacker.insert(SIZE, envelope_of(log, 2))
    assert named(log, keys) == [(Kind.REPLAYED, SIZE)]


def test_statement_appended_again_with_a_stolen_ledger_key_is_a_replay(attacker, log, keys):
    attacker.append(envelope_of(log, 2))
    assert named(log, keys) == [(Kind.REPLAYED, SIZE)]


def test_statement_shown_as_one_of_another_run_is_a_replay(attacker, log, keys):
    attacker.sql("UPDATE assay_ledger.entries SET run_id = 'another' WHERE seq = 4")
    assert named(log, keys) == [(Kind.REPLAYED, 4)]


def test_statement_copied_into_another_run_is_a_replay(attacker, log, keys):
    attacker.insert(SIZE, envelope_of(log, 2), run_id="another", idempotency_key="0" * 64)
    assert {kind for kind, _ in named(log, keys)} == {Kind.REPLAYED}


# --- keys


def test_producer_key_used_as_gate_is_a_misuse(attacker, log, keys):
    attacker.append(envelope(keys, report(99, step=Step.GATE), role=KeyRole.PRODUCER))
    assert named(log, keys) == [(Kind.KEY_MISUSE, SIZE)]


def test_statement_of_a_stranger_is_named(attacker, log, keys, tmp_path):
    attacker.append(envelope(KeyRing.open(tmp_path / "stranger"), report(99)))
    assert named(log, keys) == [(Kind.UNKNOWN_KEY, SIZE)]


def test_log_signed_by_a_stranger_is_named(attacker, log, keys, tmp_path):
    note = Checkpoint.verified(log.checkpoint(), keys).signed(KeyRing.open(tmp_path / "stranger"))
    attacker.connection.execute("UPDATE assay_ledger.checkpoints SET note = %s WHERE size = %s", (note, SIZE))
    assert named(log, keys) == [(Kind.UNKNOWN_KEY, SIZE - 1)]


# --- checkpoints and backups


def test_older_checkpoint_in_place_of_a_newer_one_is_a_rollback(attacker, log, keys):
    attacker.sql("UPDATE assay_ledger.checkpoints SET note = (SELECT note FROM assay_ledger.checkpoints "
                 "WHERE size = 5) WHERE size = 8")  # fmt: skip
    assert named(log, keys) == [(Kind.CHECKPOINT_ROLLED_BACK, 7)]


def test_database_restored_from_an_old_backup_is_named(log, keys, settings, tmp_path):
    url = settings.database_url.get_secret_value()
    dump = [postgres_binary("pg_dump"), "--format=custom", f"--file={tmp_path / 'backup'}", url]
    subprocess.run(dump, check=True)
    fill(log, keys, SIZE + 3)
    assert named(log, keys) == []
    restore = [postgres_binary("pg_restore"), "--clean", "--if-exists", f"--dbname={url}", tmp_path / "backup"]
    subprocess.run(restore, check=True)
    assert named(log, keys) == [(Kind.RESTORED_BACKUP, SIZE)]
    with pytest.raises(IntegrityError, match="signs for 11 entries"):
        log.append(envelope(keys, report(99)))


@contextlib.contextmanager
def copied(settings, postgres_server, ledger):
    """The database as a backup has it: a copy of this moment."""
    name = ledger.connection.info.dbname
    ledger.connection.close()
    with psycopg.connect(postgres_server, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}_backup TEMPLATE {name}")
        ledger.connection = psycopg.connect(settings.database_url.get_secret_value(), autocommit=True)
        url = psycopg.conninfo.make_conninfo(postgres_server, dbname=f"{name}_backup")
        try:
            there = settings.model_copy(update={"database_url": SecretStr(url)})
            with contextlib.closing(Ledger.open(there)) as backup:
                yield backup
        finally:
            server.execute(f"DROP DATABASE {name}_backup WITH (FORCE)")


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("entries", "seq", "100"),
        ("entries", "at", "at + interval '1 microsecond'"),
        ("entries", "step", "'gate'"),
        ("entries", "pipeline", "'y'"),
        ("entries", "run_id", "'other'"),
        ("entries", "verdict", "'failed'"),
        ("entries", "idempotency_key", "repeat('0', 64)"),
        ("entries", "sha256", "repeat('0', 64)"),
        ("entries", "envelope", "envelope || ' '"),
        ("subjects", "seq", "100"),
        ("subjects", "name", "'dataset/y'"),
        ("subjects", "sha256", "repeat('0', 64)"),
        ("checkpoints", "size", "100"),
        ("checkpoints", "note", "note || E'\\n'"),
        ("checkpoints", "nodes", "nodes || sha256('')"),
        ("checkpoints", "nodes", "'{}'"),
    ],
)
def test_no_column_can_be_changed_unseen(attacker, log, keys, table, column, value):
    key = "size" if table == "checkpoints" else "seq"
    attacker.sql(f"UPDATE assay_ledger.{table} SET {column} = {value} WHERE {key} = 4")
    assert named(log, keys)
