"""Attributions beside captum's: integrated gradients of an MNIST network, and Shapley values of a table's columns.

    pip install --target PEERS --no-deps captum
    PYTHONPATH=PEERS python benchmarks/bench_explanations.py

Error is held against integrated gradients of 600 steps, and against the Shapley values of all subsets.
"""

import itertools
import json
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from captum.attr import IntegratedGradients, ShapleyValueSampling
from mnist import read_mnist
from numpy.typing import NDArray
from sklearn.datasets import load_wine

from models.mnist import MnistModel
from tasks.explanation.explained import shares
from tasks.explanation.gradients import Path, integrate_gradients
from tasks.explanation.score import centred, centred_logits
from tasks.explanation.shapley import Parts, sample_shapley

ROWS, REFERENCE_STEPS, CAPTUM_STEPS, CAPTUM_BATCH = 200, 600, (8, 16, 25, 50, 100), 256
WINES, ORDERS = 60, 20
Floats = NDArray[np.float64]


def main() -> None:
    torch.set_num_threads(1)
    gradients()
    shapley()


def gradients() -> None:
    """The same rows, baseline and score; captum with its default of 50 steps, with fewer and with more.

    Equal is what leaves no row off by more than 2 %: a fixed number of steps has to suffice for the worst row.
    """
    module, inputs = fitted_digits()
    targets = module(torch.from_numpy(inputs)).argmax(1).numpy()
    path = Path(inputs, inputs.mean(axis=0), targets)
    exact = by_captum(module, path, REFERENCE_STEPS)[0]
    by_captum(module, path, 1)  # warm
    own, own_seconds = timed(lambda: integrate_gradients(module, path))
    assert own.total is not None
    tell("integrated gradients", "assay, 8 to 128 steps", own.values, exact, own.total, own_seconds, own_seconds)
    for steps in CAPTUM_STEPS:
        values, seconds = by_captum(module, path, steps)
        tell("integrated gradients", f"captum, {steps} steps", values, exact, own.total, seconds, own_seconds)


def fitted_digits() -> tuple[torch.nn.Module, NDArray[np.float32]]:
    """Two epochs of 10,000 digits, and rows for it."""
    torch.manual_seed(0)
    images, labels = read_mnist("train")
    network = MnistModel().network_function()
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    inputs, wanted = torch.from_numpy(images[:10_000, None]), torch.from_numpy(labels[:10_000])
    for _ in range(2):
        for chosen in torch.randperm(len(inputs)).split(128):
            loss = torch.nn.functional.cross_entropy(network(inputs[chosen]), wanted[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return network.eval(), images[-ROWS:, None]


def by_captum(module: torch.nn.Module, path: Path, steps: int) -> tuple[Floats, float]:
    """Attributions (rows, values) and CPU seconds."""

    def score(inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return centred_logits(module(inputs), targets)

    inputs, targets = torch.from_numpy(path.inputs), torch.from_numpy(path.targets)
    baseline = torch.from_numpy(path.baseline)[None]
    values, seconds = timed(
        lambda: IntegratedGradients(score).attribute(
            inputs, baseline, additional_forward_args=targets, n_steps=steps, internal_batch_size=CAPTUM_BATCH
        )
    )
    return values.flatten(1).double().detach().numpy(), seconds


def shapley() -> None:
    """One baseline row, 20 orders a row, 13 columns: 8,192 subsets give the exact values."""
    answer, rows, baseline = fitted_wines()
    targets = answer(rows).argmax(1)
    exact = by_subsets(answer, rows, baseline, targets)
    total = exact.sum(axis=1)
    own, own_seconds = timed(lambda: sample_shapley(answer, rows, baseline, Parts(np.arange(rows.shape[1])), seed=0))
    tell("shapley values", f"assay, {ORDERS} orders", own.values, exact, total, own_seconds, own_seconds)

    def score(inputs: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(centred(answer(inputs.numpy()), wanted.numpy()))

    for at_once in (1, 64):
        torch.manual_seed(0)
        values, seconds = timed(
            lambda at_once=at_once: ShapleyValueSampling(score).attribute(
                torch.from_numpy(rows),
                torch.from_numpy(baseline),
                additional_forward_args=torch.from_numpy(targets),
                n_samples=ORDERS,
                perturbations_per_eval=at_once,
            )
        )
        name = f"captum, {ORDERS} orders, {at_once} at once"
        tell("shapley values", name, values.double().numpy(), exact, total, seconds, own_seconds)


def fitted_wines() -> tuple[Callable[[NDArray[Any]], NDArray[Any]], NDArray[np.float32], NDArray[np.float32]]:
    """A small network over 13 columns, rows, and the mean row."""
    torch.manual_seed(0)
    data = load_wine()
    inputs = ((data.data - data.data.mean(0)) / data.data.std(0)).astype(np.float32)
    network = torch.nn.Sequential(torch.nn.Linear(13, 32), torch.nn.Tanh(), torch.nn.Linear(32, 3))
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    for _ in range(150):
        loss = torch.nn.functional.cross_entropy(network(torch.from_numpy(inputs)), torch.from_numpy(data.target))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def answer(rows: NDArray[Any]) -> NDArray[Any]:
        with torch.inference_mode():
            answers: NDArray[Any] = network(torch.from_numpy(np.ascontiguousarray(rows))).softmax(1).numpy()
        return answers

    return answer, inputs[::3][:WINES], inputs.mean(axis=0, keepdims=True)


def by_subsets(
    answer: Callable[[NDArray[Any]], NDArray[Any]], rows: NDArray[Any], baseline: NDArray[Any], targets: NDArray[Any]
) -> Floats:
    """Shapley values by their definition."""
    columns = rows.shape[1]
    masks = np.array(list(itertools.product([False, True], repeat=columns)))
    place = masks @ (1 << np.arange(columns)[::-1])
    sizes = masks.sum(axis=1)
    weights = np.array([math.factorial(size) * math.factorial(columns - size - 1) for size in range(columns)], float)
    weights /= math.factorial(columns)
    exact = np.zeros(rows.shape)
    for row, values in enumerate(rows):
        worth = np.empty(len(masks))
        worth[place] = centred(answer(np.where(masks, values, baseline)), np.repeat(targets[row], len(masks)))
        for column in range(columns):
            without = ~masks[:, column]
            gain = worth[place[without] | (1 << (columns - 1 - column))] - worth[place[without]]
            exact[row, column] = (weights[sizes[without]] * gain).sum()
    return exact


def timed(make: Callable[[], Any]) -> tuple[Any, float]:
    started = time.process_time()
    made = make()
    return made, time.process_time() - started


def tell(method: str, name: str, values: Floats, exact: Floats, total: Floats, seconds: float, own: float) -> None:
    """error: root mean square against the exact values, as a share of their own; summary: of the importances.

    worst_row: how far the worst row's values are from adding up, as a share of the mean total.
    """
    error = float(np.sqrt(((values - exact) ** 2).mean() / (exact**2).mean()))
    summary = float(np.abs(shares(values) - shares(exact)).sum())
    worst = float(np.abs(values.sum(axis=1) - total).max() / np.abs(total).mean())
    line = {"method": method, "by": name, "error": round(error, 4), "summary": round(summary, 4)}
    line["worst_row"] = round(worst, 4)
    print(json.dumps(line | {"cpu_seconds": round(seconds, 2), "ratio_to_assay": round(seconds / own, 2)}), flush=True)


if __name__ == "__main__":
    main()
