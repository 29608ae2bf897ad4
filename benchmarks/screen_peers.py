"""One library's look at a file of images and labels, as its documentation shows it: the rows it would keep out.

`python screen_peers.py NAME FILE` writes NAME.npy, bool (rows,), beside FILE. Activation clustering (Chen et al. 2018),
spectral signatures (Tran et al. 2018) and STRIP (Gao et al. 2019) are those of the Adversarial Robustness Toolbox,
confident learning (Northcutt et al. 2021) is cleanlab's.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from art.estimators.classification import PyTorchClassifier
from numpy.typing import NDArray

Images = NDArray[np.float32]
Labels = NDArray[np.int64]
TRUE_SHARE = 0.02
VALIDATION = 1_000


def main(name: str, file: Path) -> None:
    """name: a key of `LOOKS`."""
    with np.load(file) as archive:
        images, labels = (archive["images"] / np.float32(255))[:, None], archive["label"]
    np.save(file.with_name(f"{name}.npy"), LOOKS[name](images, labels))


def activation_clustering(images: Images, labels: Labels) -> NDArray[np.bool_]:
    from art.defences.detector.poison import ActivationDefence

    _, sound = ActivationDefence(_classifier(images, labels), images, _one_hot(labels)).detect_poison()
    return np.asarray(sound) == 0


def spectral_signatures(images: Images, labels: Labels) -> NDArray[np.bool_]:
    from art.defences.detector.poison import SpectralSignatureDefense

    defence = SpectralSignatureDefense(
        _classifier(images, labels), images, _one_hot(labels), expected_pp_poison=TRUE_SHARE
    )
    return np.asarray(defence.detect_poison()[1]) == 0


def strip(images: Images, labels: Labels) -> NDArray[np.bool_]:
    """It looks at 20 mixtures of each image; the cut-off is set on the first 1,000. It needs probabilities."""
    from art.defences.transformer.poisoning import STRIP

    guarded = STRIP(_classifier(images, labels, torch.nn.Softmax(1)))()
    guarded.mitigate(images[:VALIDATION])
    return np.asarray(guarded.predict(images).sum(axis=1) == 0)  # zeros: it abstains


def confident_learning(images: Images, labels: Labels) -> NDArray[np.bool_]:
    from bench_screen_labels import cross_validate
    from cleanlab.filter import find_label_issues

    return np.asarray(find_label_issues(labels, cross_validate(images[:, 0] * 255, labels), n_jobs=1))


def _classifier(images: Images, labels: Labels, *last: torch.nn.Module) -> PyTorchClassifier:
    from tasks.screening.image_network import fit_network

    network = fit_network(images, labels, 10, 0)
    model = torch.nn.Sequential(network.body, network.head, *last)
    return PyTorchClassifier(model, torch.nn.CrossEntropyLoss(), (1, 28, 28), 10)


def _one_hot(labels: Labels) -> Images:
    return np.eye(10, dtype=np.float32)[labels]


LOOKS = {
    "activation_clustering": activation_clustering,
    "spectral_signatures": spectral_signatures,
    "strip": strip,
    "confident_learning": confident_learning,
}

if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
