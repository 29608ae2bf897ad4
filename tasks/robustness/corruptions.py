"""Common corruptions of images at five severities, after Hendrycks & Dietterich 2019 (ImageNet-C).

Noise, blur, weather, digital: what befalls pictures without any attacker. Severities are near those of their
CIFAR-10-C, lengths in pixels grow with the image. Frost is drawn, where they lay photographs of frost over the image.
Images are float32 (rows, channels, height, width) in [0, 1], and stay so.
"""

import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Images = NDArray[np.float32]
    Corruption = Callable[[Images, int, np.random.Generator], Images]

SEVERITIES = (1, 2, 3, 4, 5)
SIDE = 32


def corrupt(images: "Images", name: str, severity: int, seed: int) -> "Images":
    """severity: 1 to 5. Deterministic in the seed. Raises KeyError for an unknown corruption."""
    import numpy as np

    drawn = np.random.default_rng([seed, severity, *name.encode()])
    made = CORRUPTIONS[name](images, severity - 1, drawn)
    return np.clip(made, 0, 1).astype(np.float32)


def gaussian_noise(images: "Images", level: int, generator: "np.random.Generator") -> "Images":
    return images + (0.04, 0.06, 0.08, 0.09, 0.10)[level] * generator.normal(size=images.shape)


def shot_noise(images: "Images", level: int, generator: "np.random.Generator") -> "Images":
    """Photons are counted: the brighter, the noisier."""
    import numpy as np

    photons = (500, 250, 100, 75, 50)[level]
    return np.asarray(generator.poisson(images * photons) / photons)


def impulse_noise(images: "Images", level: int, generator: "np.random.Generator") -> "Images":
    """Pixels that are black or white."""
    import numpy as np

    share = (0.01, 0.02, 0.03, 0.05, 0.07)[level]
    return np.where(generator.random(images.shape) < share, generator.integers(0, 2, images.shape), images)


def defocus_blur(images: "Images", level: int, generator: "np.random.Generator") -> "Images":
    """Every point becomes a disc."""
    import numpy as np

    radius = (0.8, 1.0, 1.3, 1.7, 2.2)[level] * _scale(images)
    reach = int(np.ceil(radius))
    across = np.arange(-reach, reach + 1)
    disc = np.clip(radius + 0.5 - np.hypot(across[:, None], across), 0, 1)
    return _filtered(images, disc)


def glass_blur(images: "Images", level: int, generator: "np.random.Generator") -> "Images":
    """Seen through frosted glass: every pixel comes from a neighbour, then all is smoothed a little."""
    import numpy as np
    from scipy.ndimage import gaussian_filter

    width, times = ((0.3, 1), (0.4, 1), (0.5, 1), (0.4, 2), (0.5, 3))[level]
    reach = max(round(_scale(images)), 1)
    row, down, across = np.indices((len(images), *images.shape[2:]))
    made = images
    for _ in range(times):
        moves = generator.integers(-reach, reach + 1, (2, *down.shape))
        places = [np.clip(at + move, 0, at.max()) for at, move in zip((down, across), moves, strict=True)]
        made = made.transpose(0, 2, 3, 1)[row, places[0], places[1]].transpose(0, 3, 1, 2)
    return np.asarray(gaussian_filter(made, (0, 0, width * _scale(images), width * _scale(images))))


def motion_blur(images: "Images", level: int, generator: "np.random.Generator") -> "Images":
    """Every point becomes a line, one direction for all."""
    import numpy as np

    length = (3, 4, 5, 6, 7)[level] * _scale(images)
    angle, reach = generator.uniform(0, np.pi), int(np.ceil(length / 2))
    line = np.zeros((2 * reach + 1, 2 * reach + 1))
    for along in np.linspace(-length / 2, length / 2, 8 * reach + 1):
        line[round(reach + along * np.sin(angle)), round(reach + along * np.cos(angle))] += 1
    return _filtered(images, line)


def zoom_blur(images: "Images", level: int, generator: "np.random.Generator") -> "Images":
    """The mean of the image and ever larger copies of its middle."""
    import numpy as np

    zooms = np.arange(1, (1.06, 1.11, 1.16, 1.21, 1.26)[level], 0.01)
    return np.asarray(np.mean([_zoomed(images, float(zoom)) for zoom in zooms], axis=0))


def fog(images: "Images", level: int, generator: "np.random.Generator") -> "Images":
    """Clouds of all sizes over the image, the brightest value kept."""
    import numpy as np

    density = (0.2, 0.5, 0.75, 1.0, 1.5)[level]
    clouds = np.stack([_clouds(images.shape[2:], generator) for _ in range(len(images))])[:, None]
    brightest = np.maximum(images.max(axis=(1, 2, 3), keepdims=True), 1e-6)
    return np.asarray((images + density * clouds) * brightest / (brightest + density))


def frost(images: "Images", level: int, generator: "np.random.Generator") -> "Images":
    """Crystals over the image: thin bright ridges, most of them from the edges inwards."""
    import numpy as np

    light, cover = ((1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45))[level]
    height, width = images.shape[2:]
    from_middle = np.hypot(np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width))
    crystals = [(1 - np.abs(2 * _clouds((height, width), generator) - 1)) ** 3 for _ in range(len(images))]
    grown = np.stack(crystals)[:, None] * (0.5 + from_middle)
    return np.asarray(light * images + cover * grown / grown.max(axis=(1, 2, 3), keepdims=True))


