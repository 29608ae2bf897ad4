"""The number that is explained: how far a class's log-probability lies above the mean of all classes.

Of a softmax it is the class's logit less the mean logit: explanations of a module and of its file speak of the same.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

_LEAST = 1e-6


def centred(probabilities: "NDArray[Any]", targets: "NDArray[np.int64]") -> "NDArray[np.float64]":
    """(rows,): of class `targets[row]`; probabilities below 1e-6 count as that. (rows, classes) in."""
    import numpy as np

    logs = np.log(np.maximum(probabilities.astype(np.float64), _LEAST))
    return np.asarray(logs[np.arange(len(targets)), targets] - logs.mean(axis=1))


def centred_logits(logits: "torch.Tensor", targets: "torch.Tensor") -> "torch.Tensor":
    """(rows,): the same from logits (rows, classes)."""
    return logits.gather(1, targets[:, None])[:, 0] - logits.mean(dim=1)
