"""Assay's attacks beside torchattacks, pyautoattack, foolbox and ART: robust accuracy, seconds and passes, one thread.

    python benchmarks/bench_attacks.py MODEL --what suite pgd square [--rows 1000] [--peers FOLDER]

MODEL: the folder an adversarially trained MNIST model was saved in (`MnistModel.save_function`). Peers are imported
from where they are installed, or from FOLDER; one that is not there is left out, and said. The floor is the cost of the
same number of forward and backward passes alone, measured in the same run.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from mnist import read_mnist
from numpy.typing import NDArray
from torch import nn

from assay.bundle import ONNX_FILE
from assay.inference import INPUT, PROBABILITIES
from assay.torch_mode import evaluation_mode
from models.mnist import MnistModel
from tasks.attacks.ball import Ball
from tasks.attacks.pgd import Pgd, attack_pgd
from tasks.attacks.square import Square
from tasks.attacks.suite import quick_suite, run_suite, standard_suite
from tasks.attacks.target import Attack

EPSILON, STEPS, RESTARTS, QUERIES = 0.3, 40, 5, 1000
Images = NDArray[np.float32]
Labels = NDArray[np.int64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--what", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--peers", type=Path, help="folder with further packages")
    asked = parser.parse_args()
    if asked.peers:
        sys.path.append(str(asked.peers))
    torch.set_num_threads(1)
    model = MnistModel()
    model.load_function(asked.model)
    images, labels = (part[: asked.rows] for part in read_mnist("t10k"))
    query = served(model)
    for part in asked.what:
        for name, run in PARTS[part](model, images[:, None], labels, query):
            started, busy = time.perf_counter(), time.process_time()
            try:
                found = run()
            except ImportError as error:
                found = {"left_out": str(error)}
            line = {"part": part, "who": name, "seconds": round(time.perf_counter() - started, 1)}
            print(json.dumps(line | {"cpu_seconds": round(time.process_time() - busy, 1)} | found), flush=True)


Query = Callable[[Images], Images]
Contest = Iterator[tuple[str, Callable[[], dict[str, Any]]]]


def suite(model: MnistModel, images: Images, labels: Labels, query: Query) -> Contest:
    yield "assay quick", lambda: own(model, images, labels, quick_suite(), query)
    yield "assay standard", lambda: own(model, images, labels, standard_suite(), query)
    yield "torchattacks AutoAttack", lambda: by_torchattacks(model, images, labels, "AutoAttack", version="standard")
    yield "pyautoattack standard", lambda: by_pyautoattack(model, images, labels)


def pgd(model: MnistModel, images: Images, labels: Labels, _: Query) -> Contest:
    yield "floor", lambda: floor(model, images, STEPS * RESTARTS)
    yield "assay", lambda: own_pgd(model, images, labels)
    yield "art", lambda: by_art(model, images, labels)
    yield "torchattacks", lambda: by_torchattacks(model, images, labels, "PGD", steps=STEPS, alpha=0.01)
    yield "foolbox", lambda: by_foolbox(model, images, labels)


def square(model: MnistModel, images: Images, labels: Labels, query: Query) -> Contest:
    yield "assay", lambda: own(model, images, labels, [Square(QUERIES)], query)
    yield "torchattacks", lambda: by_torchattacks(model, images, labels, "Square", n_queries=QUERIES)


PARTS = {"suite": suite, "pgd": pgd, "square": square}


def own(model: MnistModel, images: Images, labels: Labels, attacks: Sequence[Attack], query: Query) -> dict[str, Any]:
    found = run_suite(module_of(model), images, labels, Ball("linf", EPSILON), attacks, query=query)
    parts = {one.name: [round(one.robust_accuracy, 4), round(one.seconds, 1)] for one in found.outcomes}
    passes = {"forward": sum(one.forward_passes for one in found.outcomes),
              "backward": sum(one.backward_passes for one in found.outcomes)}  # fmt: skip
    return {"robust_accuracy": found.robust_accuracy, "parts": parts, "passes": passes}


def own_pgd(model: MnistModel, images: Images, labels: Labels) -> dict[str, Any]:
    found = attack_pgd(module_of(model), images, labels, Pgd(EPSILON, STEPS, RESTARTS))
    passes = {"forward": found.forward_passes, "backward": found.backward_passes}
    return {"robust_accuracy": found.robust_accuracy, "passes": passes}


def floor(model: MnistModel, images: Images, passes: int) -> dict[str, Any]:
    """Forward and backward on batches of 64, channels last, and nothing else."""
    module, tenth = module_of(model), passes // 10
    started = time.process_time()
    with evaluation_mode(module):
        for start in range(0, len(images), 64):
            batch = torch.from_numpy(images[start : start + 64]).contiguous(memory_format=torch.channels_last)
            for _ in range(tenth):
                moved = batch.clone().requires_grad_(True)
                torch.autograd.grad(module(moved).sum(), [moved])
    return {"passes": passes * len(images), "floor_seconds": round(10 * (time.process_time() - started), 1)}


def by_torchattacks(model: MnistModel, images: Images, labels: Labels, name: str, **options: Any) -> dict[str, Any]:
    import torchattacks

    module = module_of(model).eval()
    standing = right(module, images, labels)
    for _ in range(RESTARTS if name == "PGD" else 1):
        attack = getattr(torchattacks, name)(module, eps=EPSILON, **options)
        moved = torch.cat([attack(*part).detach() for part in batches(images, labels, 64 if name == "PGD" else 250)])
        standing &= right(module, moved.numpy(), labels)
    return {"robust_accuracy": float(standing.mean())}


def by_pyautoattack(model: MnistModel, images: Images, labels: Labels) -> dict[str, Any]:
    from pyautoattack import AutoAttack

    attack = AutoAttack(module_of(model).eval(), norm="Linf", eps=EPSILON, version="standard", device="cpu", seed=0)
    attack.verbose = False
    moved = attack.run_standard_evaluation(torch.from_numpy(images), torch.from_numpy(labels), batch_size=250)[0]
    return {"robust_accuracy": float(right(module_of(model), moved.numpy(), labels).mean())}


def by_art(model: MnistModel, images: Images, labels: Labels) -> dict[str, Any]:
    from art.attacks.evasion import ProjectedGradientDescentPyTorch
    from art.estimators.classification import PyTorchClassifier

    module = module_of(model)
    classifier = PyTorchClassifier(
        module, nn.CrossEntropyLoss(), (1, 28, 28), 10, clip_values=(0.0, 1.0), device_type="cpu"
    )
    attack = ProjectedGradientDescentPyTorch(
        classifier, eps=EPSILON, eps_step=0.01, max_iter=STEPS, num_random_init=RESTARTS, batch_size=64, verbose=False
    )
    moved = attack.generate(images, y=np.eye(10, dtype=np.float32)[labels])
    return {"robust_accuracy": float((right(module, moved, labels) & right(module, images, labels)).mean())}


def by_foolbox(model: MnistModel, images: Images, labels: Labels) -> dict[str, Any]:
    from foolbox import PyTorchModel
    from foolbox.attacks import LinfPGD

    module = module_of(model).eval()
    bounded = PyTorchModel(module, bounds=(0, 1), device="cpu")
    standing = right(module, images, labels)
    for _ in range(RESTARTS):
        attack = LinfPGD(abs_stepsize=0.01, steps=STEPS)
        moved = torch.cat([attack(bounded, *part, epsilons=EPSILON)[1] for part in batches(images, labels, 64)])
        standing &= right(module, moved.numpy(), labels)
    return {"robust_accuracy": float(standing.mean())}


def module_of(model: MnistModel) -> nn.Module:
    """A fresh one, so that nobody finds it as another contestant left it."""
    fresh = model.network_function()
    fresh.load_state_dict(model.module_function().state_dict())
    return fresh.eval()


def served(model: MnistModel) -> Query:
    """The exported file on ONNX Runtime: images in [0, 1] to the logarithms of its probabilities."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    with TemporaryDirectory() as folder:
        model.export_function(Path(folder, ONNX_FILE))
        session = ort.InferenceSession(Path(folder, ONNX_FILE).read_bytes(), options)

    def query(images: Images) -> Images:
        raw = images[:, 0] * 255
        parts = [session.run([PROBABILITIES], {INPUT: raw[at : at + 64]})[0] for at in range(0, len(raw), 64)]
        return np.asarray(np.log(np.concatenate(parts) + 1e-30), dtype=np.float32)

    return query


def right(module: nn.Module, images: Images, labels: Labels) -> NDArray[np.bool_]:
    with torch.inference_mode():
        parts = [module(part).argmax(1) == wanted for part, wanted in batches(images, labels, 250)]
    return torch.cat(parts).numpy()


def batches(images: Images, labels: Labels, rows: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    both = torch.split(torch.from_numpy(images), rows), torch.split(torch.from_numpy(labels), rows)
    return list(zip(*both, strict=True))


if __name__ == "__main__":
    main()
