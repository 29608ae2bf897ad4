"""An environment that departs from its lock, or a file from its hash, does not pass; tools beside the project do."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from assay.errors import SpecError
from assay.records import Verdict
from tasks.supply_chain.installed_files import Depth, check_files
from tasks.supply_chain.lock import Lock, lock_of_environment, read_lock
from tasks.supply_chain.packages import installed_packages, needs
from tasks.supply_chain.verify_environment import compare, files_check, lock_check
from tests.tasks.supply_chain.site_packages import Site

HASH = "--hash=sha256:" + "a" * 64


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path).add("web", needs=("core", 'turbo; extra == "fast"')).add("core", **{"core/a.so": "machine"})


def lock(folder: Path, **versions: str) -> Lock:
    path = folder / "requirements.lock"
    path.write_text("# a lock\n" + "".join(f"{name}=={version}\n" for name, version in versions.items()))
    return read_lock(path)


def problems(site: Site, locked: Lock) -> tuple[str, ...]:
    return compare(installed_packages([str(site.root)]), locked).problems


def test_environment_of_the_lock_passes_with_its_tools(site: Site, tmp_path: Path) -> None:
    site.add("pip").add("assay", needs=("web",))
    locked = lock(tmp_path, web=f"1.0 {HASH}", core=f"1.0 \\\n    {HASH}", linter=f"3 {HASH}")
    check = lock_check(installed_packages([str(site.root)]), locked)
    assert check.verdict is Verdict.PASSED, check.detail
    assert locked.packages["core"].archives == ("a" * 64,)


@pytest.mark.parametrize(
    ("versions", "told"),
    [
        ({"web": "1.0", "core": f"1.1 {HASH}"}, "core 1.0, locked 1.1"),
        ({"web": f"1.0 {HASH}"}, "core is not in the lock"),
    ],
)
def test_other_version_or_further_package_is_drift(
    site: Site, tmp_path: Path, versions: Mapping[str, str], told: str
) -> None:
    locked = lock(tmp_path, **versions)
    assert problems(site, locked) == (told,)
    check = lock_check(installed_packages([str(site.root)]), locked)
    assert check.verdict is Verdict.FAILED and told in check.detail


def test_package_that_another_needs_must_be_there(tmp_path: Path) -> None:
    site = Site(tmp_path).add("web", needs=("core", 'old; python_version < "3"'))
    locked = lock(tmp_path, web="1.0", core="1.0", old="1.0", linter="1.0")
    assert problems(site, locked) == ("core is missing",)


def test_extra_is_needed_once_somebody_asks_for_it(site: Site, tmp_path: Path) -> None:
    locked = lock(tmp_path, web=f"1.0 {HASH}", core=f"1.0 {HASH}", turbo=f"1.0 {HASH}", user=f"1.0 {HASH}")
    assert not problems(site, locked)
    site.add("user", needs=("web[fast]",))
    assert problems(site, locked) == ("turbo is missing",)
    site.add("turbo")
    assert needs(installed_packages([str(site.root)])).edges["web"] == ("core", "turbo")


def test_build_left_open_brings_its_own(tmp_path: Path) -> None:
    """torch of one machine needs the CUDA libraries that torch of another does not."""
    site = Site(tmp_path).add("torch", "2.0+cuda", needs=("driver",)).add("driver", needs=("glue",)).add("glue")
    assert not problems(site, lock(tmp_path, torch="2.0"))
    assert compare(installed_packages([str(site.root)]), lock(tmp_path, torch="2.0")).brought == ("driver", "glue")
    assert "torch 2.0+cuda, locked 2.0" in problems(site, lock(tmp_path, torch=f"2.0 {HASH}"))


def test_without_a_lock_nothing_was_compared(site: Site) -> None:
    assert lock_check(installed_packages([str(site.root)]), None).verdict is Verdict.NOT_CHECKED


def test_environment_keeps_the_lock_it_came_from(tmp_path: Path) -> None:
    assert lock_of_environment(tmp_path) is None
    kept = tmp_path / ".installed-from-lock"
    kept.touch()
    assert lock_of_environment(tmp_path) is None
    kept.write_text("web==1.0\n")
    assert lock_of_environment(tmp_path) == read_lock(kept)


@pytest.mark.parametrize("text", ["", "# nothing\n", "web>=1.0\n", "-r other.txt\n", "web==1.0 ; extra == 'a'\n"])
def test_lock_that_pins_no_version_is_bad_input(tmp_path: Path, text: str) -> None:
    path = tmp_path / "requirements.lock"
    path.write_text(text)
    with pytest.raises(SpecError):
        read_lock(path)


@pytest.mark.parametrize("depth", Depth)
def test_files_as_recorded_pass(site: Site, depth: Depth) -> None:
    found = check_files(installed_packages([str(site.root)]), depth)
    assert not found.problems and files_check(found, depth).verdict is Verdict.PASSED
    assert found.files == (3 if depth is Depth.ALL else 2)


def attack_source(site: Site) -> str:
    (site.root / "core/__init__.py").write_text("import os")
    return "changed: core: core/__init__.py"


def attack_library_of_another_size(site: Site) -> str:
    (site.root / "core/a.so").write_text("machine and more")
    return "changed: core: core/a.so"


def attack_by_removal(site: Site) -> str:
    (site.root / "core/a.so").unlink()
    return "missing: core: core/a.so"


def attack_by_a_file_that_runs_at_start(site: Site) -> str:
    (site.root / "evil.pth").write_text("import os")
    return "of no package: evil.pth"


def attack_by_a_module_in_a_package(site: Site) -> str:
    (site.root / "core/late.pyc").write_text("")
    return "of no package: core/late.pyc"


@pytest.mark.parametrize("depth", Depth)
@pytest.mark.parametrize(
    "attack",
    [
        attack_source,
        attack_library_of_another_size,
        attack_by_removal,
        attack_by_a_file_that_runs_at_start,
        attack_by_a_module_in_a_package,
    ],
)
def test_changed_missing_and_stray_files_are_found(site: Site, attack: Callable[[Site], str], depth: Depth) -> None:
    told = attack(site)
    found = check_files(installed_packages([str(site.root)]), depth)
    assert found.problems == (told,)
    assert files_check(found, depth).verdict is Verdict.FAILED


def test_library_of_the_same_size_is_found_by_every_hash(site: Site) -> None:
    (site.root / "core/a.so").write_text("MACHINE")
    packages = installed_packages([str(site.root)])
    assert check_files(packages, Depth.ALL).problems == ("changed: core: core/a.so",)
    assert not check_files(packages, Depth.SOURCES).problems


def test_package_without_a_record_is_not_checked(site: Site) -> None:
    (site.root / "core-1.0.dist-info/RECORD").unlink()
    for path in (site.root / "core").iterdir():
        path.unlink()
    found = check_files(installed_packages([str(site.root)]), Depth.ALL)
    assert files_check(found, Depth.ALL).verdict is Verdict.NOT_CHECKED


def test_folders_inside_a_package_are_that_packages_own(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray puts its own copies of psutil and colorama on the path when it is imported."""
    root = site.root
    inside = root / "core" / "thirdparty"
    info = inside / "vendored-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vendored\nVersion: 1.0\n")
    monkeypatch.undo()
    monkeypatch.setattr("sys.path", [str(inside), str(root), *sys.path])
    names = installed_packages().keys()
    assert "core" in names and "vendored" not in names
