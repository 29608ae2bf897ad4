"""Suggested expectations hold for the version they come from, and fail for one that is worse."""

from typing import Any

import numpy as np
import pytest

from assay.dataset import load_dataset
from assay.errors import SpecError
from assay.records import Verdict
from assay.suggested_expectations import suggest_expectations, to_yaml, trusted_version
from assay.workbench import Workbench
from tests.tasks.test_validate_dataset import columns_of, make_spec, save, validate


def suggested(bench: Workbench, columns: dict[str, Any]) -> list[dict[str, Any]]:
    version = load_dataset(save(bench, columns), bench.store)
    return [dict(one) for one in suggest_expectations(version, bench.store, bench.workdir)]


def test_they_hold_for_the_version_they_come_from(bench: Workbench) -> None:
    columns = columns_of(city=["oslo", "rome", "bern"] * 20)
    found = suggested(bench, columns)
    assert len(found) >= 6
    report = validate(bench, columns, make_spec(*found))
    failed = [check.name for check in report.checks if check.verdict is not Verdict.PASSED]
    assert failed == ["input_types"], "words need a loader of one's own; every expectation holds"


def test_a_value_out_of_range_and_an_unknown_city_break_them(bench: Workbench) -> None:
    found = suggested(bench, columns_of(city=["oslo", "rome", "bern"] * 20))
    worse = columns_of(city=["oslo", "rome", "atlantis"] * 20, amount=np.linspace(0, 900, 60))
    report = validate(bench, worse, make_spec(*found))
    failed = [check.name for check in report.checks if check.verdict is Verdict.FAILED]
    assert any("be_in_set" in name for name in failed) and any("be_between" in name for name in failed)


def test_they_are_yaml_as_the_spec_takes_it(bench: Workbench) -> None:
    import yaml

    found = suggested(bench, columns_of())
    assert yaml.safe_load(to_yaml(found)) == {"expectations": found}


def test_the_trusted_version_is_the_newest_that_passed(bench: Workbench) -> None:
    with pytest.raises(SpecError, match="expected a version that passed validation"):
        trusted_version(bench.ledger, "two")
    passed = validate(bench, columns_of())
    assert trusted_version(bench.ledger, "two") == passed.inputs["raw"]
