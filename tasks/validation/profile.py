"""What one pass over a version's rows tells: counts, classes, missing values. Memory holds ids and counts only."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from assay.dataset import ROW_ID, DatasetVersion, iterate_batches
from assay.errors import SpecError
from assay.feature_columns import feature_columns
from assay.store import Store

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass
class Profile:
    """classes: label as text -> rows; missing: column -> null, NaN or infinite values; problem: why no input fits."""

    rows: int = 0
    types: dict[str, str] = field(default_factory=dict)
    features: list[str] = field(default_factory=list)
    problem: str = ""
    classes: Counter[str] = field(default_factory=Counter)
    unlabelled: int = 0
    repeated_ids: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    widths: set[int] = field(default_factory=set)

    @property
    def shares(self) -> dict[str, float]:
        """Label -> share of the labelled rows, in [0, 1]."""
        labelled = sum(self.classes.values())
        return {label: count / labelled for label, count in sorted(self.classes.items())}


def profile_dataset(version: DatasetVersion, store: Store, folder: Path) -> Profile:
    """One pass, a batch at a time."""
    profile, seen = Profile(types=dict(version.columns)), set[str]()
    for batch in iterate_batches(version, store, folder):
        if not profile.rows:
            _read_schema(profile, batch.schema, version)
        profile.rows += batch.num_rows
        if version.label in batch.schema.names:
            _count_labels(profile, batch.column(version.label))
        for row_id in batch.column(ROW_ID).to_pylist() if ROW_ID in batch.schema.names else ():
            profile.repeated_ids.update([row_id] if row_id in seen else [])
            seen.add(row_id)
        for name in profile.features:
            profile.missing[name] += _missing(profile, batch.column(name))
    return profile


def _read_schema(profile: Profile, schema: "pa.Schema", version: DatasetVersion) -> None:
    try:
        profile.features = feature_columns(schema, version.kind, version.label)
    except SpecError as error:
        profile.problem = str(error)


def _count_labels(profile: Profile, labels: "pa.Array") -> None:
    for entry in labels.value_counts().to_pylist():
        if entry["values"] is None:
            profile.unlabelled += entry["counts"]
        else:
            profile.classes[str(entry["values"])] += entry["counts"]


def _missing(profile: Profile, column: "pa.Array") -> int:
    """Null, NaN and infinite values; of a list, those inside it. Notes how many values a list has."""
    import pyarrow as pa
    import pyarrow.compute as pc

    count = int(column.null_count)
    while pa.types.is_nested(column.type) and not pa.types.is_struct(column.type):
        lengths = pc.list_value_length(column).unique().to_pylist()
        profile.widths.update(length for length in lengths if length is not None)
        column = pc.list_flatten(column)
        count += int(column.null_count)
    if pa.types.is_floating(column.type):
        count += int(pc.sum(pc.invert(pc.is_finite(column.drop_null()))).as_py() or 0)
    return count
