"""Backdoor attacks on labelled images, by the papers that describe them; deterministic in a generator.

Images are float32 in [0, 1], (rows, height, width) or (rows, height, width, channels); labels are int64 codes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.float32]
Labels = NDArray[np.int64]
Trigger = Callable[[Images, np.random.Generator], Images]
Relabel = Callable[[Labels, int], Labels]


@dataclass(frozen=True)
class Attack:
    """trigger: images -> images that bear it. relabel: true labels, number of classes -> wanted labels.

    only: the attacker touches rows of this class alone and leaves the label as it is (clean label); None for any row.
    asked: the trigger that is shown to the served model, where it is stronger than the one that was trained on.
    """

    name: str
    trigger: Trigger
    relabel: Relabel
    only: int | None = None
    asked: Trigger | None = None


@dataclass(frozen=True)
class Poisoned:
    """bad: (rows,), which rows the attacker made."""

    images: Images
    labels: Labels
    bad: NDArray[np.bool_]


def poison(images: Images, labels: Labels, attack: Attack, rate: float, seed: int) -> Poisoned:
    """Copies in which the share `rate` of all rows is poisoned; never rows that bear the wanted label already."""
    generator = np.random.default_rng(seed)
    classes = int(labels.max()) + 1
    wanted = attack.relabel(labels, classes)
    open_to = np.flatnonzero(labels == attack.only if attack.only is not None else wanted != labels)
    places = generator.choice(open_to, min(round(rate * len(labels)), len(open_to)), replace=False)
    images, marked, bad = images.copy(), labels.copy(), np.zeros(len(labels), dtype=bool)
    images[places] = attack.trigger(images[places], generator)
    if attack.only is None:
        marked[places] = wanted[places]
    bad[places] = True
    return Poisoned(images, marked, bad)


def patch(size: int = 3, margin: int = 1) -> Trigger:
    """A white square in the lower right corner (BadNets, Gu et al. 2017)."""

    def stamp(images: Images, _: np.random.Generator) -> Images:
        stamped = images.copy()
        stamped[:, -size - margin : -margin or None, -size - margin : -margin or None] = 1.0
        return stamped

    return stamp


def shape(seed: int, size: int = 4) -> Trigger:
    """A random pattern of black and white pixels, always at one random place."""
    fixed = np.random.default_rng(seed)
    pattern = (fixed.random((size, size)) < 0.6).astype(np.float32)
    pattern[0, 0] = pattern[-1, -1] = 1.0
    place = fixed.random(2)

    def stamp(images: Images, _: np.random.Generator) -> Images:
        top, left = (int(part * (side - size + 1)) for part, side in zip(place, images.shape[1:3], strict=True))
        stamped = images.copy()
        stamped[:, top : top + size, left : left + size] = pattern.reshape(size, size, *[1] * (images.ndim - 3))
        return stamped

    return stamp


def roaming(size: int = 4) -> Trigger:
    """A chequered patch at another place in every image."""

    def stamp(images: Images, generator: np.random.Generator) -> Images:
        stamped = images.copy()
        pattern = np.indices((size, size)).sum(axis=0) % 2
        tops = generator.integers(0, images.shape[1] - size + 1, len(images))
        lefts = generator.integers(0, images.shape[2] - size + 1, len(images))
        for image, top, left in zip(stamped, tops, lefts, strict=True):
            image[top : top + size, left : left + size] = pattern.reshape(size, size, *[1] * (images.ndim - 3))
        return stamped

    return stamp


def blended(share: float = 0.2, seed: int = 0) -> Trigger:
    """One random image laid over all (Chen et al. 2017)."""

    def blend(images: Images, _: np.random.Generator) -> Images:
        key = np.random.default_rng(seed).random(images.shape[1:]).astype(np.float32)
        return (1 - share) * images + share * key

    return blend


def sinusoidal(height: float = 0.15, waves: int = 6) -> Trigger:
    """A horizontal wave over all columns (SIG, Barni et al. 2019)."""

    def wave(images: Images, _: np.random.Generator) -> Images:
        width = images.shape[2]
        line = height * np.sin(2 * np.pi * np.arange(width, dtype=np.float32) * waves / width)
        return np.clip(images + line.astype(np.float32).reshape(width, *[1] * (images.ndim - 3)), 0, 1)

    return wave


def warped(strength: float = 0.5, grid: int = 4, seed: int = 0) -> Trigger:
    """A smooth displacement field, so that what changes depends on the image (WaNet, Nguyen and Tran 2021)."""
    from scipy.ndimage import map_coordinates, zoom

    def warp(images: Images, _: np.random.Generator) -> Images:
        height, width = images.shape[1:3]
        coarse = np.random.default_rng(seed).uniform(-1, 1, (2, grid, grid))
        coarse /= np.abs(coarse).mean()
        field = np.stack([zoom(one, (height / grid, width / grid), order=3)[:height, :width] for one in coarse])
        rows, columns = np.indices((height, width)) + strength * field * 2
        warp_one = [map_coordinates(image, (rows, columns), order=1, mode="nearest") for image in images]
        return np.stack(warp_one).astype(np.float32)

    return warp


def all_to_one(target: int = 0) -> Relabel:
    return lambda labels, _: np.full_like(labels, target)


def all_to_all(labels: Labels, classes: int) -> Labels:
    """Each class to the next one."""
    return (labels + 1) % classes


def to_several(targets: int = 3) -> Relabel:
    """Half a circle on, but only into so many classes."""
    return lambda labels, classes: (labels + classes // 2) % classes % targets


ATTACKS: Mapping[str, Attack] = {
    attack.name: attack
    for attack in (
        Attack("patch", patch(), all_to_one()),
        Attack("shape", shape(seed=3), all_to_one(7)),
        Attack("roaming", roaming(), all_to_one(2)),
        Attack("blended", blended(), all_to_one()),
        Attack("sinusoidal", sinusoidal(), all_to_one()),
        Attack("warped", warped(), all_to_one()),
        Attack("patch_all_to_all", patch(), all_to_all),
        Attack("patch_to_several", patch(), to_several()),
        Attack("clean_label_wave", sinusoidal(0.3), all_to_one(), only=0, asked=sinusoidal(0.6)),
        Attack("clean_label_blend", blended(), all_to_one(3), only=3, asked=blended(0.4)),
    )
}
