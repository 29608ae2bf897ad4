"""`assay audit` answers with exit codes and names; what is no tampering is not called so."""

import json
import sys

import pytest

import assay.cli
from assay.checkpoint import Checkpoint
from tests.assay.test_ledger import fill, superuser


@pytest.fixture
def audit(settings, monkeypatch, capsys):
    """Runs `assay audit ...`; returns (exit code, stdout) and keeps stderr as `errors`."""
    monkeypatch.setenv("ASSAY_HOME", str(settings.home))
    monkeypatch.setenv("ASSAY_KEYS", str(settings.keys))
    monkeypatch.setenv("ASSAY_DATABASE_URL", settings.database_url.get_secret_value())

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["assay", "audit", *map(str, arguments)])
        code = 0
        try:
            assay.cli.main()
        except SystemExit as stop:
            code = stop.code or 0
        said = capsys.readouterr()
        run.errors = said.err
        return code, said.out

    return run


def test_whole_ledger_verifies_with_exit_0(audit, ledger, keys):
    fill(ledger, keys, 3)
    code, out = audit("verify", "--json")
    found = json.loads(out)
    assert (code, found["ok"], found["entries"], found["broken"]) == (0, True, 3, [])
    assert found["checkpoint"] == ledger.checkpoint()


def test_changed_ledger_ends_with_exit_3_and_names_the_entry(audit, ledger, keys):
    fill(ledger, keys, 3)
    with superuser(ledger) as connection:
        connection.execute("UPDATE assay_ledger.entries SET envelope = replace(envelope, 'eyJ', 'eyK') WHERE seq = 1")
    code, out = audit("verify", "--json")
    first = json.loads(out)["broken"][0]
    assert (code, first["seq"], set(first)) == (3, 1, {"seq", "subject", "kind", "reason"})
    code, out = audit("verify")
    assert (code, "entry 1 " in out) == (3, True)


def test_exported_bundle_verifies_with_the_auditors_keys(audit, ledger, keys, settings, tmp_path):
    fill(ledger, keys, 3)
    bundle = tmp_path / "bundle.jsonl"
    code, out = audit("export", "--out", bundle, "--json")
    assert (code, json.loads(out)) == (0, {"path": str(bundle), "entries": 3})
    code, out = audit("verify", "--bundle", bundle, "--keys", settings.keys)
    assert (code, out) == (0, "3 entries: every signature, digest and proof holds\n")


def test_misuse_is_exit_2_and_writes_nothing(audit, ledger, keys, tmp_path):
    empty = audit("export", "--out", tmp_path / "bundle.jsonl")
    fill(ledger, keys, 1)
    nowhere = audit("export", "--out", tmp_path / "no folder" / "bundle.jsonl")
    assert [code for code, _ in (empty, nowhere)] == [2, 2]
    assert not list(tmp_path.glob("*bundle*"))
    audit("export", "--out", tmp_path / "bundle.jsonl")
    no_keys = audit("verify", "--bundle", tmp_path / "bundle.jsonl", "--keys", tmp_path / "nowhere")
    no_bundle = audit("verify", "--bundle", tmp_path / "none.zip")
    assert [code for code, _ in (no_keys, no_bundle)] == [2, 2]


def test_malformed_database_url_is_exit_2_and_kept_secret(audit, monkeypatch):
    monkeypatch.setenv("ASSAY_DATABASE_URL", "postgresql://assay:%zhunter2@127.0.0.1/assay")
    code, _ = audit("verify")
    assert code == 2
    assert "ASSAY_DATABASE_URL" in audit.errors
    assert "hunter2" not in audit.errors


def test_checkpoint_that_somebody_kept_is_compared(audit, ledger, keys, settings, tmp_path):
    fill(ledger, keys, 2)
    kept = tmp_path / "kept"
    kept.write_text(Checkpoint(3, b"r" * 32).signed(keys))
    assert audit("verify")[0] == 0
    code, out = audit("verify", "--checkpoint", kept, "--json")
    assert (code, [one["kind"] for one in json.loads(out)["broken"]]) == (3, ["restored_backup"])
    assert audit("verify", "--checkpoint", tmp_path / "none")[0] == 2
    assert audit("verify", "--keys", settings.keys)[0] == 2


def test_proofs_are_written_and_checked_without_the_database(audit, ledger, keys, settings, tmp_path, monkeypatch):
    fill(ledger, keys, 3)
    old = tmp_path / "old.checkpoint"
    old.write_text(ledger.checkpoint())
    fill(ledger, keys, 6)
    inclusion, grown = tmp_path / "1.tlog-proof", tmp_path / "grown"
    assert audit("prove", "1", "--out", inclusion) == (0, f"{inclusion}\n")
    assert audit("consistency", old, "--out", grown)[0] == 0
    assert json.loads(audit("prove", "1", "--json")[1])["checkpoint"] == ledger.checkpoint()
    monkeypatch.delenv("ASSAY_DATABASE_URL")
    code, out = audit("check-proof", inclusion, "--keys", settings.keys, "--json")
    assert (code, json.loads(out)) == (0, {"ok": True, "seq": 1, "size": 6})
    code, out = audit("check-proof", grown, "--old", old, "--keys", settings.keys, "--json")
    assert (code, json.loads(out)) == (0, {"ok": True, "old_size": 3, "size": 6})
    inclusion.write_text(inclusion.read_text().replace("index 1", "index 2"))
    assert audit("check-proof", inclusion, "--keys", settings.keys)[0] == 3
    assert audit("check-proof", grown, "--keys", settings.keys)[0] == 2


def test_keys_change_hands_by_command(audit, ledger, keys):
    fill(ledger, keys, 1)
    first = {key["role"]: key for key in json.loads(audit("keys", "--json")[1])["keys"]}
    assert {(role, key["state"]) for role, key in first.items()} == {
        (role, "in_use") for role in ("producer", "gate", "approver", "ledger")
    }
    code, out = audit("rotate-key", "gate", "--overlap", "2", "--json")
    rotated = json.loads(out)
    assert (code, rotated["old"], rotated["entry"]) == (0, first["gate"]["keyid"], 1)
    code, out = audit("revoke-key", rotated["old"][:16], "--reason", "laptop lost", "--since", "2020-01-01", "--json")
    assert (code, json.loads(out)["entry"]) == (0, 2)
    states = {key["keyid"]: key["state"] for key in json.loads(audit("keys", "--json")[1])["keys"]}
    assert (states[rotated["old"]], states[rotated["new"]]) == ("revoked", "in_use")
    assert "laptop lost" in audit("keys")[1]
    assert audit("verify")[0] == 0
    assert audit("rotate-key", "janitor")[0] == 2
    assert audit("revoke-key", rotated["new"], "--reason", "x", "--since", "yesterday")[0] == 2


def test_verifier_is_written_once(audit, tmp_path):
    out = tmp_path / "verify.pyz"
    assert audit("verifier", "--out", out)[0] == 0
    assert out.read_bytes().startswith(b"#!/usr/bin/env python3")
    assert audit("verifier", "--out", out)[0] == 2
