"""A torch classifier of square grey images: a subclass brings the network and how it trains, nothing else.

Raw form, in the dataset and when served: float32 (rows, side, side), pixel values 0 to `pixel_maximum`.
Model space: float32 (rows, 1, side, side) in [0, 1].
"""

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from assay.sdk import GradientModel, Rows, TrainingContext

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from assay.torch_fit import FitPlan


class ImageClassifier(GradientModel):
    """side: pixels of an edge. pixel_maximum: the raw value of white."""

    side: ClassVar[int]
    pixel_maximum: ClassVar[float]

    def __init__(self) -> None:
        self._module: torch.nn.Module | None = None

    @abstractmethod
    def network_function(self) -> "torch.nn.Module":
        """A fresh, untrained network: (rows, 1, side, side) in [0, 1] -> logits (rows, classes)."""

    def fit(self, train: Rows, context: TrainingContext, plan: "FitPlan") -> None:
        """Train a fresh network from the context's seed; adversarially when the spec's `train.robust` says so."""
        import torch

        from assay.torch_fit import fit_module

        torch.manual_seed(context.seed)
        self._module = self.network_function()
        inputs = self.to_model_space(train.inputs)
        fit_module(self._module, inputs, train.labels, context, plan, save=self.save_function, weights=train.weights)

    def predict_function(self, inputs: "NDArray[Any]") -> "NDArray[Any]":
        """Softmax probabilities, float32 (rows, classes), of raw images."""
        from assay.torch_predict import predict_probabilities

        return predict_probabilities(self.module_function(), self.to_model_space(inputs))

    def save_function(self, folder: Path) -> None:
        """`weights.safetensors`: no pickle, nothing that can run."""
        from assay.torch_predict import save_weights

        save_weights(self.module_function(), folder)

    def load_function(self, folder: Path) -> None:
        """Restore `weights.safetensors`."""
        from assay.torch_predict import load_weights

        self._module = load_weights(self.network_function(), folder)

    def export_function(self, path: Path) -> None:
        """Raw (rows, side, side) in; scaling to [0, 1] is part of the graph."""
        from assay.torch_export import export_classifier

        shape, scale = (self.side, self.side), 1 / self.pixel_maximum
        export_classifier(self.module_function(), path, input_shape=shape, scale=scale)

    def module_function(self) -> "torch.nn.Module":
        """The fitted network. Raises SpecError before training or loading."""
        from assay.torch_predict import fitted

        return fitted(self._module)

    def to_model_space(self, inputs: "NDArray[Any]") -> "NDArray[Any]":
        """Raw pixels -> [0, 1], with a channel axis."""
        import numpy as np

        return np.clip(inputs.astype(np.float32).reshape(-1, 1, self.side, self.side) / self.pixel_maximum, 0, 1)

    def from_model_space(self, inputs: "NDArray[Any]") -> "NDArray[Any]":
        """[0, 1] -> raw pixels."""
        import numpy as np

        return (inputs.reshape(-1, self.side, self.side) * self.pixel_maximum).astype(np.float32)
