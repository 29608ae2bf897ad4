"""How well and how fast the data screen finds flipped labels of MNIST, beside confident learning on the same folds.

Confident learning gets out-of-fold probabilities of a two-epoch convolutional network, as its users make them. CPU
seconds, so that other jobs count little.
"""

import argparse
import json
import time
from typing import Any

import numpy as np
import torch
from cleanlab.filter import find_label_issues
from mnist import read_mnist
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold
from torch import nn

from tasks.screening.case import Case
from tasks.screening.cross_validation import FOLDS
from tasks.screening.finding import Finding
from tasks.screening.label_issues import LabelIssues
from tasks.screening.rows import ScreenRows

EPOCHS, BATCH = 2, 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=12_000)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.01, 0.1])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    asked = parser.parse_args()
    torch.set_num_threads(1)
    images, labels = read_mnist("train")
    chosen = np.sort(np.random.default_rng(7).permutation(len(labels))[: asked.rows])
    images, labels = images[chosen] * 255, labels[chosen]
    for share in asked.shares:
        for seed in asked.seeds:
            flipped, bad = flip(labels, share, seed)
            started = time.process_time()
            own = judge(images, flipped)
            between = time.process_time()
            probabilities = cross_validate(images, flipped)
            peer = find_label_issues(flipped, probabilities, n_jobs=1)
            ended = time.process_time()
            line = {"flipped": share, "rows": len(labels), "seed": seed}
            line |= {"assay_quarantined": quality(own.quarantined, bad), "assay_suspects": quality(own.suspect, bad)}
            line |= {"confident_learning": quality(peer, bad)}
            line |= {"assay_s": round(between - started, 1), "confident_learning_s": round(ended - between, 1)}
            print(json.dumps(line | {"ratio": round((between - started) / (ended - between), 2)}), flush=True)


def flip(labels: NDArray[np.int64], share: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """To another class at random; which were."""
    generator = np.random.default_rng(1_000 + seed)
    bad = np.zeros(len(labels), dtype=bool)
    bad[generator.permutation(len(labels))[: round(share * len(labels))]] = True
    return np.where(bad, (labels + generator.integers(1, 10, len(labels))) % 10, labels), bad


def judge(images: NDArray[np.float32], labels: NDArray[np.int64]) -> Finding:
    ids = tuple(map(str, range(len(labels))))
    flat = images.reshape(len(images), -1)
    contents = tuple(one.encode() for one in ids)
    rows = ScreenRows("image", ids, contents, labels, tuple("0123456789"), flat, None, shape=(28, 28))
    found = LabelIssues().judge(Case(rows))
    if not isinstance(found, Finding):
        raise SystemExit(found.reason)
    return found


def cross_validate(images: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    probabilities = np.zeros((len(labels), 10))
    inputs, wanted = torch.from_numpy(images[:, None] / 255), torch.from_numpy(labels)
    for train, aside in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(images, labels):
        network = fit(inputs[train], wanted[train])
        with torch.inference_mode():
            parts = [network(part).softmax(1) for part in inputs[aside].split(1024)]
        probabilities[aside] = torch.cat(parts).numpy()
    return probabilities


def fit(inputs: torch.Tensor, wanted: torch.Tensor) -> Any:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 49, 100), nn.ReLU(), nn.Linear(100, 10),
    )  # fmt: skip
    optimiser = torch.optim.Adam(network.parameters())
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(wanted)).split(BATCH):
            loss = nn.functional.cross_entropy(network(inputs[chosen]), wanted[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return network.eval()


def quality(found: NDArray[np.bool_], bad: NDArray[np.bool_]) -> dict[str, float]:
    precision = float(bad[found].mean()) if found.any() else 0.0
    return {"precision": round(precision, 3), "recall": round(float(found[bad].mean()), 3)}


if __name__ == "__main__":
    main()
