"""Membership inference by likelihood ratios beside ART's black-box attacks: an overfitted and a regularised network.

Both are trained on 2,000 MNIST rows, a tenth of the labels wrong; what counts is the true-positive rate at 1 % false
positives on those and 2,000 rows never seen. ART's attacks learn from half of both and are judged on the other half.
Last comes a budget for half of the reference models: how far it is overrun, in trainings of one.
"""

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
import torch
from art.attacks.inference.membership_inference import MembershipInferenceBlackBox
from art.estimators.classification import PyTorchClassifier
from mnist import read_mnist
from numpy.typing import NDArray
from torch import nn

from tasks.privacy.curve import area, true_positive_rate
from tasks.privacy.membership import infer_membership, train_references

ROWS, WRONG, RATE = 2_000, 0.1, 0.01
PEERS = ("rf", "gb", "nn", "lr")
Floats = NDArray[np.float32]
Places = NDArray[np.int64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--references", type=int, default=16)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    images, labels = read_mnist("train")
    generator = np.random.default_rng(0)
    chosen = generator.permutation(len(labels))[: 2 * ROWS]
    inputs, known = images[chosen][:, None], labels[chosen].copy()
    wrong = generator.random(len(known)) < WRONG
    known[wrong] = generator.integers(0, 10, int(wrong.sum()))
    members = np.arange(2 * ROWS) < ROWS
    for name, epochs, decay in (("overfitted", 20, 0.0), ("regularised", 3, 0.05)):
        fit = trainer(inputs, known, epochs, decay)
        answers = fit(np.flatnonzero(members), 1_000)
        right = answers.argmax(1) == known
        line = {"model": name, "accuracy": [float(right[members].mean()), float(right[~members].mean())]}
        started = time.process_time()
        references = train_references(fit, known, asked.references)
        found = infer_membership(references, answers, known, members)
        rates = {
            str(rate): [round(share, 4), *(round(end, 4) for end in ci95)]
            for rate, (share, ci95) in found.true_positive_rates.items()
        }
        own = {"tpr_ci95": rates, "auc": round(found.auc, 3), "cpu_seconds": round(time.process_time() - started, 1)}
        theirs = {one: by_art(one, answers, known, members) for one in PEERS}
        best = max(*(one["tpr"] for one in theirs.values()), 1 / ROWS)
        ratio = round(found.true_positive_rates[RATE][0] / best, 1)
        print(json.dumps(line | {"assay": own, "art": theirs, "ratio_to_best": ratio}), flush=True)
        print(json.dumps(kept_budget(fit, known, asked.references, references.seconds)), flush=True)


def kept_budget(fit: Callable[[Places, int], Floats], known: Places, asked: int, seconds: float) -> dict[str, float]:
    """overrun_trainings: seconds over the budget by those of one training; at most 1 is demanded."""
    one, budget = seconds / asked, seconds / 2
    cut = train_references(fit, known, asked, budget)
    overrun = round(max(0.0, cut.seconds - budget) / one, 2)
    return {"budget_seconds": round(budget, 1), "trained": len(cut.known), "overrun_trainings": overrun}


def trainer(inputs: Floats, labels: Places, epochs: int, decay: float) -> Callable[[Places, int], Floats]:
    def fit(places: Places, seed: int) -> Floats:
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.MaxPool2d(2), nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1), nn.MaxPool2d(2), nn.ReLU(),
            nn.Flatten(), nn.Linear(32 * 49, 100), nn.ReLU(), nn.Linear(100, 10),
        )  # fmt: skip
        optimiser = torch.optim.AdamW(network.parameters(), 1e-3, weight_decay=decay)
        rows, wanted = torch.from_numpy(inputs[places]), torch.from_numpy(labels[places])
        for _ in range(epochs):
            for part in torch.split(torch.randperm(len(wanted)), 64):
                loss = nn.functional.cross_entropy(network(rows[part]), wanted[part])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
        with torch.inference_mode():
            parts = [network(part).softmax(1) for part in torch.split(torch.from_numpy(inputs), 500)]
        return torch.cat(parts).numpy()

    return fit


def by_art(kind: str, answers: Floats, labels: Places, members: NDArray[np.bool_]) -> dict[str, float]:
    """Its attack model learns from the true membership of half of the rows, which no attacker has."""
    learned = np.arange(len(labels)) % 2 == 0
    classifier = PyTorchClassifier(nn.Identity(), nn.CrossEntropyLoss(), (10,), 10)
    attack = MembershipInferenceBlackBox(classifier, attack_model_type=kind, input_type="prediction")
    one_hot = np.eye(10, dtype=np.float32)[labels]
    inside, outside = learned & members, learned & ~members
    started = time.process_time()
    attack.fit(
        x=None,
        y=one_hot[inside],
        test_x=None,
        test_y=one_hot[outside],
        pred=answers[inside],
        test_pred=answers[outside],
    )
    scores = attack.infer(x=None, y=one_hot[~learned], pred=answers[~learned], probabilities=True)
    scores = np.asarray(scores, dtype=np.float64).reshape(int((~learned).sum()), -1)[:, -1]
    share, _ = true_positive_rate(scores, members[~learned], RATE)
    seconds = round(time.process_time() - started, 1)
    return {"tpr": round(share, 4), "auc": round(area(scores, members[~learned]), 3), "cpu_seconds": seconds}


if __name__ == "__main__":
    main()
