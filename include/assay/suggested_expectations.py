"""Expectations that a trusted version satisfies, as a start for a spec: a person reads them and keeps what is meant.

The trusted version is the newest one whose validation passed. Its rows are streamed; memory does not grow with them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.dataset import NO_INPUTS, DatasetVersion, iterate_batches
from assay.errors import SpecError
from assay.json_types import Json
from assay.records import Step, Subject, Verdict
from assay.store import Store

if TYPE_CHECKING:
    import pyarrow as pa

    from assay.ledger import Ledger

MOST_VALUES = 20
MARGIN = 0.1
_NESTED = ("min", "max")


@dataclass
class _Seen:
    """What one column holds. values: its distinct values until there are too many."""

    nulls: int = 0
    low: float | None = None
    high: float | None = None
    is_number: bool = False
    values: set[Any] = field(default_factory=set)


def trusted_version(ledger: "Ledger", pipeline: str) -> Subject:
    """The newest raw version whose validation passed. Raises SpecError when there is none."""
    for entry in ledger.find(step=Step.VALIDATE, pipeline=pipeline):
        if entry.report.verdict is Verdict.PASSED:
            return entry.report.inputs["raw"]
    raise SpecError(
        f"{pipeline}: expected a version that passed validation, found none; `assay run {pipeline}` collects one"
    )


def suggest_expectations(version: DatasetVersion, store: Store, folder: Path) -> list[dict[str, Json]]:
    """One entry each as `data.expectations` takes it; all hold for `version`.

    Not null where nothing is missing; between the extremes with a margin of a tenth of their distance; one of the
    values, where a column has at most twenty; between half and twice as many rows.
    """
    seen: dict[str, _Seen] = {}
    for batch in iterate_batches(version, store, folder):
        for name in batch.schema.names:
            if name not in NO_INPUTS:
                _look(seen.setdefault(name, _Seen()), batch.column(name))
    rows = version.rows
    suggested = [_expect("expect_table_row_count_to_be_between", min_value=rows // 2, max_value=rows * 2)]
    for name, column in seen.items():
        suggested += _of_column(name, column, version)
    return suggested


def to_yaml(expectations: list[dict[str, Json]]) -> str:
    """The lines to put below `data:` in the spec."""
    import yaml

    return str(yaml.safe_dump({"expectations": expectations}, sort_keys=False, allow_unicode=True, width=110))


def _look(seen: _Seen, column: "pa.Array") -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    seen.nulls += column.null_count
    values = column
    while pa.types.is_nested(values.type) and not pa.types.is_struct(values.type):
        values = pc.list_flatten(values)
    seen.is_number = pa.types.is_integer(values.type) or pa.types.is_floating(values.type)
    if seen.is_number:
        ends = pc.min_max(values).as_py()
        if ends["min"] is not None:
            seen.low = ends["min"] if seen.low is None else min(seen.low, ends["min"])
            seen.high = ends["max"] if seen.high is None else max(seen.high, ends["max"])
    if values is column and len(seen.values) <= MOST_VALUES:
        seen.values.update(value for value in pc.unique(column).to_pylist() if value is not None)


def _of_column(name: str, seen: _Seen, version: DatasetVersion) -> list[dict[str, Json]]:
    is_nested = "list" in version.columns[name]
    found: list[dict[str, Json]] = []
    if not seen.nulls and not is_nested:
        found.append(_expect("expect_column_values_to_not_be_null", column=name))
    if not is_nested and 0 < len(seen.values) <= MOST_VALUES and (name == version.label or not seen.is_number):
        found.append(_expect("expect_column_values_to_be_in_set", column=name, value_set=sorted(seen.values, key=str)))
    elif seen.is_number and seen.low is not None and seen.high is not None:
        margin = (seen.high - seen.low) * MARGIN
        ends = {"min_value": _rounded(seen.low - margin), "max_value": _rounded(seen.high + margin)}
        if is_nested:
            ends = {"min_value": _rounded(seen.low), "max_value": _rounded(seen.high)}
        names = [f"{name}_{end}" for end in _NESTED] if is_nested else [name]
        found += [_expect("expect_column_values_to_be_between", column=one, **ends) for one in names]
    return found


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def _expect(name: str, **arguments: Json) -> dict[str, Json]:
    told: Mapping[str, Json] = arguments
    return {"expect": name, "arguments": told}
