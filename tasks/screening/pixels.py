"""A column of images in any usual form as one array; rows that are no image or of another shape are named."""

import io
import math
from typing import TYPE_CHECKING, Any

from assay.errors import SpecError

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

_CHANNELS = (1, 3, 4)
_MOST_PIXELS = 1 << 26


def is_encoded(data_type: "pa.DataType") -> bool:
    """PNG, JPEG and the like: a column of bytes, or of structs with `bytes` as the Hugging Face libraries write."""
    import pyarrow as pa

    if pa.types.is_struct(data_type):
        return any(field.name == "bytes" and is_encoded(field.type) for field in data_type)
    return bool(pa.types.is_binary(data_type) or pa.types.is_large_binary(data_type))


def pixels(column: "pa.Array", first_row: int) -> "NDArray[Any]":
    """(rows, …) numbers. first_row: the place of the column's first row, for errors.

    Raises SpecError naming the first row that has no image, an unreadable one, or one of another shape.
    """
    import numpy as np
    import pyarrow as pa

    if column.null_count:
        row = first_row + column.is_null().to_pylist().index(True)
        raise SpecError(f"row {row}: expected an image, found none; leave the row out or mend it")
    if is_encoded(column.type):
        images = [_decoded(value, first_row + place) for place, value in enumerate(column.to_pylist())]
        _same_shape([image.shape for image in images], first_row)
        return np.stack(images)
    if pa.types.is_fixed_size_binary(column.type):
        return np.frombuffer(b"".join(column.to_pylist()), np.uint8).reshape(len(column), column.type.byte_width)
    return _nested(column, first_row)


def upright(images: "NDArray[Any]") -> "NDArray[Any]":
    """(rows, height, width) or (rows, height, width, channels): flat squares are folded, channels put last.

    Other flat images stay flat.
    """
    shape = images.shape[1:]
    side = math.isqrt(shape[0])
    if len(shape) == 1 and side * side == shape[0]:
        return images.reshape(len(images), side, side)
    if len(shape) == 3 and shape[0] in _CHANNELS and shape[2] not in _CHANNELS:
        return images.transpose(0, 2, 3, 1)
    return images


def as_column(images: "NDArray[Any]") -> "pa.Array":
    """Fixed-size lists nested like the array; flat images as plain lists, for they have no shape."""
    import numpy as np
    import pyarrow as pa

    column = pa.array(np.ascontiguousarray(images).reshape(-1))
    for size in reversed(images.shape[1:]):
        column = pa.FixedSizeListArray.from_arrays(column, int(size))
    return column.cast(pa.list_(column.type.value_type)) if images.ndim == 2 else column


def _decoded(value: Any, row: int) -> "NDArray[Any]":
    import numpy as np
    from PIL import Image, UnidentifiedImageError

    data = value.get("bytes") if isinstance(value, dict) else value
    try:
        with Image.open(io.BytesIO(data or b"")) as image:
            if image.width * image.height > _MOST_PIXELS:
                raise ValueError(f"{image.width} by {image.height} pixels are too many")
            return np.asarray(image.convert("L" if image.mode in ("1", "L") else "RGB"))
    except Exception as error:  # decoders of hostile bytes raise anything
        # Pillow's own words would name an object in memory.
        why = "in no form that is known" if isinstance(error, UnidentifiedImageError) else error
        raise SpecError(f"row {row}: unreadable image: {why}; mend it or leave the row out") from error


def _nested(column: "pa.Array", first_row: int) -> "NDArray[Any]":
    import numpy as np
    import pyarrow as pa

    sizes, flat = [], column
    while pa.types.is_nested(flat.type) and not pa.types.is_struct(flat.type):
        lengths = np.unique(np.asarray(flat.value_lengths().to_numpy(zero_copy_only=False)))
        if flat.null_count or len(lengths) != 1:
            _same_shape([np.shape(row) for row in _padded(column)], first_row)
            raise SpecError(f"rows from {first_row}: expected images of numbers, found gaps in them; mend them")
        sizes.append(int(lengths[0]))
        flat = flat.flatten()
    if not (pa.types.is_integer(flat.type) or pa.types.is_floating(flat.type) or pa.types.is_boolean(flat.type)):
        raise SpecError(f"images: expected lists of numbers, found {column.type}; convert them")
    values = np.asarray(flat.cast(pa.float64()) if flat.null_count else flat.to_numpy(zero_copy_only=False))
    return values.reshape(len(column), *sizes)


def _padded(column: "pa.Array") -> list[Any]:
    """Rows whose shape can be told: a ragged one counts as its number of lines."""
    import numpy as np

    rows: list[Any] = column.to_pylist()
    for place, row in enumerate(rows):
        try:
            np.shape(row)
        except ValueError:
            rows[place] = [0] * len(row)
    return rows


def _same_shape(shapes: list[tuple[int, ...]], first_row: int) -> None:
    for place, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise SpecError(
                f"row {first_row + place}: expected an image of {shape_in_words(shapes[0])} like the rows before, "
                f"found {shape_in_words(shape)}; bring all images to one shape"
            )


def shape_in_words(shape: tuple[int, ...]) -> str:
    return "×".join(str(size) for size in shape) or "a single number"
