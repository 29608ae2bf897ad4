"""An auditor needs the bundle and the public keys, nothing else; a changed bundle is named."""

import json
import random
import zipfile

import pytest

from assay.audit_bundle import export_bundle, verify_bundle
from assay.errors import IntegrityError, SpecError
from assay.ledger import Ledger
from assay.signing import KeyRing
from tests.assay.test_ledger import envelope, fill, report


@pytest.fixture
def bundle(ledger, keys, tmp_path):
    fill(ledger, keys, 4)
    assert export_bundle(ledger, tmp_path / "keys", tmp_path / "bundle.zip") == 4
    return tmp_path / "bundle.zip"


def rewrite(bundle, change):
    """The bundle with its entries changed by `change(list of dict)`."""
    with zipfile.ZipFile(bundle) as old:
        files = {name: old.read(name) for name in old.namelist()}
    entries = [json.loads(line) for line in files["entries.jsonl"].splitlines()]
    files["entries.jsonl"] = b"".join(json.dumps(entry).encode() + b"\n" for entry in change(entries))
    with zipfile.ZipFile(bundle, "w") as new:
        for name, data in files.items():
            new.writestr(name, data)


def test_bundle_verifies_without_a_database(bundle):
    found = verify_bundle(bundle, None)
    assert (found.ok, found.entries) == (True, 4)


def test_dropped_tail_is_found(bundle):
    rewrite(bundle, lambda entries: entries[:-1])
    assert "dropped" in verify_bundle(bundle, None).broken[0].reason


def test_changed_entry_is_named(bundle):
    rewrite(bundle, lambda entries: [e if e["seq"] != 2 else {**e, "verdict": "failed"} for e in entries])
    assert verify_bundle(bundle, None).broken[0].seq == 2


def test_keys_of_a_stranger_do_not_verify(bundle, tmp_path):
    KeyRing.open(tmp_path / "other")
    assert len(verify_bundle(bundle, tmp_path / "other").broken) >= 4


def test_existing_file_is_kept(bundle, ledger, tmp_path):
    before = bundle.read_bytes()
    with pytest.raises(SpecError, match="another name"):
        export_bundle(ledger, tmp_path / "keys", bundle)
    assert bundle.read_bytes() == before


def test_bundle_with_one_flipped_bit_never_verifies_as_something_else(bundle):
    whole, random_bits = bundle.read_bytes(), random.Random(0)
    before = verify_bundle(bundle, None)
    for place in random_bits.sample(range(len(whole)), 150):
        changed = bytearray(whole)
        changed[place] ^= 1 << random_bits.randrange(8)
        bundle.write_bytes(changed)
        try:
            found = verify_bundle(bundle, None)
        except IntegrityError:
            continue
        # Timestamps and the like are nobody's evidence.
        assert found.broken or found == before


def test_append_in_the_middle_of_an_export_leaves_a_whole_bundle(ledger, keys, settings, tmp_path, monkeypatch):
    fill(ledger, keys, 4)
    writer, rows = Ledger.open(settings), ledger.rows

    def rows_and_more(*arguments):
        yield from rows(*arguments)
        writer.append(envelope(keys, report(99)))

    monkeypatch.setattr(ledger, "rows", rows_and_more)
    assert export_bundle(ledger, tmp_path / "keys", tmp_path / "bundle.zip") == 4
    assert (verify_bundle(tmp_path / "bundle.zip", tmp_path / "keys").broken, writer.size()) == ((), 5)
    writer.close()
