"""Class probabilities of images by a small convolutional network that is fitted in seconds.

Strided convolutions instead of pooling, few passes under one learning-rate cycle (Smith and Topin 2018). Any height,
width, number of channels and of classes.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

EPOCHS = 2
STEPS = 300
BATCH = 128
RATE = 4e-3
WIDTH = 96
MOST_PLACES = 64
FEWEST_SIDE = 4


def classify_images(
    train: "NDArray[np.float32]", labels: "NDArray[np.int64]", aside: "NDArray[np.float32]", classes: int, seed: int
) -> "NDArray[np.float64]":
    """(rows aside, classes). train, aside: (rows, height, width, channels), in any one range of values."""
    import numpy as np
    import torch

    middle, spread = float(train.mean()), max(float(train.std()), 1e-6)
    network = _fitted(_tensor(train, middle, spread), torch.from_numpy(labels), classes, seed)
    found = []
    with torch.inference_mode():
        for start in range(0, len(aside), 1024):
            found.append(network(_tensor(aside[start : start + 1024], middle, spread)).softmax(1).numpy())
    return np.asarray(np.concatenate(found), dtype=np.float64)


def _tensor(images: "NDArray[np.float32]", middle: float, spread: float) -> "torch.Tensor":
    """Channels last in memory as the images are, and so left there."""
    import torch

    return torch.from_numpy((images - middle) / spread).permute(0, 3, 1, 2)


def _fitted(images: "torch.Tensor", labels: "torch.Tensor", classes: int, seed: int) -> "torch.nn.Module":
    """At least two passes, and at least 300 steps, of half batches where rows are few."""
    import torch
    from torch.nn.functional import cross_entropy

    batch = BATCH if len(labels) * EPOCHS >= STEPS * BATCH else BATCH // 2
    steps = max(-(-len(labels) // batch) * EPOCHS, STEPS)
    network = _network(*images.shape[1:], classes=classes, seed=seed)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=1e-3, fused=True)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    generator = torch.Generator().manual_seed(seed)
    order: list[torch.Tensor] = []
    for _ in range(steps):
        order = order or list(torch.split(torch.randperm(len(labels), generator=generator), batch))
        chosen = order.pop()
        loss = cross_entropy(network(images[chosen]), labels[chosen])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        cycle.step()
    network.eval()
    return network


def _network(channels: int, height: int, width: int, *, classes: int, seed: int) -> "torch.nn.Module":
    """Two convolutions or more, until few places are left; each halves sides that are long enough."""
    import torch
    from torch import nn

    layers: list[nn.Module] = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        while len(layers) < 4 or (height * width > MOST_PLACES and min(height, width) > FEWEST_SIDE):
            made, size = min(16 * (len(layers) // 2 + 1), 64), 3 if layers else 5
            stride = 2 if min(height, width) > FEWEST_SIDE else 1
            layers += [nn.Conv2d(channels, made, size, stride, size // 2), nn.ReLU()]
            channels, height, width = made, -(-height // stride), -(-width // stride)
        layers += [nn.Flatten(), nn.Linear(channels * height * width, WIDTH), nn.ReLU(), nn.Linear(WIDTH, classes)]
        return nn.Sequential(*layers)
