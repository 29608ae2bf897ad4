"""A sound model of the same make: what it gives away is the nature of the data, not what somebody planted.

A one needs many pixels to become anything, a four few to become a nine, and some networks fall to the faintest texture.
A network of the same layers, taught from scratch on sound rows alone, has the same weaknesses and no backdoor.
"""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.torch_threads import side_by_side

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

STEPS, BATCH, PEAK_RATE = 500, 32, 4e-3


@dataclass(frozen=True)
class Twin:
    """same_layers: else a plain network stands in, as the model's own layers cannot be started afresh."""

    module: "torch.nn.Module"
    same_layers: bool


def train_twins(
    module: "torch.nn.Module", inputs: "NDArray[np.float32]", labels: "NDArray[np.int64]", seeds: Sequence[int]
) -> tuple[Twin, ...]:
    """One for each of `seeds`, one at least.

    inputs: sound rows (rows, channels, H, W), all that twins learn from. `module` is left as it was.
    """
    device = _device(module)
    begun = [_begun(module, inputs, labels, seed) for seed in seeds]

    def teach(lesson: _Lesson) -> None:
        _fit(lesson, inputs, labels, device)

    if _draws_at_random(begun[0].twin.module, inputs):
        for lesson in begun:  # threads would share one generator, and a twin depend on what its sisters drew
            with _drawing_from(lesson.seed):
                teach(lesson)
    else:
        side_by_side(teach, begun, device)
    return tuple(lesson.twin for lesson in begun)


def fresh_copy(module: "torch.nn.Module") -> "torch.nn.Module | None":
    """The same layers with new weights by torch's global generator; None when a weight belongs to no such layer."""
    copied = copy.deepcopy(module)
    weights = {id(weight) for weight in copied.parameters()}
    if not weights:
        return None
    for layer in copied.modules():
        renew = getattr(layer, "reset_parameters", None)
        if callable(renew):
            renew()
            weights -= {id(weight) for weight in layer.parameters()}
    return None if weights else copied.requires_grad_(True)


def _plain_network(shape: tuple[int, ...], classes: int) -> "torch.nn.Module":
    from torch import nn

    channels, height, width = shape
    return nn.Sequential(
        nn.Conv2d(channels, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * (height // 4) * (width // 4), 100),
        nn.ReLU(),
        nn.Linear(100, classes),
    )


def _device(module: "torch.nn.Module") -> "torch.device":
    import itertools

    import torch

    held = next(itertools.chain(module.parameters(), module.buffers()), None)
    return torch.device("cpu") if held is None else held.device


@dataclass(frozen=True)
class _Lesson:
    """A twin with new weights, and the places of the rows of its batches, one after another."""

    seed: int
    twin: Twin
    order: "torch.Tensor"


def _begun(module: "torch.nn.Module", inputs: "NDArray[np.float32]", labels: "NDArray[np.int64]", seed: int) -> _Lesson:
    import torch

    with _drawing_from(seed):
        fresh = fresh_copy(module)
        network = fresh or _plain_network(inputs.shape[1:], int(labels.max()) + 1)
        order = torch.cat([torch.randperm(len(labels)) for _ in range(STEPS * BATCH // len(labels) + 1)])
    return _Lesson(seed, Twin(network, fresh is not None), order)


@contextmanager
def _drawing_from(seed: int) -> Iterator[None]:
    """Torch's global generator, on the CPU, as it was before once this ends."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def _draws_at_random(network: "torch.nn.Module", inputs: "NDArray[np.float32]") -> bool:
    """Whether it draws from torch's global generator while it learns, as dropout does."""
    import torch

    with torch.random.fork_rng(devices=[]), torch.no_grad():
        before = torch.get_rng_state()
        copy.deepcopy(network).cpu().train()(torch.from_numpy(inputs[:2]))
        return not torch.equal(before, torch.get_rng_state())


def _fit(lesson: _Lesson, inputs: "NDArray[np.float32]", labels: "NDArray[np.int64]", device: "torch.device") -> None:
    import torch
    from torch.nn.functional import cross_entropy

    network, order = lesson.twin.module, lesson.order
    network.to(device).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]  # torch knows it
    rows, wanted = torch.from_numpy(inputs).to(device), torch.from_numpy(labels).to(device)
    optimiser = torch.optim.Adam(network.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK_RATE, total_steps=STEPS)
    for step in range(STEPS):
        chosen = order[step * BATCH : (step + 1) * BATCH].to(device)
        loss = cross_entropy(network(rows[chosen].contiguous(memory_format=torch.channels_last)), wanted[chosen])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    network.eval()
