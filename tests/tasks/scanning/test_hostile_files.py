"""Every hostile file is refused, whatever its name, and nothing in it stops the scan."""

import tracemalloc
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.records import Verdict
from tasks.scanning.finding import Judged
from tasks.scanning.formats import scan_region
from tasks.scanning.region import Region, in_memory
from tasks.scanning.scan_paths import scan_paths
from tests.tasks.scanning.hostile_archives import ARCHIVES, SYSTEM
from tests.tasks.scanning.hostile_entries import ENTRIES
from tests.tasks.scanning.hostile_models import MODELS, entry, safetensors
from tests.tasks.scanning.pickle_gadgets import GADGETS

HOSTILE: Mapping[str, bytes] = {**GADGETS, **ARCHIVES, **MODELS}


def look_at(data: bytes, name: str = "model") -> Judged:
    return scan_region(in_memory(data), name, Path("/nonexistent"))


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_is_refused(name: str) -> None:
    judged = look_at(HOSTILE[name], name)
    assert judged.findings, f"{name} passed as {judged.format}"
    assert all(found.detail.isprintable() and len(found.detail) <= 300 for found in judged.findings)


@pytest.mark.parametrize("name", GADGETS)
def test_gadget_stays_refused_under_a_name_that_promises_nothing(name: str) -> None:
    if GADGETS[name].isascii() and name in ("persistent_line.pkl",):
        pytest.skip("plain text to every unpickler that has no names of its own")
    if name.startswith("benign_as"):
        pytest.skip("only its name is wrong")
    assert look_at(GADGETS[name]).findings


@pytest.mark.parametrize("name", ENTRIES)
def test_hostile_folder_is_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    ENTRIES[name](folder)
    report = scan_paths([folder])
    assert report.verdict is Verdict.FAILED, [one.format for one in report.files]


def test_link_named_outright_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("fine\n")
    (tmp_path / "b.txt").symlink_to("a.txt")
    assert scan_paths([tmp_path / "b.txt"]).verdict is Verdict.FAILED


def test_one_hostile_file_among_sound_ones_fails_the_folder(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.txt").write_text("fine\n")
    (tmp_path / "d.bin").write_bytes(SYSTEM)
    report = scan_paths([tmp_path])
    assert report.verdict is Verdict.FAILED
    assert [Path(one.path).name for one in report.files if one.findings] == ["d.bin"]


def test_hostile_name_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "a\x1b[2J\n.txt").write_text("fine\n")
    (scanned,) = scan_paths([tmp_path]).files
    assert scanned.path.isprintable()


@given(st.sampled_from(sorted(HOSTILE)), st.data())
@settings(max_examples=150)
def test_scan_of_any_broken_content_ends_in_a_verdict(name: str, data: st.DataObject) -> None:
    content = bytearray(HOSTILE[name][:20_000])
    for _ in range(data.draw(st.integers(0, 4))):
        if content:
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    judged = look_at(bytes(content[:cut]))
    assert all(found.rule != "unreadable" for found in judged.findings), judged.findings


@given(st.binary(max_size=200))
def test_scan_of_any_bytes_ends_in_a_verdict(content: bytes) -> None:
    assert all(found.rule != "unreadable" for found in look_at(content).findings)


def test_memory_does_not_grow_with_the_tensors(tmp_path: Path) -> None:
    size = 1 << 30
    path = tmp_path / "model.safetensors"
    with path.open("wb") as file:
        head = safetensors({"w": entry(0, size, (size,))}, b"")
        file.write(head)
        file.truncate(len(head) + size)
    with path.open("rb") as file:
        tracemalloc.start()
        judged = scan_region(Region(file, 0, len(head) + size), path.name)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert not judged.findings and peak < 16 << 20
