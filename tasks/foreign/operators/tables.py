"""Operators of ai.onnx.ml that are smooth: what scikit-learn's linear models and scalers become."""

from collections.abc import Callable

import torch
from torch import Tensor

from tasks.foreign.node import Builder, Call, Node

_NORMS: dict[str, Callable[[Tensor], Tensor]] = {
    "MAX": lambda data: data.amax(-1, keepdim=True),
    "L1": lambda data: data.abs().sum(-1, keepdim=True),
    "L2": lambda data: torch.linalg.vector_norm(data, dim=-1, keepdim=True),
}
_TRANSFORMS: dict[str, Callable[[Tensor], Tensor]] = {
    "NONE": lambda scores: scores,
    "LOGISTIC": torch.sigmoid,
    "SOFTMAX": lambda scores: torch.softmax(scores, -1),
}


def _normalizer(node: Node) -> Call:
    node.require("norm", "MAX", *_NORMS)
    norm = _NORMS[node.text("norm", "MAX")]

    def call(data: Tensor) -> Tensor:
        """Each row over its norm; a row of zeros stays."""
        size = norm(data)
        return data / torch.where(size == 0, 1, size)

    return call


def _scaler(node: Node) -> Call:
    offset = torch.tensor(node.attributes.get("offset", [0.0]))
    scale = torch.tensor(node.attributes.get("scale", [1.0]))
    return lambda data: (data - offset.to(data)) * scale.to(data)


def _linear_classifier(node: Node) -> Call:
    """Outputs (label, scores); the label is None: nothing that leads to the scores needs it."""
    node.require("post_transform", "NONE", *_TRANSFORMS)
    transform = _TRANSFORMS[node.text("post_transform", "NONE")]
    labels = node.attributes.get("classlabels_ints") or node.attributes.get("classlabels_strings") or []
    bias = torch.tensor(node.attributes.get("intercepts") or [0.0] * len(labels))
    coefficients = torch.tensor(node.attributes["coefficients"])
    if bias.numel() < 2 or coefficients.numel() % bias.numel():
        raise node.refused(f"{bias.numel()} intercepts for {len(labels)} classes", "one a class")
    weights = coefficients.reshape(bias.numel(), -1).T
    return lambda data: (None, transform(torch.addmm(bias.to(data), data, weights.to(data))))


TABLES: dict[str, Builder] = {
    "LinearClassifier": _linear_classifier,
    "Normalizer": _normalizer,
    "Scaler": _scaler,
}
