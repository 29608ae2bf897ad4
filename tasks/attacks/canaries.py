"""A linear model whose rows fall at a known distance: an attack that misses them is blind, one that adds to them lies.

Of a linear model the distance to each class is the difference of logits over the dual norm of the difference of weights
(Moosavi-Dezfooli et al. 2016). Half as much again must fell every row; nine tenths of the shortest must fell none.
"""

from typing import TYPE_CHECKING

from tasks.attacks.ball import Ball, Norm
from tasks.attacks.suite import run_suite
from tasks.attacks.target import Attack

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

CLASSES = 4
ROWS = 16
SIDE, CELL = 12, 3
COLUMNS = 24
BEYOND, SHORT_OF = 1.5, 0.9
LEAST_BROKEN = 0.95


def sees(attack: Attack, norm: Norm, *, images: bool, seed: int = 0) -> str:
    """Why the attack must not be believed, in words; empty when it does what it should. Takes a second."""
    module, rows, labels = known_model(images=images, seed=seed)
    distances = exact_distances(module, rows, labels, norm)
    far = run_suite(module, rows, labels, Ball(norm, BEYOND * float(distances.max())), [attack], seed)
    near = run_suite(module, rows, labels, Ball(norm, SHORT_OF * float(distances.min())), [attack], seed)
    broken = 1 - far.robust_accuracy
    if any(one.outside for one in (*far.outcomes, *near.outcomes)):
        return f"{attack.name} left the ball of its threat model on a model known to be weak"
    if broken < LEAST_BROKEN:
        return f"{attack.name} broke {broken:.0%} of the rows of a model known to be weak, {LEAST_BROKEN:.0%} demanded"
    if near.robust_accuracy < 1:
        return f"{attack.name} claims rows that are known to stand"
    return ""


def known_model(*, images: bool, seed: int) -> "tuple[torch.nn.Module, NDArray[np.float32], NDArray[np.int64]]":
    """A linear model of patches of equal weight, rows in [0.4, 0.6], and the labels that it gives them."""
    import numpy as np
    import torch

    generator = np.random.default_rng(seed)
    shape = (1, SIDE, SIDE) if images else (COLUMNS,)
    patches = generator.choice([-1.0, 1.0], (CLASSES, SIDE // CELL, SIDE // CELL))
    weights = np.kron(patches, np.ones((CELL, CELL))) if images else generator.choice([-1.0, 1.0], (CLASSES, COLUMNS))
    linear = torch.nn.Linear(int(np.prod(shape)), CLASSES, bias=False)
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(weights.reshape(CLASSES, -1)))
    module = torch.nn.Sequential(torch.nn.Flatten(), linear).eval()
    rows = generator.uniform(0.4, 0.6, (ROWS, *shape)).astype(np.float32)
    with torch.no_grad():
        labels = module(torch.from_numpy(rows)).argmax(1).numpy()
    return module, rows, labels


def exact_distances(
    module: "torch.nn.Module", rows: "NDArray[np.float32]", labels: "NDArray[np.int64]", norm: Norm
) -> "NDArray[np.float64]":
    """(rows,): how far the nearest other class is, by the attack's norm, the box [0, 1] left aside."""
    import numpy as np

    weights = module[1].weight.detach().numpy().astype(np.float64)  # type: ignore[index]
    logits = rows.reshape(len(rows), -1) @ weights.T
    dual = 1 if norm == "linf" else 2
    apart = np.linalg.norm(weights[labels][:, None] - weights[None], ord=dual, axis=2)
    lead = logits[np.arange(len(rows)), labels][:, None] - logits
    lead[np.arange(len(rows)), labels] = np.inf
    return np.asarray((lead / np.maximum(apart, 1e-12)).min(axis=1))
