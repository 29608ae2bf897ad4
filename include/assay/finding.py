"""One thing wrong with a spec, by field; `assay.spec_file` adds the line."""

from dataclasses import dataclass
from typing import TypeAlias

FieldPath: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True)
class Finding:
    """field: keys and positions from the top of the file. hint: the next step, in words."""

    field: FieldPath
    message: str
    hint: str = ""
