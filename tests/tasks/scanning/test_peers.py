"""The same files beside picklescan: nothing it finds is let pass here, and what it lets pass is known."""

from pathlib import Path

import pytest
from picklescan.scanner import scan_file_path

from tests.tasks.scanning.pickle_gadgets import GADGETS
from tests.tasks.scanning.test_hostile_files import HOSTILE, look_at


@pytest.fixture(scope="module")
def found_by_picklescan(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder = tmp_path_factory.mktemp("peers")
    return {name for name, data in HOSTILE.items() if _is_found(folder / name, data)}


def _is_found(path: Path, data: bytes) -> bool:
    path.write_bytes(data)
    try:
        result = scan_file_path(str(path))
    except Exception:  # noqa: BLE001 - a scan that breaks off lets nothing pass
        return True
    return bool(result.infected_files or result.scan_err)


def test_whatever_picklescan_finds_is_refused(found_by_picklescan: set[str]) -> None:
    assert not {name for name in found_by_picklescan if not look_at(HOSTILE[name], name).findings}


def test_picklescan_lets_gadgets_pass_that_are_refused_here(found_by_picklescan: set[str]) -> None:
    """Should this fail, the peer has learned them: say so in docs/reference/scan.md."""
    missed = set(GADGETS) - found_by_picklescan
    assert {"numpy_load.pkl", "importlib.pkl", "keras_get_file.pkl", "dotted_through_sklearn.pkl"} & missed
