"""Digests of what rows say to a model, a batch at a time: columns first, so that words are hashed once."""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from assay.row_content import Likeness, row_digests
from tasks.screening.row_strings import DIGEST_BYTES

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


def content_digests(batch: "pa.RecordBatch", columns: Sequence[str]) -> "NDArray[np.uint8]":
    """(rows, 16): equal where all `columns` are equal to a model, numbers in single precision (of SHA-256)."""
    import numpy as np

    parts = [_encoded(batch, name) for name in columns]
    if not parts:
        row_digests(batch, columns, Likeness.SAME_INPUT)
    joined = np.ascontiguousarray(np.concatenate(parts, axis=1))
    width, view = joined.shape[1], memoryview(joined.data).cast("B")
    cut = range(0, len(joined) * width, width)
    digests = b"".join(hashlib.sha256(view[start : start + width]).digest()[:DIGEST_BYTES] for start in cut)
    return np.frombuffer(digests, np.uint8).reshape(-1, DIGEST_BYTES)


def _encoded(batch: "pa.RecordBatch", name: str) -> "NDArray[np.uint8]":
    """(rows, width), whose width depends on the column's type alone."""
    import numpy as np
    import pyarrow as pa

    column = batch.column(batch.schema.get_field_index(name))
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return _words(column)
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_boolean(column.type):
        return _numbers(column)
    digests = b"".join(row_digests(batch, [name], Likeness.SAME_INPUT))
    return np.frombuffer(digests, np.uint8).reshape(-1, DIGEST_BYTES)


def _words(column: "pa.Array") -> "NDArray[np.uint8]":
    import numpy as np

    encoded = column.dictionary_encode()
    values = (
        hashlib.sha256(str(one).encode("utf-8", "surrogatepass")).digest() for one in encoded.dictionary.to_pylist()
    )
    known = b"".join([*(one[:DIGEST_BYTES] for one in values), bytes(DIGEST_BYTES)])
    table = np.frombuffer(known, np.uint8).reshape(-1, DIGEST_BYTES)
    missing = len(table) - 1
    return np.asarray(table[encoded.indices.fill_null(missing).to_numpy(zero_copy_only=False)])


def _numbers(column: "pa.Array") -> "NDArray[np.uint8]":
    """Whether there is a number, and its four bytes."""
    import numpy as np
    import pyarrow as pa

    present = column.is_valid().to_numpy(zero_copy_only=False)
    plain = column.cast(pa.uint8()) if pa.types.is_boolean(column.type) else column
    values = plain.fill_null(0).to_numpy(zero_copy_only=False).astype(np.float32)
    values = np.where(np.isnan(values), np.float32(np.nan), values + np.float32(0))  # one NaN, and no -0.0
    encoded = np.empty((len(column), 5), dtype=np.uint8)
    encoded[:, 0] = present
    encoded[:, 1:] = np.ascontiguousarray(values, dtype=np.float32).view(np.uint8).reshape(-1, 4)
    return encoded
