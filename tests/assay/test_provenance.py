"""The environment is told as the packages' own metadata tell it."""

import importlib.metadata
from pathlib import Path

import pytest

from assay.provenance import environment_list


def test_environment_is_what_the_metadata_parsed_whole_says() -> None:
    told = [one.metadata for one in importlib.metadata.distributions()]
    assert environment_list().decode().splitlines() == sorted({f"{one['Name']}=={one['Version']}" for one in told})


def test_only_the_head_of_the_metadata_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "odd-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nVersion:  1.0 \nName: odd\n\nName: other\nVersion: 2.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    environment_list.cache_clear()
    try:
        lines = environment_list().decode().splitlines()
    finally:
        environment_list.cache_clear()
    assert "odd==1.0" in lines
    assert not any(line.startswith("other==") for line in lines)
