"""Own PGD against the Adversarial Robustness Toolbox: the same attack on the same model and rows, one thread.

    python benchmarks/bench_pgd.py [--rows 500]

Prints seconds of CPU, robust accuracy of both, and the ratio. Same work: 40 steps, one random start,
cross-entropy, no row leaves early (a model that withstands nearly all rows is used, so none could).
"""

import argparse
import time
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from assay.sdk import Rows, TrainingContext
from models.mnist import MnistModel
from tasks.attacks.pgd import Pgd, attack_pgd

EPSILON, STEPS, STEP_SIZE = 0.02, 40, 0.002


def blob_images(count: int, seed: int) -> Rows:
    """28×28 images of ten bright squares in ten places: easy, so that training takes a second."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 10, count)
    images = generator.uniform(0, 60, (count, 28, 28)).astype(np.float32)
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 4)
        image[2 + 8 * row : 8 + 8 * row, 1 + 7 * column : 6 + 7 * column] += 190
    return Rows(images, labels.astype(np.int64), tuple(map(str, range(count))))


def trained() -> MnistModel:
    model, rows = MnistModel(), blob_images(2000, 0)
    with TemporaryDirectory() as folder:
        context = TrainingContext(0, Path(folder), lambda metrics, checkpoint: None, rows, 10)
        model.train_function(rows, context, epochs=2)
    return model


def own(module: torch.nn.Module, inputs: np.ndarray, labels: np.ndarray) -> float:
    attack = Pgd(EPSILON, STEPS, restarts=1, step_size=STEP_SIZE, losses=("cross_entropy",))
    return attack_pgd(module, inputs, labels, attack).robust_accuracy


def art(module: torch.nn.Module, inputs: np.ndarray, labels: np.ndarray, batch: int) -> float:
    from art.attacks.evasion import ProjectedGradientDescentPyTorch
    from art.estimators.classification import PyTorchClassifier

    classifier = PyTorchClassifier(
        module, torch.nn.CrossEntropyLoss(), inputs.shape[1:], 10, clip_values=(0.0, 1.0), device_type="cpu"
    )
    attack = ProjectedGradientDescentPyTorch(
        classifier, eps=EPSILON, eps_step=STEP_SIZE, max_iter=STEPS, num_random_init=1, batch_size=batch, verbose=False
    )
    moved = attack.generate(inputs, y=np.eye(10, dtype=np.float32)[labels])
    return float((classifier.predict(moved).argmax(1) == labels).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    model, rows = trained(), blob_images(arguments.rows, 1)
    module, inputs = model.module_function(), model.to_model_space(rows.inputs)
    contenders = {
        "own": lambda: own(module, inputs, rows.labels),
        "ART, batch 32 (its default)": lambda: art(module, inputs, rows.labels, 32),
        "ART, batch 64": lambda: art(module, inputs, rows.labels, 64),
    }
    best: dict[str, float] = {}
    for name, attack in contenders.items():
        seconds = []
        for _ in range(arguments.repeats):
            started = time.process_time()
            accuracy = attack()
            seconds.append(time.process_time() - started)
        best[name] = min(seconds)
        ratio = best[name] / best["own"]
        print(f"{name:28} {best[name]:7.2f} s CPU   robust accuracy {accuracy:.4f}   {ratio:.2f} x own")


if __name__ == "__main__":
    main()
