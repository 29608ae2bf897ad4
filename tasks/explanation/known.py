"""Canaries of explanations: models known to use one input alone. Whoever explains them otherwise is blind."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from tasks.explanation.shapley import Answer


def liveliest(inputs: "NDArray[Any]") -> int:
    """The value of a row, counted flat, that varies most over rows."""
    return int(inputs.reshape(len(inputs), -1).std(axis=0).argmax())


def known_module(place: int, classes: int) -> "torch.nn.Module":
    """Logits rise and fall with one value of a row, counted flat."""
    import torch

    class Known(torch.nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            slopes = torch.linspace(-1, 1, classes, device=inputs.device)
            return inputs.flatten(1)[:, place, None] * slopes

    return Known()


def known_answer(place: int, inputs: "NDArray[Any]") -> "Answer":
    """Two classes; which one follows from one value of a row, counted flat."""
    import numpy as np

    column = inputs.reshape(len(inputs), -1)[:, place].astype(np.float64)
    middle, spread = float(column.mean()), float(column.std()) or 1.0

    def answer(rows: "NDArray[Any]") -> "NDArray[Any]":
        away = (rows.reshape(len(rows), -1)[:, place].astype(np.float64) - middle) / spread
        second = 1 / (1 + np.exp(-np.clip(away, -10, 10)))
        return np.stack([1 - second, second], axis=1)

    return answer


def commonest_half(texts: Sequence[str]) -> str:
    """The word that comes nearest to being in every second text."""
    often = Counter(word for text in texts for word in set(re.findall(r"\w+", text)))
    return min(often, key=lambda word: (abs(often[word] - len(texts) / 2), word), default="")


def known_word_answer(word: str) -> "Answer":
    """Two classes; the second is the texts that have the word."""
    import numpy as np

    found = re.compile(rf"\b{re.escape(word)}\b")

    def answer(texts: "NDArray[Any]") -> "NDArray[Any]":
        second = np.array([0.9 if found.search(str(text)) else 0.1 for text in texts.flat])
        return np.stack([1 - second, second], axis=1)

    return answer
