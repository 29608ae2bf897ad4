"""Which columns of a dataset are a model's inputs: the same answer for loaders, screen, split and capture.

image: one list column of numbers. text: one string column. tabular: all but label and the columns about the row itself.
"""

from typing import TYPE_CHECKING

from assay.dataset import is_input
from assay.errors import SpecError

if TYPE_CHECKING:
    import pyarrow as pa

_PREFERRED = {"image": "image", "text": "text"}


def feature_columns(schema: "pa.Schema", kind: str, label: str) -> list[str]:
    """Input columns in the schema's order.

    Raises SpecError when there is none, or when several could be the image or the text and none is called so.
    """
    others = [field for field in schema if is_input(field.name) and field.name != label]
    found = [field.name for field in others if _fits(field.type, kind)]
    if kind == "tabular" and found:
        return found
    if _PREFERRED.get(kind) in found:
        return [_PREFERRED[kind]]
    if len(found) == 1:
        return found
    wanted = {"image": "one list column of numbers", "text": "one string column"}.get(
        kind, "a column besides the label"
    )
    columns = ", ".join(f"{field.name} ({field.type})" for field in others) or "none"
    raise SpecError(
        f"{kind} data: expected {wanted}, found {columns}; name it {_PREFERRED.get(kind, 'as you like')!r} "
        "or mend data.collector.kind in the spec"
    )


def list_shape(data_type: "pa.DataType") -> tuple[int, ...]:
    """Sizes of nested fixed-size lists from the outside in; empty when a size is free."""
    import pyarrow as pa

    sizes: list[int] = []
    while pa.types.is_fixed_size_list(data_type):
        sizes.append(data_type.list_size)
        data_type = data_type.value_type
    return () if _is_list(data_type) else tuple(sizes)


def _fits(data_type: "pa.DataType", kind: str) -> bool:
    import pyarrow as pa

    if kind == "text":
        return bool(pa.types.is_string(data_type) or pa.types.is_large_string(data_type))
    if kind == "image":
        return _is_list(data_type)
    return True


def _is_list(data_type: "pa.DataType") -> bool:
    import pyarrow as pa

    return bool(
        pa.types.is_fixed_size_list(data_type) or pa.types.is_list(data_type) or pa.types.is_large_list(data_type)
    )
