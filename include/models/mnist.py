"""`mnist`: hand-written digits of 28×28 pixels and a small CNN that can be trained to withstand attacks.

Raw form, in the dataset and when served: float32 (rows, 28, 28), pixel values 0 to 255.
Model space: float32 (rows, 1, 28, 28) in [0, 1].
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from assay.sdk import GradientModel, Range, Rows, TrainingContext

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

SIDE = 28
PIXEL_MAXIMUM = 255.0
CLASSES = 10


class MnistModel(GradientModel):
    """conv16-conv32-fc100, 0.16 million weights: five epochs of PGD training reach Madry's published level."""

    def __init__(self) -> None:
        self._module: torch.nn.Module | None = None

    def train_function(
        self,
        train: Rows,
        context: TrainingContext,
        *,
        epochs: Annotated[int, Range(1, 100)] = 5,
        learning_rate: Annotated[float, Range(1e-5, 0.1)] = 0.002,
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
        nn.Conv2d(1, 16, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * 49, 100),
        nn.ReLU(),
        nn.Linear(100, CLASSES),
    )
