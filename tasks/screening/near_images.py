"""Images that are one picture but for a small shift, brightness, contrast or noise.

An image is its lowest frequencies. Their magnitudes do not change when the picture moves, so they find the
candidates; two candidates are as far apart as their pictures at the best of a few small shifts.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WAVES = 8
DIMENSIONS = 32
FARTHEST_SHIFT = 0.07
STEPS = 2
BATCH = 4_096
SMALLEST = 1e-3
FITTED_ON = 10_000


class ImageLooks:
    """Distances are those of pictures of mean 0 and length 1: from 0 to 2, square root of 2 for unrelated ones."""

    def __init__(self, features: "NDArray[np.float32]", places: "NDArray[np.int64]", shape: tuple[int, ...]) -> None:
        """features: (rows, pixels) of images of `shape`, (height, width) or (height, width, channels)."""
        import numpy as np
        from sklearn.decomposition import PCA

        self._spectra, weights = _spectra(features, places, shape)
        self._shifts = _shifts(shape, weights)
        magnitudes = np.abs(self._spectra) * np.sqrt(weights)
        few = np.random.default_rng(0).permutation(len(places))[:FITTED_ON]
        count = min(DIMENSIONS, magnitudes.shape[1], len(few))
        pca = PCA(count, svd_solver="randomized", random_state=0).fit(magnitudes[np.sort(few)])
        self.vectors = np.ascontiguousarray(pca.transform(magnitudes), dtype=np.float32)

    def distances(self, places: "NDArray[np.int64]", others: "NDArray[np.int64]") -> "NDArray[np.float64]":
        import numpy as np

        found = np.empty(others.shape)
        for start in range(0, len(places), BATCH):
            own = np.conj(self._spectra[places[start : start + BATCH]])
            for column in range(others.shape[1]):
                crossed = self._spectra[others[start : start + BATCH, column]] * own
                alike = (crossed.view(np.float32) @ self._shifts).max(axis=1)
                found[start : start + len(own), column] = np.sqrt(np.maximum(2 - 2 * alike, 0))
        return np.asarray(np.maximum(found, SMALLEST))

    def in_words(self, distance: float) -> str:
        return f"alike to {max(1 - distance**2 / 2, 0):.1%} but for shift, brightness and contrast"


def _spectra(
    features: "NDArray[np.float32]", places: "NDArray[np.int64]", shape: tuple[int, ...]
) -> "tuple[NDArray[np.complex64], NDArray[np.float32]]":
    """(rows, frequencies) of length 1 by the weights, and the weights: half the frequencies stand for two."""
    import numpy as np

    height, width, channels = (*shape, 1)[:3]
    lines, columns = _frequencies(height), np.arange(min(WAVES, width // 2) + 1)
    weights = np.where((columns == 0) | (2 * columns == width), 1, 2).astype(np.float32)
    weights = np.tile(np.repeat(weights, channels), len(lines))
    found = np.empty((len(places), len(weights)), dtype=np.complex64)
    for start in range(0, len(places), BATCH):
        pixels = features[places[start : start + BATCH]].reshape(-1, height, width, channels)
        pixels = pixels - pixels.mean(axis=(1, 2), keepdims=True)
        waves = np.fft.rfft2(pixels, axes=(1, 2))[:, lines][:, :, columns].reshape(len(pixels), -1)
        length = np.sqrt((np.abs(waves) ** 2 * weights).sum(axis=1, keepdims=True))
        found[start : start + len(pixels)] = waves / np.maximum(length, 1e-9)
    return found, weights


def _frequencies(size: int) -> "NDArray[np.int64]":
    """Indices of at most `WAVES` waves either way; those below 0 count from the end."""
    import numpy as np

    most = min(WAVES, (size - 1) // 2)
    return np.concatenate([np.arange(most + 1), np.arange(size - most, size)])


def _shifts(shape: tuple[int, ...], weights: "NDArray[np.float32]") -> "NDArray[np.float32]":
    """(2 * frequencies, shifts): turns a product of two spectra into the pictures' likeness at each shift."""
    import numpy as np

    height, width, channels = (*shape, 1)[:3]
    down = _frequencies(height)[:, None] / height
    across = np.arange(min(WAVES, width // 2) + 1)[None] / width
    waves = []
    for vertical in _steps(height):
        for horizontal in _steps(width):
            turned = np.exp(2j * np.pi * (down * vertical + across * horizontal))
            waves.append(np.repeat(turned.ravel(), channels) * weights)
    # The real part of a product, from numbers that lie as real, imaginary, real, …
    table = np.array(waves).T
    return np.asarray(np.stack([table.real, -table.imag], axis=1).reshape(2 * len(table), -1), dtype=np.float32)


def _steps(size: int) -> "NDArray[np.float64]":
    import numpy as np

    farthest = max(round(FARTHEST_SHIFT * size), 1)
    steps = min(STEPS, farthest)
    return np.asarray(np.round(np.linspace(-farthest, farthest, 2 * steps + 1)))
