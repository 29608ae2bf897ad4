"""Small models that learn another model's answers: a network for images, boosted trees for tables, words for texts.

What an attacker would train with an afternoon's effort: no architecture of the examined model is known to it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tasks.privacy.perturbation import is_text

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    # Raw inputs to labels.
    Copy = Callable[[NDArray[Any]], NDArray[np.int64]]

WIDEST_TABLE = 100
_SMALLEST_SHARE = 0.02
_TREES = 100
_LARGEST_SIDE = 32
_BATCH = 64
_MEASURED, _ROWS_AT_ONCE = 1000, 512
_EPOCHS = 12
_FEWEST_STEPS, _MOST_STEPS = 200, 600


def train_copy(inputs: "NDArray[Any]", answers: "NDArray[np.float64]", seed: int) -> "Copy":
    """answers: (rows, classes) probabilities, or ones and zeros where only labels are to be had."""
    import numpy as np

    sure = answers.argmax(1)
    if answers.max(1).min() > 1 - _SMALLEST_SHARE and (sure == sure[0]).all():
        return lambda asked: np.full(len(asked), sure[0])
    if is_text(inputs):
        return _words(inputs, answers, seed)
    if inputs.ndim == 2 and inputs.shape[1] <= WIDEST_TABLE:
        return _trees(inputs, answers, seed)
    return _network(inputs, answers, seed)


def _spread_out(answers: "NDArray[np.float64]") -> tuple["NDArray[np.int64]", "NDArray[np.int64]", "NDArray[Any]"]:
    """Place, class and weight: a row once for every class that its answer gives a share."""
    import numpy as np

    places, classes = np.nonzero(answers >= _SMALLEST_SHARE)
    return places, classes, answers[places, classes]


def _words(inputs: "NDArray[Any]", answers: "NDArray[np.float64]", seed: int) -> "Copy":
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    places, classes, weights = _spread_out(answers)
    words = TfidfVectorizer(sublinear_tf=True)
    known = words.fit_transform(_texts(inputs))
    model = LogisticRegression(C=10.0, max_iter=300, random_state=seed)
    model.fit(known[places], classes, sample_weight=weights)
    return lambda asked: np.asarray(model.predict(words.transform(_texts(asked))))


def _texts(inputs: "NDArray[Any]") -> list[str]:
    return [str(text) for text in inputs.reshape(-1)]


def _trees(inputs: "NDArray[Any]", answers: "NDArray[np.float64]", seed: int) -> "Copy":
    import numpy as np
    from sklearn.ensemble import HistGradientBoostingClassifier

    places, classes, weights = _spread_out(answers)
    leaf = int(np.clip(len(inputs) // 25, 3, 20))
    model = HistGradientBoostingClassifier(
        max_iter=_TREES, min_samples_leaf=leaf, early_stopping=False, random_state=seed
    )
    model.fit(inputs[places], classes, sample_weight=weights)
    return lambda asked: np.asarray(model.predict(asked))


def _network(inputs: "NDArray[Any]", answers: "NDArray[np.float64]", seed: int) -> "Copy":
    import numpy as np
    import torch

    some = inputs[:: -(-len(inputs) // _MEASURED)]
    shift, scale = float(np.nanmean(some)), max(float(np.nanstd(some)), 1e-9)

    def seen(rows: "NDArray[Any]") -> "torch.Tensor":
        parts = np.array_split(rows, -(-len(rows) // _ROWS_AT_ONCE))
        scaled = (np.nan_to_num((part.astype(np.float32) - shift) / scale) for part in parts)
        return torch.cat([_as_images(torch.from_numpy(part)) for part in scaled])

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        known = seen(inputs)
        network = _convolutions(known, answers.shape[1]) if known.ndim == 4 else _layers(known, answers.shape[1])
        _fit(network, known, torch.from_numpy(answers.astype(np.float32)))

    def copy(asked: "NDArray[Any]") -> "NDArray[np.int64]":
        with torch.inference_mode():
            parts = [network(part).argmax(1) for part in torch.split(seen(asked), 512)]
        return torch.cat(parts).numpy()

    return copy


def _as_images(rows: "torch.Tensor") -> "torch.Tensor":
    """(rows, channels, side, side), sides at most 32, where the rows look like images; else (rows, numbers)."""
    from torch.nn.functional import interpolate

    if rows.ndim == 3:
        rows = rows[:, None]
    if rows.ndim != 4:
        return rows.flatten(1)
    if rows.shape[1] > 4 >= rows.shape[3]:
        rows = rows.permute(0, 3, 1, 2)
    if min(rows.shape[2:]) < 4:
        return rows.flatten(1)
    largest = max(rows.shape[2:])
    if largest <= _LARGEST_SIDE:
        return rows.contiguous()
    size = [max(4, side * _LARGEST_SIDE // largest) for side in rows.shape[2:]]
    return interpolate(rows, size=size, mode="area")


def _convolutions(rows: "torch.Tensor", classes: int) -> "torch.nn.Module":
    from torch import nn

    height, width = (side // 4 for side in rows.shape[2:])
    return nn.Sequential(
        nn.Conv2d(rows.shape[1], 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * height * width, 64), nn.ReLU(), nn.Linear(64, classes),
    )  # fmt: skip


def _layers(rows: "torch.Tensor", classes: int) -> "torch.nn.Module":
    from torch import nn

    return nn.Sequential(nn.Linear(rows.shape[1], 128), nn.ReLU(), nn.Linear(128, classes))


def _fit(network: "torch.nn.Module", known: "torch.Tensor", answers: "torch.Tensor") -> None:
    """Adam with a falling rate, cross-entropy against the shares of the answers."""
    import torch
    from torch.nn.functional import cross_entropy

    steps = min(max(_EPOCHS * len(known) // _BATCH, _FEWEST_STEPS), _MOST_STEPS)
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    falling = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.02, steps)
    for _ in range(steps):
        chosen = torch.randint(len(known), (min(_BATCH, len(known)),))
        loss = cross_entropy(network(known[chosen]), answers[chosen])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        falling.step()
