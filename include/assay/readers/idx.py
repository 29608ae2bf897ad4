"""IDX, the form MNIST comes in: a magic number whose last byte is the rank, big-endian sizes, then bytes.

Also compressed (.gz). Pictures and labels are separate files, paired by their names.
"""

import gzip
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from assay.damage import damage_told
from assay.errors import SpecError
from assay.json_types import Json
from assay.readers.arrays import array_batches
from assay.readers.options import known_options

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_UNSIGNED_BYTE = 8
_ROWS_PER_BATCH = 4096


def read_idx_files(paths: list[Path], options: Mapping[str, Json], label: str) -> Iterator["pa.RecordBatch"]:
    """Pairs such as `train-images-idx3-ubyte` and `train-labels-idx1-ubyte`, in the order of their names.

    Raises SpecError when pictures have no labels, their numbers differ, or values are no unsigned bytes.
    """
    known_options(options, (), "idx")
    ranks = {path: _rank(path) for path in paths}
    labels = {path.name: path for path, rank in ranks.items() if rank == 1}
    for path in (path for path, rank in ranks.items() if rank > 1):
        partner = path.name.replace("images", "labels").replace(f"idx{ranks[path]}", "idx1")
        if partner not in labels:
            raise SpecError(f"{path.name}: expected its labels in {partner}, found {sorted(labels)}; fetch them too")
        yield from _pair(path, labels[partner], label)


def _pair(images: Path, labels: Path, label: str) -> Iterator["pa.RecordBatch"]:
    with (
        damage_told(f"{images.name} and {labels.name}", "IDX"),
        _opened(images) as image_stream,
        _opened(labels) as label_stream,
    ):
        shape, (count,) = _sizes(image_stream, images.name), _sizes(label_stream, labels.name)
        if shape[0] != count:
            raise SpecError(f"{images.name}: {shape[0]} pictures but {count} labels in {labels.name}")
        for start in range(0, count, _ROWS_PER_BATCH):
            rows = min(_ROWS_PER_BATCH, count - start)
            pictures = _take(image_stream, (rows, *shape[1:]), images.name)
            yield array_batches(pictures, _take(label_stream, (rows,), labels.name), label, is_image=True)


def _rank(path: Path) -> int:
    with damage_told(path.name, "IDX"), _opened(path) as stream:
        return len(_sizes(stream, path.name))


def _sizes(stream: IO[bytes], name: str) -> tuple[int, ...]:
    magic = stream.read(4)
    if len(magic) != 4 or magic[:2] != b"\0\0" or magic[2] != _UNSIGNED_BYTE or not magic[3]:
        raise SpecError(f"{name}: expected IDX of unsigned bytes, found magic {magic.hex()!r}; mend `files`")
    return tuple(int.from_bytes(stream.read(4), "big") for _ in range(magic[3]))


def _take(stream: IO[bytes], shape: tuple[int, ...], name: str) -> "NDArray[np.uint8]":
    import numpy as np

    wanted = math.prod(shape)
    data = stream.read(wanted)
    if len(data) != wanted:
        raise SpecError(f"{name}: the file ends early: expected {wanted} more bytes, found {len(data)}; fetch it again")
    return np.frombuffer(data, np.uint8).reshape(shape)


def _opened(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")
