from datetime import UTC, datetime
from pathlib import Path

import pytest

from assay.errors import IntegrityError, SpecError
from assay.sources.landing import Landing, checksums_of, matching


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(tmp_path / "landing", tmp_path, datetime.now(UTC))


@pytest.mark.parametrize("name", ["../keys/secret", "a/../../b", "/etc/passwd"])
def test_a_file_name_that_leads_out_of_the_folder_is_refused(landing: Landing, name: str) -> None:
    with pytest.raises(SpecError, match="inside the source"):
        landing.place(name)


def test_two_files_of_one_name_are_refused(landing: Landing) -> None:
    landing.place("data/a.csv").write_text("1")
    with pytest.raises(SpecError, match="two sources bring a file"):
        landing.place("data/a.csv")


def test_a_changed_checksum_is_refused_and_the_file_is_gone(landing: Landing) -> None:
    landing.place("a.csv").write_text("changed")
    with pytest.raises(IntegrityError, match="expected sha256 0000"):
        landing.landed("a.csv", "file:a.csv", "0" * 64)
    assert not (landing.folder / "a.csv").exists()


def test_globs_reach_into_folders() -> None:
    names = ["a.csv", "data/b.csv", "data/deep/c.txt"]
    assert matching(names, "*", "x") == names
    assert matching(names, "**/*.csv", "x") == ["a.csv", "data/b.csv"]
    assert matching(names, "data/*", "x") == ["data/b.csv", "data/deep/c.txt"]


def test_a_glob_that_finds_nothing_shows_what_is_there() -> None:
    with pytest.raises(SpecError, match=r"no file matches '\*.tsv' among 1 \(a.csv\)"):
        matching(["a.csv"], "*.tsv", "x")


def test_a_checksum_for_a_file_that_is_not_fetched_gets_a_near_miss() -> None:
    with pytest.raises(SpecError, match="did you mean 'train"):
        checksums_of({"trian.csv": "0" * 64}, ["train.csv"], "x")
