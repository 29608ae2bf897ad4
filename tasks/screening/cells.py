"""The values of a few rows as they stand in the data, for people to look at."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def cells_at(
    batches: "Iterable[pa.RecordBatch]", columns: Sequence[str], places: Sequence[int]
) -> dict[int, dict[str, str]]:
    """Place -> column -> value in words; "" where it is missing. Reads no further than the last place."""
    wanted, start = sorted(places), 0
    found: dict[int, dict[str, str]] = {}
    for batch in batches:
        for place in (place for place in wanted if start <= place < start + batch.num_rows):
            row = {name: batch.column(name)[place - start].as_py() for name in columns}
            found[place] = {name: "" if value is None else str(value) for name, value in row.items()}
        start += batch.num_rows
        if not wanted or start > wanted[-1]:
            break
    return found
