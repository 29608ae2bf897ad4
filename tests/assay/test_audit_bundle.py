"""An auditor needs the bundle and the public keys, nothing else; a changed bundle is named."""

import json
import random

import pytest

from assay.audit.bundle import verify_bundle
from assay.audit.outside import Outside
from assay.audit_bundle import export_bundle
from assay.checkpoint import Checkpoint
from assay.digests import canonical_json
from assay.errors import IntegrityError, SpecError
from assay.ledger import Ledger
from assay.ledger_tables import LogTables
from assay.signing import KeyRing
from tests.assay.test_ledger import envelope, fill, report


@pytest.fixture
def bundle(ledger, keys, tmp_path):
    fill(ledger, keys, 4)
    assert export_bundle(ledger, tmp_path / "bundle") == 4
    return tmp_path / "bundle"


def rewrite(bundle, change):
    """The bundle with its entries changed by `change(list of dict)`, spelled as it should be."""
    header, *lines = bundle.read_bytes().splitlines()
    entries = change([json.loads(line) for line in lines])
    header = canonical_json({**json.loads(header), "lines": len(entries)})
    bundle.write_bytes(b"".join(line + b"\n" for line in (header, *map(canonical_json, entries))))


def kinds(found):
    return [(one.kind.value, one.seq) for one in found.broken]


def test_bundle_verifies_without_a_database(bundle, keys):
    for trusted in (keys, None):
        found = verify_bundle(bundle, trusted)
        assert (found.ok, found.entries, found.checkpoint.split("\n")[1]) == (True, 4, "4")


def test_two_bundles_of_one_log_are_the_same_bytes(bundle, ledger, tmp_path):
    export_bundle(ledger, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == bundle.read_bytes()


def test_dropped_tail_is_found_by_a_checkpoint_from_elsewhere(bundle, keys, ledger):
    kept = Outside("mine", Checkpoint.verified(ledger.checkpoint(), keys))
    assert verify_bundle(bundle, keys, [kept]).ok
    rewrite(bundle, lambda entries: entries[:-1])
    assert kinds(verify_bundle(bundle, keys, [kept])) == [("tail_dropped", 3)]


def test_removed_entry_is_named(bundle, keys):
    rewrite(bundle, lambda entries: [entry for entry in entries if entry["seq"] != 2])
    assert kinds(verify_bundle(bundle, keys)) == [("removed", 2)]


def test_swapped_entries_are_named(bundle, keys):
    def swap(entries):
        entries[1]["envelope"], entries[2]["envelope"] = entries[2]["envelope"], entries[1]["envelope"]
        return entries

    rewrite(bundle, swap)
    assert kinds(verify_bundle(bundle, keys)) == [("reordered", 1), ("reordered", 2)]


def test_keys_of_a_stranger_do_not_verify(bundle, tmp_path):
    found = verify_bundle(bundle, KeyRing.open(tmp_path / "other"))
    assert {one.kind.value for one in found.broken} == {"unknown_key"}


def test_existing_file_is_kept(bundle, ledger):
    before = bundle.read_bytes()
    with pytest.raises(SpecError, match="another name"):
        export_bundle(ledger, bundle)
    assert bundle.read_bytes() == before


def test_every_flipped_byte_is_found_and_its_place_named(bundle, keys):
    whole, chance = bundle.read_bytes(), random.Random(0)
    lines = whole.splitlines(keepends=True)
    starts = [sum(map(len, lines[:number])) for number in range(len(lines))]
    places = {*chance.sample(range(len(whole)), 400), 0, len(whole) - 1, *starts, *(start - 1 for start in starts[1:])}
    for place in places:
        changed = bytearray(whole)
        changed[place] ^= 1 << chance.randrange(8)
        bundle.write_bytes(changed)
        try:
            broken = verify_bundle(bundle, keys).broken
        except IntegrityError as error:
            assert "line 1" in str(error)
            assert place < len(lines[0])
            continue
        line = sum(start <= place for start in starts)
        assert any(line - 3 <= one.seq <= line - 1 for one in broken), (place, line, broken)


@pytest.mark.parametrize("tail", [b"\n", b" ", b"\x00", b"{}\n", b"null\n"])
def test_bytes_after_the_end_are_found(bundle, keys, tail):
    bundle.write_bytes(bundle.read_bytes() + tail)
    assert not verify_bundle(bundle, keys).ok


@pytest.mark.parametrize("content", [b"", b"\n", b"{}\n", b"PK\x03\x04", b"[" * 100_000])
def test_another_file_is_no_bundle(tmp_path, keys, content):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(IntegrityError, match="line 1"):
        verify_bundle(tmp_path / "file", keys)


def test_append_in_the_middle_of_an_export_leaves_a_whole_bundle(ledger, keys, settings, tmp_path, monkeypatch):
    fill(ledger, keys, 4)
    writer, entries = Ledger.open(settings), LogTables.entries

    def entries_and_more(tables):
        yield from entries(tables)
        writer.append(envelope(keys, report(99)))

    monkeypatch.setattr(LogTables, "entries", entries_and_more)
    assert export_bundle(ledger, tmp_path / "bundle") == 4
    assert (verify_bundle(tmp_path / "bundle", keys).broken, writer.size()) == ((), 5)
    writer.close()
