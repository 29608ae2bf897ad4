"""Which column of a file is what: label, row id, source, inputs, and the kind of data they make."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.dataset import NO_INPUTS, ROW_SOURCE
from assay.errors import SpecError
from assay.feature_columns import feature_columns
from assay.near_miss import suggestion
from tasks.screening.data_files import DataFiles
from tasks.screening.file_pieces import read_all
from tasks.screening.pixels import is_encoded

if TYPE_CHECKING:
    import pyarrow as pa

_LABELS = ("label", "labels", "y", "target", "class")
_IMAGES = ("image", "images", "img", "pixels")
_PROSE_WORDS = 5


@dataclass(frozen=True)
class FileColumns:
    """inputs: what is judged, in the file's order. left_out: column -> why it plays no part. source: "" for none."""

    kind: str
    label: str
    source: str
    inputs: tuple[str, ...]
    left_out: dict[str, str]


def label_of(data: DataFiles, wanted: str | None) -> str:
    """The label's column, before a row is read. Raises SpecError when the file must say and does not."""
    if data.form == "idx":
        return wanted or "label"
    if data.form == "npz":
        return _label_in([name for name in data.arrays() if name not in ("images", "features")], wanted)
    first = next(read_all(data, ""), None)
    if first is None:
        raise SpecError(f"{data.path}: expected rows, found none; mend the file")
    return _label_in(first.schema.names, wanted)


def assign_columns(first: "pa.RecordBatch", label: str, kind: str | None, source: str | None) -> FileColumns:
    """Roles by a file's first rows. kind, source: as a person says, or None to be found out.

    Raises SpecError when a named column is absent or none fits the kind.
    """
    names = first.schema.names
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise SpecError(f"the rows have several columns {', '.join(repeated)}; give each a name of its own")
    if source and (source not in names or source == label):
        raise SpecError(f"--source {source}: no such column; {suggestion(source, [n for n in names if n != label])}")
    source = source or (ROW_SOURCE if ROW_SOURCE in names else "")
    left_out = {field.name: "every value is missing" for field in first.schema if _is_empty(field)}
    free = [field for field in first.schema if field.name not in (label, source, *NO_INPUTS, *left_out)]
    kind, inputs = _inputs(first, free, kind)
    unread = {field.name: f"not judged as {kind} data" for field in free if field.name not in inputs}
    return FileColumns(kind, label, source, inputs, left_out | unread)


def _label_in(names: list[str], wanted: str | None) -> str:
    if wanted:
        if wanted not in names or wanted in NO_INPUTS:
            raise SpecError(f"--labels {wanted}: no such column; {suggestion(wanted, set(names) - set(NO_INPUTS))}")
        return wanted
    found = [name for name in names if name.lower() in _LABELS]
    if not found:
        raise SpecError(f"expected a column of labels, found {', '.join(names) or 'none'}; name it by --labels")
    return min(found, key=lambda name: _LABELS.index(name.lower()))


def _inputs(first: "pa.RecordBatch", free: "list[pa.Field]", kind: str | None) -> tuple[str, tuple[str, ...]]:
    import pyarrow as pa

    pictures = [field.name for field in free if _is_picture(field)]
    images = [name for name in pictures if name.lower() in _IMAGES] or pictures
    if kind == "image" and not pictures:
        images = [field.name for field in free if pa.types.is_list(field.type) or _is_fixed_list(field.type)]
    if kind == "image" and len(images) != 1:
        raise SpecError(f"image data: expected one column of images, found {_listed(free)}; name it 'image'")
    if kind in (None, "image") and len(images) == 1:
        return "image", (images[0],)
    prose = [field.name for field in free if _is_string(field.type) and _is_prose(first, field)]
    text = [name for name in prose if name.lower() == "text"] or prose
    numbers = any(not _is_string(field.type) for field in free)
    if kind == "text":
        return "text", (_text_column(free, text),)
    if kind is None and len(text) == 1 and (text[0].lower() == "text" or not numbers):
        return "text", (text[0],)
    if not free:
        raise SpecError("expected a column besides the label, found none; mend the data")
    return "tabular", tuple(field.name for field in free)


def _text_column(free: "list[pa.Field]", prose: list[str]) -> str:
    import pyarrow as pa

    if len(prose) == 1:
        return prose[0]
    try:
        return feature_columns(pa.schema(free), "text", "")[0]
    except SpecError:
        raise SpecError(f"text data: expected one string column, found {_listed(free)}; name it 'text'") from None


def _is_empty(field: "pa.Field") -> bool:
    import pyarrow as pa

    return bool(pa.types.is_null(field.type))


def _is_picture(field: "pa.Field") -> bool:
    import pyarrow as pa

    inner = field.type.value_type if pa.types.is_list(field.type) or _is_fixed_list(field.type) else None
    return (
        pa.types.is_fixed_size_binary(field.type)
        or is_encoded(field.type)
        or (inner is not None and (pa.types.is_nested(inner) or field.name.lower() in _IMAGES))
    )


def _is_fixed_list(data_type: "pa.DataType") -> bool:
    import pyarrow as pa

    return bool(pa.types.is_fixed_size_list(data_type) or pa.types.is_large_list(data_type))


def _is_string(data_type: "pa.DataType") -> bool:
    import pyarrow as pa

    return bool(
        pa.types.is_string(data_type) or pa.types.is_large_string(data_type) or pa.types.is_string_view(data_type)
    )


def _is_prose(first: "pa.RecordBatch", field: "pa.Field") -> bool:
    words = [len(str(value).split()) for value in first.column(field.name).slice(0, 500).to_pylist() if value]
    named = field.name.lower() == "text"
    return named or (bool(words) and sum(words) / len(words) >= _PROSE_WORDS)


def _listed(free: "list[pa.Field]") -> str:
    return ", ".join(f"{field.name} ({field.type})" for field in free) or "none"
