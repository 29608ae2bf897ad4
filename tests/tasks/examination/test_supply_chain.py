"""An examination in an environment that drifted does not pass, and what it ran in is in the store."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assay.records import Verdict, combined_verdict
from assay.store import FileStore
from tasks.examination.case import Examined
from tasks.examination.supply_chain import examine_supply_chain
from tasks.supply_chain.cyclonedx import validate
from tasks.supply_chain.packages import installed_packages
from tests.tasks.supply_chain.site_packages import Site


def examine(store: FileStore) -> Examined:
    case: Any = SimpleNamespace(store=store, say=print)
    return examine_supply_chain(case)


def test_sbom_is_put_away_and_without_a_lock_says_so(
    store: FileStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    found = examine(store)
    facts: Any = found.facts
    bom = json.loads(store.read(facts["sbom"]))
    validate(bom)
    assert facts["components"] == len(bom["components"]) == len(installed_packages())
    assert facts["files"]["hashed"] > 10_000
    assert found.checks[0].verdict is Verdict.PASSED and "no lock to compare with" in found.checks[0].detail
    assert "no lock" in facts["lock"]["problem"]


def test_drifted_environment_fails_and_says_what_drifted(
    store: FileStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Site(tmp_path).add("web").add("core").install(monkeypatch)
    (tmp_path / ".installed-from-lock").write_text("web==1.0\ncore==2.0\n")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    found = examine(store)
    facts: Any = found.facts
    assert combined_verdict(found.checks) is Verdict.FAILED
    assert facts["lock"]["drifted"] == ["core 1.0, locked 2.0"] and not facts["lock"]["matches"]