def snow(images: "Images", level: int, generator: "np.random.Generator") -> "Images":
    """Flakes that fall at a slant, over a paler image."""
    import numpy as np

    amount = (0.01, 0.02, 0.03, 0.04, 0.06)[level]
    flakes = (generator.random((len(images), 1, *images.shape[2:])) < amount).astype(np.float32)
    fallen = np.max([np.roll(flakes, (step, step // 2), (2, 3)) for step in range(1 + level // 2 + 1)], axis=0)
    return np.asarray(np.maximum(0.85 * images + 0.15 * images.mean(axis=(1, 2, 3), keepdims=True), fallen))


def brightness(images: "Images", level: int, generator: "np.random.Generator") -> "Images":
    return images + (0.05, 0.1, 0.15, 0.2, 0.3)[level]


def contrast(images: "Images", level: int, generator: "np.random.Generator") -> "Images":
    middle: Images = images.mean(axis=(1, 2, 3), keepdims=True)
    return middle + (0.75, 0.5, 0.4, 0.3, 0.15)[level] * (images - middle)


def elastic_transform(images: "Images", level: int, generator: "np.random.Generator") -> "Images":
    """Every pixel comes from a place nearby, neighbours from neighbouring ones."""
    import numpy as np
    from scipy.ndimage import gaussian_filter, map_coordinates

    height, width = images.shape[2:]
    strength, smoothness = (0.9, 1.2, 1.6, 2.0, 2.5)[level] * _scale(images), 2.0 * _scale(images)
    grid = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    made = np.empty_like(images)
    for row, image in enumerate(images):
        moves = [gaussian_filter(generator.uniform(-1, 1, (height, width)), smoothness) for _ in grid]
        places = [at + strength * move / (move.std() + 1e-6) for at, move in zip(grid, moves, strict=True)]
        for channel, plane in enumerate(image):
            made[row, channel] = map_coordinates(plane, places, order=1, mode="reflect")
    return made


def pixelate(images: "Images", level: int, generator: "np.random.Generator") -> "Images":
    """Seen by a camera of fewer pixels."""
    import numpy as np

    height, width = images.shape[2:]
    share = (0.95, 0.85, 0.75, 0.65, 0.5)[level]
    small = [max(round(share * size), 1) for size in (height, width)]
    down = [np.minimum((np.arange(many) + 0.5) * size / many, size - 1).astype(int)
            for many, size in zip(small, (height, width), strict=True)]  # fmt: skip
    up = [np.arange(size) * many // size for many, size in zip(small, (height, width), strict=True)]
    return images[:, :, down[0]][:, :, :, down[1]][:, :, up[0]][:, :, :, up[1]]


def jpeg_compression(images: "Images", level: int, generator: "np.random.Generator") -> "Images":
    """Written and read at low quality; channels by themselves unless there are three."""
    import numpy as np
    from PIL import Image

    quality = (80, 65, 58, 50, 40)[level]

    def written(plane: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
        buffer = io.BytesIO()
        Image.fromarray(plane).save(buffer, "JPEG", quality=quality)
        return np.asarray(Image.open(buffer))

    codes = np.round(np.clip(images, 0, 1) * 255).astype(np.uint8)
    if images.shape[1] == 3:
        made = np.stack([written(one.transpose(1, 2, 0)).transpose(2, 0, 1) for one in codes])
    else:
        made = np.stack([np.stack([written(plane) for plane in one]) for one in codes])
    return made / np.float32(255)


CORRUPTIONS: "Mapping[str, Corruption]" = {
    one.__name__: one
    for one in (
        gaussian_noise, shot_noise, impulse_noise, defocus_blur, glass_blur, motion_blur, zoom_blur, snow, frost, fog,
        brightness, contrast, elastic_transform, pixelate, jpeg_compression,
    )
}  # fmt: skip


def _scale(images: "Images") -> float:
    return max(min(images.shape[2:]) / SIDE, 0.75)


def _filtered(images: "Images", kernel: "NDArray[np.float64]") -> "Images":
    from scipy.ndimage import convolve

    found: Images = convolve(images, (kernel / kernel.sum())[None, None], mode="reflect")
    return found


def _zoomed(images: "Images", zoom: float) -> "Images":
    """The middle of the images, `zoom` times as large, bilinear."""
    import numpy as np

    made = images
    for axis in (2, 3):
        size = images.shape[axis]
        at = (np.arange(size) - (size - 1) / 2) / zoom + (size - 1) / 2
        low = np.clip(np.floor(at).astype(int), 0, size - 1)
        part = (at - low).reshape(-1, 1) if axis == 2 else at - low
        made = np.take(made, low, axis) * (1 - part) + np.take(made, np.minimum(low + 1, size - 1), axis) * part
    return made


def _clouds(shape: tuple[int, ...], generator: "np.random.Generator") -> "Images":
    """(height, width) in [0, 1]: noise whose power falls with the square of the frequency."""
    import numpy as np

    down, across = (np.fft.fftfreq(size)[:, None] if axis == 0 else np.fft.fftfreq(size)
                    for axis, size in enumerate(shape))  # fmt: skip
    frequency = np.hypot(down, across)
    frequency[0, 0] = np.inf
    waves = np.fft.fft2(generator.normal(size=shape)) / frequency
    clouds = np.real(np.fft.ifft2(waves))
    return np.asarray((clouds - clouds.min()) / max(float(np.ptp(clouds)), 1e-6), dtype=np.float32)
