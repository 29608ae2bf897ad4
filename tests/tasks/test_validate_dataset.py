from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.dataset import DatasetVersion, Shard, save_dataset
from assay.errors import SpecError
from assay.records import RunContext, StepReport, Subject, Verdict
from assay.spec import PipelineSpec
from assay.station import StepRequest, run_station
from assay.workbench import Workbench
from tasks.validate_dataset import validate_dataset

ROWS = 60


def columns_of(**changed: Any) -> dict[str, Any]:
    """A sound dataset of two features and two equally large classes, with some columns changed."""
    generator = np.random.default_rng(0)
    return {
        "row_id": [f"row-{index}" for index in range(ROWS)],
        "amount": generator.uniform(0, 10, ROWS),
        "age": pa.array(generator.integers(18, 90, ROWS)),
        "label": pa.array([index % 2 for index in range(ROWS)]),
        **changed,
    }


def save(bench: Workbench, columns: dict[str, Any]) -> Subject:
    table = pa.table(columns)
    path = bench.workdir / "rows.parquet"
    pq.write_table(table, path)
    shard = Shard("0.parquet", bench.store.put_file(path), path.stat().st_size, table.num_rows)
    types = {field.name: str(field.type) for field in table.schema}
    return save_dataset(DatasetVersion("two", "tabular", "label", types, (shard,), (), "position"), bench.store)


def make_spec(*expectations: dict[str, Any], **data: Any) -> PipelineSpec:
    collector = {"sources": [{"source": "path", "path": "rows"}]}
    return PipelineSpec.model_validate(
        {
            "name": "two",
            "data": {"collector": collector, "expectations": list(expectations), **data},
            "train": {"model": "models.two:Two"},
        }
    )


def validate(bench: Workbench, columns: dict[str, Any], spec: PipelineSpec | None = None) -> StepReport:
    request = StepRequest(spec or make_spec(), RunContext(run_id="run"), {"raw": save(bench, columns)})
    return run_station(validate_dataset, request, bench)


def verdicts(report: StepReport) -> dict[str, Verdict]:
    return {check.name: check.verdict for check in report.checks}


def test_sound_dataset_without_expectations_passes(bench: Workbench) -> None:
    report = validate(bench, columns_of())
    assert report.verdict is Verdict.PASSED, report.checks
    assert report.facts["class_shares"] == {"0": 0.5, "1": 0.5}
    assert bench.store.read(str(report.facts["data_docs"])).startswith(b"<!doctype html>")


@pytest.mark.parametrize(
    ("changed", "check"),
    [
        ({"row_id": ["same"] * ROWS}, "row_ids"),
        ({"row_id": pa.array([None, *map(str, range(1, ROWS))])}, "row_ids"),
        ({"label": pa.array([None, *([0, 1] * ROWS)][:ROWS])}, "labels"),
        ({"label": np.linspace(0, 1, ROWS)}, "labels"),
        ({"label": [1] * ROWS}, "classes"),
        ({"amount": [float("nan"), *([1.0] * (ROWS - 1))]}, "finite_numbers"),
        ({"amount": [float("inf"), *([1.0] * (ROWS - 1))]}, "finite_numbers"),
        ({"amount": [[0.0, float("nan")], *([[1.0, 2.0]] * (ROWS - 1))]}, "finite_numbers"),
    ],
)
def test_broken_column_fails_its_own_check_alone(bench: Workbench, changed: dict[str, Any], check: str) -> None:
    report = validate(bench, columns_of(**changed))
    assert report.verdict is Verdict.FAILED
    assert [name for name, verdict in verdicts(report).items() if verdict is Verdict.FAILED] == [check]


def test_empty_dataset_fails(bench: Workbench) -> None:
    report = validate(bench, {name: pa.array(values)[:0] for name, values in columns_of().items()})
    assert verdicts(report)["rows"] is Verdict.FAILED


def test_unmet_expectation_fails_when_critical_and_only_warns_when_told_so(bench: Workbench) -> None:
    rule = {"expect": "expect_column_values_to_be_between", "arguments": {"column": "age", "min_value": 40}}
    refused = validate(bench, columns_of(), make_spec(rule))
    warned = validate(bench, columns_of(), make_spec({**rule, "severity": "warning"}))
    assert verdicts(refused)["expect_column_values_to_be_between(age)"] is Verdict.FAILED
    assert warned.verdict is Verdict.PASSED
    assert warned.checks[-1].detail.startswith("warning: not met; observed")


