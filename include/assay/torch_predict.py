"""What every torch classifier needs besides training: probabilities in batches, weights as safetensors."""

from pathlib import Path
from typing import TYPE_CHECKING

from assay.errors import SpecError

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

WEIGHTS = "weights.safetensors"


def fitted(module: "torch.nn.Module | None") -> "torch.nn.Module":
    """`module`, or SpecError when the model was neither trained nor loaded."""
    if module is None:
        raise SpecError("the model has no weights yet; call train_function or load_function first")
    return module


def predict_probabilities(
    module: "torch.nn.Module", inputs: "NDArray[np.float32]", batch: int = 256
) -> "NDArray[np.float32]":
    """Softmax of the logits, float32 (rows, classes), for model-space `inputs`."""
    import torch

    device = next(module.parameters()).device
    module.eval()
    with torch.inference_mode():
        parts = [module(part.to(device)).softmax(1).cpu() for part in torch.split(torch.from_numpy(inputs), batch)]
    return torch.cat(parts).numpy()


def save_weights(module: "torch.nn.Module", folder: Path) -> None:
    """Write the state dict into `folder` as safetensors; equal weights give equal bytes."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}
    save_file(state, folder / WEIGHTS)


def load_weights(module: "torch.nn.Module", folder: Path) -> "torch.nn.Module":
    """Fill `module` with what `save_weights` wrote; in evaluation mode."""
    from safetensors.torch import load_file

    module.load_state_dict(load_file(folder / WEIGHTS))
    return module.eval()
