"""`digits`: hand-written digits of 8×8 pixels (UCI optical digits, as scikit-learn ships them) and a small CNN.

Raw form, in the dataset and when served: float32 (rows, 8, 8), pixel values 0 to 16.
Model space: float32 (rows, 1, 8, 8) in [0, 1].
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from assay.errors import SpecError
from assay.image_classifier import ImageClassifier
from assay.sdk import Collected, Collector, Range, Rows, TrainingContext

if TYPE_CHECKING:
    import pyarrow as pa
    import torch

SIDE = 8
PIXEL_MAXIMUM = 16.0
CLASSES = 10


class DigitsCollector(Collector):
    """`digits.csv.gz` of scikit-learn: 64 pixels and a label a line."""

    def describe_function(self, workdir: Path) -> Collected:
        """Row ids are positions in the file, which never changes its order."""
        return Collected(kind="image", label="label", row_id_rule="position in digits.csv.gz")

    def rows_function(self, workdir: Path) -> "Iterator[pa.RecordBatch]":
        """One batch: row_id, image (8 lists of 8 pixels), label. Raises SpecError for any other file."""
        import gzip

        import numpy as np
        import pyarrow as pa

        path = workdir / "sklearn/datasets/data/digits.csv.gz"
        with gzip.open(path, "rt") as lines:
            table = np.loadtxt(lines, delimiter=",", dtype=np.float32, ndmin=2)
        if table.shape[1] != SIDE * SIDE + 1:
            raise SpecError(f"{path.name}: expected 64 pixels and a label a line, found {table.shape[1]} columns")
        pixels = pa.array(table[:, :-1].ravel())
        images = pa.FixedSizeListArray.from_arrays(pa.FixedSizeListArray.from_arrays(pixels, SIDE), SIDE)
        labels = pa.array(table[:, -1].astype(np.int64))
        row_ids = [f"digit-{position:05d}" for position in range(len(table))]
        yield pa.RecordBatch.from_pydict({"row_id": row_ids, "image": images, "label": labels})


class DigitsModel(ImageClassifier):
    """Two convolutions and two dense layers, 40 thousand weights; under a second an epoch on one core."""

    side = SIDE
    pixel_maximum = PIXEL_MAXIMUM

    def train_function(
        self,
        train: Rows,
        context: TrainingContext,
        *,
        epochs: Annotated[int, Range(1, 200)] = 12,
        learning_rate: Annotated[float, Range(1e-5, 0.1)] = 0.004,
        batch: Annotated[int, Range(8, 1024)] = 64,
    ) -> None:
        """Adam with a warm-up and a linear fall of the rate."""
        from assay.torch_fit import FitPlan

        self.fit(train, context, FitPlan(epochs=epochs, batch=batch, learning_rate=learning_rate))

    def network_function(self) -> "torch.nn.Module":
        """The network: (rows, 1, side, side) in [0, 1] -> logits."""
        from torch import nn

        return nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * 16, 64),
            nn.ReLU(),
            nn.Linear(64, CLASSES),
        )
