"""NumPy archives (.npz) with `images` or `features` and the labels; streamed, and never unpickled."""

import ast
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from assay.damage import damage_told
from assay.errors import SpecError
from assay.json_types import Json
from assay.readers.arrays import array_batches
from assay.readers.options import known_options

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

_ROWS_PER_BATCH = 1024
_INPUTS = ("images", "features")


def read_npz(path: Path, options: Mapping[str, Json], label: str) -> Iterator["pa.RecordBatch"]:
    """First axis = rows. `images`, or an array of rank above 2, becomes one list column `image`; the rest columns.

    Raises SpecError for a damaged file, a missing array, arrays of different length, several labels a row,
    Fortran order or objects.
    """
    known_options(options, (), "npz")
    with damage_told(path.name, "a NumPy archive (.npz)"), zipfile.ZipFile(path) as archive:
        names = {name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")}
        inputs = next((name for name in _INPUTS if name in names), None)
        if inputs is None or label not in names:
            raise SpecError(
                f"{path.name}: expected an array `images` or `features` and labels {label!r}, found {sorted(names)}; "
                "mend data.collector.label or the names in the file"
            )
        with archive.open(f"{inputs}.npy") as values, archive.open(f"{label}.npy") as labels:
            value_rows, label_rows = _Rows(values, f"{path.name}/{inputs}"), _Rows(labels, f"{path.name}/{label}")
            if value_rows.count != label_rows.count:
                raise SpecError(
                    f"{path.name}: {value_rows.count} {inputs} but {label_rows.count} labels; give each row one"
                )
            if label_rows.shape:
                raise SpecError(
                    f"{path.name}/{label}: expected one label a row, found {label_rows.shape} each; save class indices"
                )
            is_image = inputs == "images" or len(value_rows.shape) > 1
            for block in value_rows.blocks():
                yield array_batches(block, label_rows.take(len(block)), label, is_image=is_image)


class _Rows:
    """An array in the .npy form, read a block of rows at a time."""

    def __init__(self, stream: IO[bytes], name: str) -> None:
        import numpy as np

        self.stream, self.name = stream, name
        try:
            major, _ = np.lib.format.read_magic(stream)  # type: ignore[no-untyped-call]
            shape, fortran, self.dtype = _header(stream, major)
        except (ValueError, KeyError, TypeError, SyntaxError) as error:
            raise SpecError(f"{name}: expected an array in the .npy form: {error}; save it again") from error
        if self.dtype.hasobject or (fortran and len(shape) > 1) or not shape:
            raise SpecError(f"{name}: expected rows of numbers or strings in C order; save it with allow_pickle=False")
        self.count, self.shape = shape[0], shape[1:]

    def take(self, rows: int) -> "NDArray[Any]":
        """The next `rows` rows."""
        import math

        import numpy as np

        wanted = rows * math.prod(self.shape) * self.dtype.itemsize
        data = self.stream.read(wanted)
        if len(data) != wanted:
            raise SpecError(f"{self.name}: the file ends early; fetch it again")
        return np.frombuffer(data, self.dtype).reshape(rows, *self.shape)

    def blocks(self) -> Iterator["NDArray[Any]"]:
        for start in range(0, self.count, _ROWS_PER_BATCH):
            yield self.take(min(_ROWS_PER_BATCH, self.count - start))


def _header(stream: IO[bytes], major: int) -> tuple[tuple[int, ...], bool, Any]:
    """NumPy's own documented header, whose reader for version 2 and 3 is not public."""
    import numpy as np

    size = int.from_bytes(stream.read(2 if major == 1 else 4), "little")
    if size > 1 << 16:
        raise ValueError(f"a header of {size} bytes")
    described = ast.literal_eval(stream.read(size).decode("latin1" if major < 3 else "utf-8"))
    return tuple(described["shape"]), bool(described["fortran_order"]), np.dtype(described["descr"])
