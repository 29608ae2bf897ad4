"""What a person names rows by: the dataset as collected, and ids from a file."""

from collections.abc import Sequence
from pathlib import Path

from assay.errors import SpecError


def read_row_ids(path: Path) -> Sequence[str]:
    """One a line, or the column `row_id` of a Parquet file; each once. Raises SpecError when the file names none."""
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        names = pq.read_schema(path).names
        if "row_id" not in names:
            raise SpecError(f"{path}: expected a column row_id, found {', '.join(names)}; suspects.parquet has one")
        ids = [str(one) for one in pq.read_table(path, columns=["row_id"])["row_id"].to_pylist()]
    else:
        ids = [line.strip() for line in path.read_text().splitlines() if line.strip()]
    if not ids:
        raise SpecError(f"{path}: expected ids of rows, found none; write one a line")
    return tuple(dict.fromkeys(ids))


def whole_dataset(name: str) -> str:
    """`name`, unless it is of a version made from a collected one: a row is meant wherever it went. Raises SpecError.

    Names of pipelines have no dots.
    """
    whole, dot, _ = name.partition(".")
    if dot:
        raise SpecError(
            f"dataset/{name}: expected the dataset as collected, since a row is meant in every version of it; "
            f"write {whole} for {name}"
        )
    return name
