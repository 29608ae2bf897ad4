"""Copies stolen from an MNIST network beside ART's CopycatCNN (labels) and KnockoffNets (probabilities).

All ask the same rows of one half of the test set and are judged by agreement on the other. ART's attacks train the kind
of network that Assay's copies are, for ART's ten epochs. Fidelity and processor seconds are told as ratios too.
"""

import argparse
import json
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from art.attacks.extraction import CopycatCNN, KnockoffNets
from art.estimators.classification import PyTorchClassifier
from mnist import read_mnist
from numpy.typing import NDArray
from torch import nn

from tasks.privacy.copies import train_copy

ROWS, EPOCHS, BATCH = 10_000, 3, 64
QUERIES = (100, 1000, 5000)
ATTACKS = {"labels": CopycatCNN, "probabilities": KnockoffNets}
Floats = NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, nargs="+", default=QUERIES)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    victim = trained_victim()
    images, labels = read_mnist("t10k")
    questions, judged = images[::2], images[1::2]
    answers, expected = softmax(victim, questions), softmax(victim, judged).argmax(1)
    print(json.dumps({"victim_accuracy": float((expected == labels[1::2]).mean())}), flush=True)
    one_hot = np.eye(10)
    for count in asked.queries:
        learned = {"labels": one_hot[answers[:count].argmax(1)], "probabilities": answers[:count].astype(np.float64)}
        for kind, known in learned.items():
            own = timed(partial(train_copy, questions[:count], known, seed=0), judged, expected)
            theirs = timed(partial(by_art, kind, victim, questions[:count]), judged, expected)
            ratios = [round(a / b, 3) for a, b in zip(own, theirs, strict=True)]
            line = {"queries": count, "answers": kind, "assay": own, "art": theirs, "fidelity_and_seconds": ratios}
            print(json.dumps(line), flush=True)


def network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 49, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip


def trained_victim() -> nn.Module:
    images, labels = read_mnist("train")
    rows, wanted = torch.from_numpy(images[:ROWS, None]), torch.from_numpy(labels[:ROWS])
    victim = nn.Sequential(nn.Flatten(), nn.Linear(784, 200), nn.ReLU(), nn.Linear(200, 10))
    optimiser = torch.optim.Adam(victim.parameters(), 2e-3)
    for _ in range(EPOCHS):
        for part in torch.split(torch.randperm(ROWS), BATCH):
            loss = nn.functional.cross_entropy(victim(rows[part]), wanted[part])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return victim.eval()


def softmax(model: nn.Module, images: Floats) -> Floats:
    with torch.inference_mode():
        parts = [model(part).softmax(1) for part in torch.split(torch.from_numpy(images[:, None]), 500)]
    return torch.cat(parts).numpy()


def by_art(kind: str, victim: nn.Module, questions: Floats) -> Callable[[Floats], NDArray[np.int64]]:
    """Each attack asks through a classifier whose outputs are probabilities."""
    given = nn.Sequential(victim, nn.Softmax(1))
    shown = PyTorchClassifier(given, nn.CrossEntropyLoss(), (1, 28, 28), 10, clip_values=(0, 1))
    made = network()
    optimiser = torch.optim.Adam(made.parameters(), 3e-3)
    thief = PyTorchClassifier(made, nn.CrossEntropyLoss(), (1, 28, 28), 10, optimizer=optimiser, clip_values=(0, 1))
    more = {"use_probability": True, "sampling_strategy": "random", "verbose": False} if kind == "probabilities" else {}
    attack = ATTACKS[kind](
        shown, batch_size_fit=BATCH, batch_size_query=500, nb_epochs=10, nb_stolen=len(questions), **more
    )
    one_hot = np.eye(10, dtype=np.float32)[softmax(victim, questions).argmax(1)]
    stolen = attack.extract(questions[:, None], one_hot, thieved_classifier=thief)
    return lambda images: stolen.predict(images[:, None]).argmax(1)


def timed(
    make: Callable[[], Callable[[Floats], NDArray[np.int64]]], judged: Floats, expected: NDArray[np.int64]
) -> list[float]:
    """Agreement on `judged`, and processor seconds of the theft."""
    started = time.process_time()
    copy = make()
    seconds = time.process_time() - started
    return [round(float((copy(judged) == expected).mean()), 4), round(seconds, 1)]


if __name__ == "__main__":
    main()
