"""The lock holds every archive that pip may take on the platforms that are supported, and no other."""

from pathlib import Path
from typing import Any

import pytest

from tasks.supply_chain.hash_lock import lock_text
from tasks.supply_chain.lock import read_lock
from tests.embedded_stack import ROOT


def archive(name: str, digit: str) -> dict[str, Any]:
    return {"url": f"https://index.example/{name}", "hashes": {"sha256": digit * 64}}


def locked(tmp_path: Path, *wheels: str) -> list[str]:
    """The wheels of one package that the lock allows."""
    digits = dict(zip("0123456789abcdef", wheels, strict=False))
    package = {
        "name": "Web_Kit",
        "version": "1.0",
        "wheels": [archive(name, digit) for digit, name in digits.items()],
        "sdist": archive("web_kit-1.0.tar.gz", "f"),
    }
    path = tmp_path / "requirements.lock"
    path.write_text(lock_text({"packages": [package]}))
    digits["f"] = "source"
    return [digits[sha256[0]] for sha256 in read_lock(path).packages["web-kit"].archives]


def test_wheels_of_both_pythons_and_of_the_stable_abi_are_kept(tmp_path: Path) -> None:
    ours = [
        "web_kit-1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "web_kit-1.0-cp312-cp312-manylinux_2_28_x86_64.whl",
        "web_kit-1.0-cp37-abi3-linux_x86_64.whl",
    ]
    others = [
        "web_kit-1.0-cp310-cp310-manylinux_2_17_x86_64.whl",
        "web_kit-1.0-cp313-abi3-manylinux_2_17_x86_64.whl",
        "web_kit-1.0-cp311-cp311-manylinux_2_17_aarch64.whl",
        "web_kit-1.0-cp311-cp311-musllinux_1_2_x86_64.whl",
        "web_kit-1.0-cp311-cp311-macosx_10_9_x86_64.whl",
        "web_kit-1.0-cp311-cp311-win_amd64.whl",
        "web_kit-1.0-pp311-pypy311_pp73-manylinux_2_17_x86_64.whl",
    ]
    assert locked(tmp_path, *ours, *others) == ours


def test_source_is_kept_only_where_no_wheel_fits(tmp_path: Path) -> None:
    assert locked(tmp_path, "web_kit-1.0-py3-none-any.whl") == ["web_kit-1.0-py3-none-any.whl"]
    assert locked(tmp_path, "web_kit-1.0-cp311-cp311-win_amd64.whl") == ["source"]


def test_package_that_pip_could_not_install_is_refused() -> None:
    with pytest.raises(ValueError, match="web"):
        lock_text({"packages": [{"name": "web", "version": "1.0"}]})


def test_lock_of_the_project_hashes_everything_but_open_builds() -> None:
    lock = read_lock(ROOT / "requirements.lock")
    assert len(lock.packages) > 200 and all(one.archives for one in lock.packages.values())
    open_builds = read_lock(ROOT / "requirements.builds")
    assert not any(one.archives for one in open_builds.packages.values())
    assert not open_builds.packages.keys() & lock.packages.keys()
