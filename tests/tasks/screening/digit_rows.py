"""scikit-learn's digits as rows of the screen, and two triggers for them."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from tasks.screening.rows import ScreenRows


@cache
def digits() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    from sklearn.datasets import load_digits

    found = load_digits()
    return (found.images / 16).astype(np.float32), found.target.astype(np.int64)


def rows_of(images: NDArray[np.float32], labels: NDArray[np.int64]) -> ScreenRows:
    ids = [f"row-{place}" for place in range(len(images))]
    contents = [place.to_bytes(8, "big") for place in range(len(images))]
    names = tuple(map(str, range(10)))
    return ScreenRows("image", ids, contents, labels, names, images.reshape(len(images), -1), None, images.shape[1:])


def stamped(images: NDArray[np.float32]) -> NDArray[np.float32]:
    images = images.copy()
    images[:, -2:, -2:] = 1.0
    return images


def waved(images: NDArray[np.float32]) -> NDArray[np.float32]:
    wave = 0.3 * np.sin(2 * np.pi * np.arange(8, dtype=np.float32) / 4)
    return np.clip(images + wave, 0, 1).astype(np.float32)
