"""What a person is told who names rows that no version of a dataset holds: how its ids are made, and one of them."""

import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path

from assay.dataset import DatasetVersion
from assay.errors import SpecError
from assay.store import Store
from assay.stored_rows import first_row_id

_MOST_NAMED = 3


def unknown_rows(
    reference: str, dataset: str, missing: Collection[str], versions: Sequence[DatasetVersion], store: Store
) -> SpecError:
    """The error to raise. versions: all of the dataset, as they are now."""
    return SpecError(
        f"{reference}: expected rows of dataset/{dataset}, found {sorted(missing)[:_MOST_NAMED]} in none of its "
        f"{len(versions)} versions{_how_ids_are_made(versions, store)}"
    )


def _how_ids_are_made(versions: Sequence[DatasetVersion], store: Store) -> str:
    """By the version as collected, which is one without a parent."""
    with tempfile.TemporaryDirectory(prefix="assay-rows-") as folder:
        for version in sorted(versions, key=lambda one: bool(one.parent)):
            if example := first_row_id(version, store, Path(folder)):
                return f"; ids are {version.row_id_rule}, as {example!r}"
    return "; they hold no rows"