def test_expectations_keep_their_order_and_see_images_by_their_extremes(bench: Workbench) -> None:
    images = columns_of(amount=pa.array([[[0, 255], [1, 2]]] * ROWS, type=pa.list_(pa.list_(pa.uint8()))))
    between = {"expect": "expect_column_max_to_be_between", "arguments": {"column": "amount_max", "max_value": 255}}
    exists = {"expect": "expect_column_to_exist", "arguments": {"column": "age"}}
    report = validate(bench, images, make_spec(between, exists))
    assert report.verdict is Verdict.PASSED
    assert [check.name for check in report.checks[-2:]] == [
        "expect_column_max_to_be_between(amount_max)",
        "expect_column_to_exist(age)",
    ]


def test_expectation_about_nulls_replaces_the_built_in_one(bench: Workbench) -> None:
    few = {"expect": "expect_column_values_to_not_be_null", "arguments": {"column": "amount", "mostly": 0.9}}
    columns = columns_of(amount=[None, *([1.0] * (ROWS - 1))])
    assert validate(bench, columns).verdict is Verdict.FAILED
    assert validate(bench, columns, make_spec(few)).verdict is Verdict.PASSED


def test_expectation_about_a_missing_column_is_no_pass(bench: Workbench) -> None:
    rule = {"expect": "expect_column_values_to_not_be_null", "arguments": {"column": "ghost"}}
    report = validate(bench, columns_of(), make_spec(rule))
    assert report.verdict is Verdict.NOT_CHECKED
    assert "ghost" in report.checks[-1].detail


@pytest.mark.parametrize(
    ("rule", "hint"),
    [
        ({"expect": "expect_column_to_exis", "arguments": {"column": "age"}}, "did you mean 'expect_column_to_exist'"),
        (
            {"expect": "expect_column_values_to_be_between", "arguments": {"column": "age", "min_valu": 1}},
            "did you mean 'min_value'",
        ),
        ({"expect": "expect_column_to_exist"}, "column: field required"),
    ],
)
def test_misspelt_expectation_is_a_spec_error_with_the_near_miss(
    bench: Workbench, rule: dict[str, Any], hint: str
) -> None:
    with pytest.raises(SpecError, match=hint):
        validate(bench, columns_of(), make_spec(rule))


def test_class_shift_is_measured_against_the_newest_version_that_passed(bench: Workbench) -> None:
    assert validate(bench, columns_of()).verdict is Verdict.PASSED
    moved = columns_of(label=[1] * (ROWS - 6) + [0] * 6)
    refused = validate(bench, moved)
    again = validate(bench, moved, make_spec(max_class_shift=0.45))
    assert verdicts(refused)["class_shift"] is Verdict.FAILED
    assert refused.checks[6].measured == pytest.approx(0.4)
    assert again.verdict is Verdict.PASSED


def test_served_rows_may_lack_the_columns_that_only_sources_tell(bench: Workbench) -> None:
    sources = columns_of(at=[1_020_000_000_000_000_000 + day for day in range(ROWS)])
    sources["age"] = sources["age"].to_pylist()
    sources["label"] = sources["label"].to_pylist()
    assert validate(bench, sources).verdict is Verdict.PASSED
    served = {**sources, "row_id": [f"captured-q-{row}" for row in range(ROWS)], "at": [None] * ROWS}
    both = {name: pa.array([*sources[name], *served[name]]) for name in sources}
    grown = validate(bench, both, make_spec(time="at"))
    assert (verdicts(grown)["missing_shift"], verdicts(grown)["time_jump"]) == (Verdict.PASSED, Verdict.PASSED)
    lost = validate(bench, {**sources, "at": pa.array([None] * 30 + sources["at"][30:])})
    assert verdicts(lost)["missing_shift"] is Verdict.FAILED


def test_html_in_the_data_is_shown_as_text(bench: Workbench) -> None:
    columns = columns_of(note=["<script>alert(1)</script>"] * ROWS)
    rule = {"expect": "expect_column_values_to_be_in_set", "arguments": {"column": "note", "value_set": ["x"]}}
    page = bench.store.read(str(validate(bench, columns, make_spec(rule)).facts["data_docs"])).decode()
    assert "<script>" not in page and "&lt;script&gt;" in page
