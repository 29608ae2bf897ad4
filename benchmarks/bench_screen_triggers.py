"""How well `assay screen` finds backdoor triggers in MNIST, beside ART's two training-data defences.

The command runs with its whole default set. Activation clustering (Chen et al. 2018) and spectral signatures (Tran et
al. 2018) of the Adversarial Robustness Toolbox look at the same rows through a network of the same shape. Attack
success is that of a network trained on the rows before the screen, and on the admitted rows. `bench_screen.py` has the
times.
"""

import argparse
import json
from typing import Any

import numpy as np
import torch
from art.defences.detector.poison import ActivationDefence, SpectralSignatureDefense
from art.estimators.classification import PyTorchClassifier
from mnist import read_mnist
from numpy.typing import NDArray
from poisons import ATTACKS, Attack, Poisoned, poison
from screened import quality, screen_images

from tasks.screening.image_network import ImageNetwork, fit_network

Images = NDArray[np.float32]
Labels = NDArray[np.int64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--attacks", nargs="+", choices=list(ATTACKS), default=["patch", "blended", "warped"])
    parser.add_argument("--shares", type=float, nargs="+", default=[0.05])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--trusted", type=int, default=0, help="how many trusted rows the screen gets")
    parser.add_argument("--dirty", type=float, default=0.0, help="the share of the trusted rows that is poisoned")
    parser.add_argument("--without-peers", action="store_true")
    asked = parser.parse_args()
    (images, labels), aside = read_mnist("train"), read_mnist("t10k")
    chosen = np.sort(np.random.default_rng(7).permutation(len(labels))[: asked.rows])
    for attack in (ATTACKS[name] for name in asked.attacks):
        for share in asked.shares:
            for seed in asked.seeds:
                made = poison(images[chosen], labels[chosen], attack, share, seed)
                trusted = vouched(aside, attack, asked.trusted, asked.dirty, seed)
                line = {"attack": attack.name, "poison": share, "rows": len(chosen), "seed": seed}
                line |= measure(made, trusted, aside, attack, seed, with_peers=not asked.without_peers)
                print(json.dumps(line), flush=True)


def measure(
    made: Poisoned,
    trusted: tuple[Images, Labels] | None,
    aside: tuple[Images, Labels],
    attack: Attack,
    seed: int,
    *,
    with_peers: bool,
) -> dict[str, Any]:
    """aside: images and labels that nothing was trained on."""
    found = screen_images(made.images, made.labels, trusted, seed)
    before, kept = fitted(made.images, made.labels, seed), ~found.quarantined
    after = fitted(made.images[kept], made.labels[kept], seed)
    line = {"verdict": found.said["verdict"], "assay": quality(found.quarantined, found.score, made.bad)}
    line |= {
        "attack_success": {"unscreened": success(before, aside, attack), "screened": success(after, aside, attack)},
        "accuracy": {"unscreened": accuracy(before, aside), "screened": accuracy(after, aside)},
    }  # fmt: skip
    return line | (peers(before, made) if with_peers else {})


def vouched(
    aside: tuple[Images, Labels], attack: Attack, rows: int, dirty: float, seed: int
) -> tuple[Images, Labels] | None:
    if not rows:
        return None
    chosen = np.random.default_rng(100 + seed).choice(len(aside[1]), rows, replace=False)
    made = poison(aside[0][chosen], aside[1][chosen], attack, dirty, seed)
    return made.images, made.labels


def fitted(images: Images, labels: Labels, seed: int) -> ImageNetwork:
    return fit_network(np.ascontiguousarray(images[:, None]), labels, 10, 1_000 + seed)


def accuracy(network: ImageNetwork, aside: tuple[Images, Labels]) -> float:
    return round(float((_answers(network, aside[0]) == aside[1]).mean()), 4)


def success(network: ImageNetwork, aside: tuple[Images, Labels], attack: Attack) -> float:
    """The share of triggered images of other classes that get the wanted label."""
    wanted = attack.relabel(aside[1], 10)
    others = wanted != aside[1]
    marked = (attack.asked or attack.trigger)(aside[0][others], np.random.default_rng(1))
    return round(float((_answers(network, marked) == wanted[others]).mean()), 4)


def _answers(network: ImageNetwork, images: Images) -> Labels:
    return np.asarray(network.look(np.ascontiguousarray(images[:, None]))[1].argmax(axis=1), dtype=np.int64)


def peers(network: ImageNetwork, made: Poisoned) -> dict[str, Any]:
    """Each with its own default settings; the expected share of poison is told to the one that asks for it."""
    model = torch.nn.Sequential(network.body, network.head)
    classifier = PyTorchClassifier(model, torch.nn.CrossEntropyLoss(), (1, 28, 28), 10)
    images, one_hot = made.images[:, None], np.eye(10, dtype=np.float32)[made.labels]
    share = float(made.bad.mean())
    line = {}
    for name, defence in (
        ("activation_clustering", ActivationDefence(classifier, images, one_hot)),
        ("spectral_signatures", SpectralSignatureDefense(classifier, images, one_hot, expected_pp_poison=share)),
    ):
        _, sound = defence.detect_poison()
        flagged = np.asarray(sound) == 0
        line[name] = quality(flagged, flagged.astype(np.float64), made.bad)
    return line


if __name__ == "__main__":
    main()
