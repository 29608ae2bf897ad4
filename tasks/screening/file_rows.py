"""A file's rows before they are read: which files, which columns, and the types and shape of the first rows."""

from dataclasses import dataclass, replace
from pathlib import Path

from assay.errors import SpecError
from tasks.screening.data_files import DataFiles, find_files
from tasks.screening.file_columns import FileColumns, assign_columns, label_of
from tasks.screening.file_pieces import cut, read_all
from tasks.screening.uniform_rows import UniformRows


@dataclass(frozen=True)
class FileRows:
    """prefix: of the ids of rows that have none but their position."""

    data: DataFiles
    columns: FileColumns
    prefix: str = ""

    def source(self, with_source: bool | None = None) -> UniformRows:
        """All rows, under the types and image shape of the first.

        with_source: whether there must be a `row_source`, whatever the file has.
        Raises SpecError when the first rows cannot be judged.
        """
        with_source = bool(self.columns.source) if with_source is None else with_source
        rows = UniformRows(self.data, self.columns, cut(self.data), with_source)
        for batch in read_all(self.data, self.columns.label):
            rows = replace(rows, read_as=rows.read_as or batch.schema)
            if batch.num_rows:
                return rows.like(batch)
        return rows


def open_rows(path: Path, labels: str | None = None, kind: str | None = None, source: str | None = None) -> FileRows:
    """The dataset at `path`; what is not said is found out from its first rows. Raises SpecError when it cannot be.

    source: "" when the file need not say.
    """
    data = find_files(path)
    label = label_of(data, labels)
    first = next((batch for batch in read_all(data, label) if batch.num_rows), None)
    if first is None:
        raise SpecError(f"{path}: expected rows, found none; mend the file")
    return FileRows(data, assign_columns(first, label, kind, source))
