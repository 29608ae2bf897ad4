"""The standard suite on a ResNet-18 of CIFAR size: rows a second, and which share of the device's own limit that is.

    python benchmarks/bench_attacks_device.py --device cuda [--rows 1000] [--batch 1000]

The limit is the same number of forward and backward passes alone, in batches of the same size. Weights are random and
labels are the network's own answers; epsilon is so small that hardly a row falls, so each attack does all its work.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from assay.torch_mode import evaluation_mode
from tasks.attacks.apgd import Apgd
from tasks.attacks.ball import Ball
from tasks.attacks.fab import Fab
from tasks.attacks.square import Square
from tasks.attacks.suite import run_suite

EPSILON = 1e-4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=100, help="of each climb; the protocol has 100")
    parser.add_argument("--queries", type=int, default=5000)
    asked = parser.parse_args()
    module = resnet18().to(asked.device).eval()
    inputs = np.random.default_rng(0).random((asked.rows, 3, 32, 32)).astype(np.float32)
    with torch.inference_mode():
        parts = torch.split(torch.from_numpy(inputs), asked.batch)
        labels = torch.cat([module(part.to(asked.device)).argmax(1).cpu() for part in parts]).numpy()
    forward, both = limits(module, inputs, asked.batch, asked.device)
    steps = asked.steps
    for attack in (Apgd("ce", steps), Apgd("dlr_targeted", steps), Fab(steps), Square(asked.queries)):
        sized = replace(attack, batch=asked.batch)
        started = time.perf_counter()
        (found,) = run_suite(module, inputs, labels, Ball("linf", EPSILON), [sized]).outcomes
        seconds = time.perf_counter() - started
        least = both * found.backward_passes + forward * (found.forward_passes - found.backward_passes)
        line = {"attack": found.name, "device": asked.device, "rows_a_second": round(asked.rows / seconds, 2)}
        line |= {"seconds": round(seconds, 1), "limit_seconds": round(least, 1), "share": round(least / seconds, 3)}
        print(json.dumps(line), flush=True)


def limits(module: nn.Module, inputs: np.ndarray, batch: int, device: str) -> tuple[float, float]:
    """Seconds a row of a forward pass, and of a forward and a backward pass."""
    rows = torch.from_numpy(inputs[:batch]).to(device).contiguous(memory_format=torch.channels_last)

    def ahead() -> None:
        with torch.no_grad():
            module(rows)

    def and_back() -> None:
        moved = rows.clone().requires_grad_(True)
        torch.autograd.grad(module(moved).sum(), [moved])

    with evaluation_mode(module):
        return tuple(timed(one, device) / len(rows) for one in (ahead, and_back))  # type: ignore[return-value]


def timed(work: Callable[[], None], device: str) -> float:
    rounds = 20 if device != "cpu" else 3
    for _ in range(2):
        work()
    settle(device)
    started = time.perf_counter()
    for _ in range(rounds):
        work()
    settle(device)
    return (time.perf_counter() - started) / rounds


def settle(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


class Block(nn.Module):
    """Two 3 x 3 convolutions beside the identity (He et al. 2016)."""

    def __init__(self, taken: int, made: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(taken, made, 3, stride, 1, bias=False), nn.BatchNorm2d(made), nn.ReLU(),
            nn.Conv2d(made, made, 3, 1, 1, bias=False), nn.BatchNorm2d(made),
        )  # fmt: skip
        even = stride == 1 and taken == made
        self.beside = (
            nn.Identity()
            if even
            else nn.Sequential(nn.Conv2d(taken, made, 1, stride, bias=False), nn.BatchNorm2d(made))
        )

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return nn.functional.relu(self.body(batch) + self.beside(batch))


def resnet18() -> nn.Module:
    torch.manual_seed(0)
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    taken = 64
    for made, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        layers += [Block(taken, made, stride), Block(made, made, 1)]
        taken = made
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


if __name__ == "__main__":
    main()
