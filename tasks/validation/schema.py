"""What every dataset must satisfy, whatever its spec says: one check a question."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from assay.dataset import ROW_ID, DatasetVersion
from assay.records import Check, Verdict
from tasks.validation.frame import derived_names

if TYPE_CHECKING:
    import pandas as pd

MINIMUM_ROWS = 10
MINIMUM_CLASSES = 2
# As Arrow spells them; what is nested is judged by its numbers.
_NUMBERS_OR_NESTED = (
    *("int", "uint", "halffloat", "float", "double", "decimal", "bool"),
    *("list", "large_list", "fixed_size_list", "struct", "map"),
)


def judge_schema(version: DatasetVersion, frame: "pd.DataFrame", expected: Collection[str]) -> list[Check]:
    """Rows, columns, row ids, labels and finite numbers. expected: columns whose numbers the spec judges itself."""
    return [
        _rows(frame),
        _columns(version, frame),
        _row_ids(frame),
        _labels(version, frame),
        _classes(version, frame),
        _finite(version, frame, expected),
    ]


def judge_inputs(version: DatasetVersion, loader: str) -> Check:
    """Words and dates where the loader `tabular` wants numbers; other loaders decide for themselves."""
    found: list[str] = []
    if loader == "tabular":
        features = ((name, kind) for name, kind in version.columns.items() if name not in (version.label, ROW_ID))
        found = [f"{name} ({kind})" for name, kind in features if not kind.startswith(_NUMBERS_OR_NESTED)]
    words = f"expected numbers, found {', '.join(found)}; encode or leave out these columns, or name a loader of yours"
    return _check("input_types", not found, words if found else "the loader can read every input column")


def _rows(frame: "pd.DataFrame") -> Check:
    return _check("rows", len(frame) >= MINIMUM_ROWS, f"{len(frame)} rows", len(frame), MINIMUM_ROWS)


def _columns(version: DatasetVersion, frame: "pd.DataFrame") -> Check:
    missing = [name for name in version.columns if not {name, *derived_names(name)} & set(frame.columns)]
    missing += [name for name in (version.label, ROW_ID) if name not in frame.columns and name not in missing]
    words = f"missing columns: {', '.join(missing)}" if missing else f"all {len(version.columns)} columns are there"
    return _check("columns", not missing, words)


def _row_ids(frame: "pd.DataFrame") -> Check:
    if ROW_ID not in frame:
        return _check("row_ids", False, f"no column {ROW_ID}")
    ids = frame[ROW_ID]
    nulls, repeated = int(ids.isna().sum()), int(ids.duplicated().sum())
    return _check("row_ids", not nulls + repeated, f"{nulls} null and {repeated} repeated ids", nulls + repeated, 0)


def _labels(version: DatasetVersion, frame: "pd.DataFrame") -> Check:
    """Labels are classes: integers, truth values or words, never null."""
    from pandas.api import types

    if version.label not in frame:
        return _check("labels", False, f"no column {version.label}")
    labels = frame[version.label]
    nulls = int(labels.isna().sum())
    present = labels.dropna().infer_objects()
    known = types.is_integer_dtype(present) or types.is_bool_dtype(present) or types.is_string_dtype(present)
    known = known or types.infer_dtype(present) in ("integer", "boolean", "string")
    # An integer column with nulls arrives as floats: only its nulls are wrong.
    known = known or "int" in str(version.columns.get(version.label, ""))
    words = f"type {version.columns.get(version.label)}, {nulls} null"
    return _check("labels", bool(known) and not nulls, f"{words}; expected integers, booleans or strings", nulls, 0)


def _classes(version: DatasetVersion, frame: "pd.DataFrame") -> Check:
    found = int(frame[version.label].nunique()) if version.label in frame else 0
    return _check("classes", found >= MINIMUM_CLASSES, f"{found} classes", found, MINIMUM_CLASSES)


def _finite(version: DatasetVersion, frame: "pd.DataFrame", expected: Collection[str]) -> Check:
    """No NaN and no infinity in numeric features, but for columns that an expectation of the spec judges."""
    import numpy as np

    bad: dict[str, int] = {}
    for name in frame.columns:
        if name in (version.label, ROW_ID) or name in expected or not np.issubdtype(_kind(frame, name), np.number):
            continue
        broken = int((~np.isfinite(frame[name].to_numpy(dtype=float, na_value=np.nan))).sum())
        if broken:
            bad[name] = broken
    words = ", ".join(f"{name}: {count} rows" for name, count in bad.items())
    return _check("finite_numbers", not bad, f"NaN or infinite: {words}" if bad else "all numbers are finite")


def _kind(frame: "pd.DataFrame", name: str) -> "type":
    import numpy as np

    kind = frame[name].dtype
    return kind.type if isinstance(kind, np.dtype) else object


def _check(name: str, holds: bool, words: str, measured: float | None = None, threshold: float | None = None) -> Check:
    return Check(name, Verdict.PASSED if holds else Verdict.FAILED, words, measured, threshold)
