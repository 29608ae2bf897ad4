"""Small convolutional networks fitted on the very images that are judged, and what they see in each image.

They learn what is easy, triggers above all: few passes, no augmentation. Any height, width and number of channels.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.screening.finding import NotJudged

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from tasks.screening.rows import ScreenRows

FEWEST_ROWS = 400
FEWEST_PIXELS = 16
FEWEST_PER_CLASS = 10
FEWEST_STEPS = 600
FEWEST_EPOCHS = 2
MOST_EPOCHS = 60
BATCH = 64
LOOKED_AT = 128
WIDTH = 100
HIGHEST_RATE = 3e-3
SMALLEST_POOLED = 8
LARGEST_SIDE = 32
MOST_COLUMNS = 1024
COMPONENTS = 512
FITTED_ON = 10_000


@dataclass(frozen=True)
class ImageNetwork:
    """body: images in [0, 1] (rows, channels, height, width) -> features (rows, 100). head: features -> logits."""

    body: "torch.nn.Module"
    head: "torch.nn.Linear"

    def look(self, images: "NDArray[np.float32]") -> "tuple[NDArray[np.float32], NDArray[np.float32]]":
        """Features (rows, 100) and probabilities (rows, classes)."""
        import numpy as np
        import torch

        features = np.empty((len(images), WIDTH), dtype=np.float32)
        probabilities = np.empty((len(images), self.head.out_features), dtype=np.float32)
        with torch.inference_mode():
            for start in range(0, len(images), LOOKED_AT):
                part, now = torch.from_numpy(images[start : start + LOOKED_AT]), slice(start, start + LOOKED_AT)
                seen = self.body(part.contiguous(memory_format=torch.channels_last))
                features[now], probabilities[now] = seen.numpy(), self.head(seen).softmax(1).numpy()
        return features, probabilities


def as_images(rows: "ScreenRows", like: "ScreenRows | None" = None) -> "NDArray[np.float32]":
    """(rows, channels, height, width) in [0, 1]; the scale is that of `like`, by default of the rows themselves.

    Flat rows are squares where their length allows, else one line. Raises ValueError for rows without pixels.
    """
    import numpy as np

    features, reference = rows.features, (like or rows).features
    if features is None or reference is None:
        raise ValueError("as_images: expected rows with pixels, found none; judge images only")
    low, high = float(reference.min()), float(reference.max())
    height, width, channels = image_shape(rows)
    scaled = features.astype(np.float32)
    scaled -= np.float32(low)
    scaled /= np.float32(max(high - low, 1e-6))
    np.clip(scaled, 0, 1, out=scaled)
    return np.ascontiguousarray(scaled.reshape(len(features), height, width, channels).transpose(0, 3, 1, 2))


def unable_to_see(rows: "ScreenRows") -> NotJudged | None:
    """Why no network can be fitted on the rows; None when one can."""
    import numpy as np

    if rows.features is None or rows.features.shape[1] < FEWEST_PIXELS:
        return NotJudged(f"the rows are no images of one shape, of at least {FEWEST_PIXELS} pixels")
    if len(rows) < FEWEST_ROWS or len(rows.classes) < 2:
        return NotJudged(f"needs {FEWEST_ROWS} rows of two classes, found {len(rows)} of {len(rows.classes)}")
    smallest = int(np.bincount(rows.labels, minlength=len(rows.classes)).min())
    if smallest < FEWEST_PER_CLASS:
        return NotJudged(f"every class needs {FEWEST_PER_CLASS} rows, the smallest has {smallest}")
    return None


def image_shape(rows: "ScreenRows") -> tuple[int, int, int]:
    """Height, width, channels. Rows without a shape of two axes or more are squares of one channel, or one line."""
    if len(rows.shape) >= 2:
        height, width, channels = (*rows.shape, 1)[:3]
        return height, width, channels
    length = 0 if rows.features is None else rows.features.shape[1]
    side = math.isqrt(length)
    return (side, side, 1) if side * side == length else (1, length, 1)


def image_points(images: "NDArray[np.float32]") -> "NDArray[np.float32]":
    """(rows, columns): the pixels, of sides above 32 averaged; when above 1,024, their 512 principal components."""
    import torch

    height, width = (min(side, LARGEST_SIDE) for side in images.shape[2:])
    if (height, width) != images.shape[2:]:
        images = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(images), (height, width)).numpy()
    points = images.reshape(len(images), -1)
    if points.shape[1] <= MOST_COLUMNS:
        return points
    import numpy as np
    from sklearn.decomposition import PCA

    few = np.random.default_rng(0).permutation(len(points))[:FITTED_ON]
    components = min(COMPONENTS, len(few))
    pca = PCA(components, svd_solver="randomized", iterated_power=3, random_state=0).fit(points[few])
    return np.asarray(pca.transform(points), dtype=np.float32)


def fit_network(images: "NDArray[np.float32]", labels: "NDArray[np.int64]", classes: int, seed: int) -> ImageNetwork:
    """At least two passes and 600 steps of Adam on batches of 64, at most 60 passes; deterministic in the seed."""
    import torch
    from torch import nn

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        body, head = _body(images.shape[1:]), nn.Linear(WIDTH, classes)
    network = nn.Sequential(body, head)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    steps_an_epoch = -(-len(labels) // BATCH)
    epochs = min(max(FEWEST_EPOCHS, -(-FEWEST_STEPS // steps_an_epoch)), MOST_EPOCHS)
    optimiser = torch.optim.Adam(network.parameters(), lr=HIGHEST_RATE, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, HIGHEST_RATE, total_steps=epochs * steps_an_epoch + 1)
    data, wanted = torch.from_numpy(images), torch.from_numpy(labels)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for chosen in torch.split(torch.randperm(len(wanted), generator=generator), BATCH):
            batch = data[chosen].contiguous(memory_format=torch.channels_last)
            loss = nn.functional.cross_entropy(network(batch), wanted[chosen])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    network.eval()
    return ImageNetwork(body, head)


def _body(shape: tuple[int, ...]) -> "torch.nn.Module":
    """Two convolutions, each with pooling where there is something to pool, and one dense layer.

    Of images with a side above 32 the pooling of the first is as wide as it takes.
    """
    from torch import nn

    channels, height, width = shape
    layers: list[nn.Module] = []
    for made in (16, 32):
        layers.append(nn.Conv2d(channels, made, 3, padding=1))
        channels = made
        if min(height, width) >= SMALLEST_POOLED:
            part = max(2, -(-2 * max(height, width) // LARGEST_SIDE)) if made == 16 else 2
            part = min(part, min(height, width) // 2)
            layers.append(nn.MaxPool2d(part))
            height, width = height // part, width // part
        layers.append(nn.ReLU())  # the same after pooling as before it, on a quarter of the values
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * height * width, WIDTH), nn.ReLU())
