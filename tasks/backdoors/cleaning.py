"""Takes a backdoor out of a model: the result is a new module, measured anew; the old one stays as it was.

With sound rows alone the model is distilled: its layers are taught anew by its own answers, of which what may carry the
backdoor is struck out. With the training rows at hand it is trained anew without those that lie: networks of the same
layers, taught on sound rows alone, see another class in them than their label says. They err on hard rows too, and on
some that lie; what decides is what most of the rows they doubt bear and no sound row does.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.policy import mcnemar_p
from assay.torch_mode import evaluation_mode
from tasks.backdoors.distillation import distill
from tasks.backdoors.find_backdoor import find_backdoor
from tasks.backdoors.finding import BackdoorFinding, Suspect
from tasks.backdoors.inversion import success
from tasks.backdoors.reference import TWIN_ROWS
from tasks.backdoors.trigger import Aim
from tasks.backdoors.twin import train_twins

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    Images = NDArray[np.float32]
    Labels = NDArray[np.int64]

MOST_ACCURACY_LOST, CHANCE = 0.01, 0.05
_MEASURED_SHARE = 0.25
_WITNESSES = 2
_SURE, _LEAST_SURE = 0.7, 0.5  # a hard row among those that lie is learned by heart, less surely than the trigger


@dataclass(frozen=True)
class Labelled:
    """Rows (rows, channels, H, W) in [0, 1] and what is said of them, true or not."""

    inputs: "Images"
    labels: "Labels"


@dataclass(frozen=True)
class Training(Labelled):
    """What the model was trained on, and how to train a new one: `fit(images, labels) -> module`."""

    fit: "Callable[[Images, Labels], torch.nn.Module]"


@dataclass(frozen=True)
class Measured:
    """accuracy: on sound rows that neither module was taught on. success: the highest of the old triggers on them."""

    accuracy: float
    success: float


@dataclass(frozen=True)
class Cleaned:
    """method: `distilled`, or `trained anew`. after: what a fresh search finds. removed: (training rows,).

    problem: why it must not be used, or "".
    """

    module: "torch.nn.Module"
    method: str
    before: Measured
    measured: Measured
    after: BackdoorFinding
    removed: "NDArray[np.bool_] | None"
    seconds: float
    problem: str


def clean_model(
    module: "torch.nn.Module",
    inputs: "Images",
    labels: "Labels",
    finding: BackdoorFinding,
    seed: int,
    training: Training | None = None,
) -> Cleaned:
    """inputs: sound rows (rows, channels, H, W) in [0, 1]; a quarter of them only measures, all if trained anew.

    Raises ValueError when the finding has nothing planted, or layers cannot be started afresh and no training is given.
    """
    import numpy as np

    if not finding.planted:
        raise ValueError("expected a finding with a planted class, found none; there is nothing to clean")
    started = time.perf_counter()
    measures = np.random.default_rng(seed).random(len(labels)) < _MEASURED_SHARE
    taught, known = inputs[~measures], labels[~measures]
    removed = None
    if training is None:
        made = distill(module, taught, known, {one.aim.target for one in finding.planted}, seed)
    else:
        removed = lying_rows(module, taught, known, training, finding.planted, seed)
        made = training.fit(training.inputs[~removed], training.labels[~removed])
        measures = np.ones(len(labels), dtype=bool)  # it has learned from none of the sound rows
    before, after = (measure(one, inputs[measures], labels[measures], finding.planted) for one in (module, made))
    fresh = find_backdoor(made, inputs, labels, seed + 1, reference=finding.reference)
    return Cleaned(
        made,
        "distilled" if training is None else "trained anew",
        before,
        after,
        fresh,
        removed,
        round(time.perf_counter() - started, 3),
        _problem(before, after, only_right(module, made, inputs[measures], labels[measures]), fresh),
    )


def lying_rows(
    module: "torch.nn.Module",
    inputs: "Images",
    labels: "Labels",
    training: Labelled,
    planted: Sequence[Suspect],
    seed: int,
) -> "NDArray[np.bool_]":
    """(rows,) of `training`: labelled with a planted class without being of it. inputs, labels: sound rows."""
    import numpy as np

    sound, known = inputs[:TWIN_ROWS], labels[:TWIN_ROWS]
    named = np.flatnonzero(np.isin(training.labels, [one.aim.target for one in planted]))
    rows, said = training.inputs[named], training.labels[named]
    found = np.zeros(len(training.labels), dtype=bool)
    doubted = _by_witnesses(module, sound, known, rows, seed).argmax(1) != said
    if doubted.any():
        both = np.concatenate([rows[doubted], sound])
        marks = np.repeat(np.array([1, 0]), [int(doubted.sum()), len(sound)])
        bearing = _by_witnesses(module, both, marks, rows, seed)[:, 1]
        found[named] = bearing > max(_LEAST_SURE, _SURE * float(np.quantile(bearing[doubted], 0.9)))
    return found


def measure(module: "torch.nn.Module", inputs: "Images", labels: "Labels", planted: Sequence[Suspect]) -> Measured:
    """On sound rows that neither module was taught on."""
    right = float((answers(module, inputs).argmax(1) == labels).mean())
    works = [
        success(module, trigger, inputs[_aimed(labels, trigger.aim)]) for one in planted for trigger in one.triggers
    ]
    return Measured(right, max(works))


def only_right(one: "torch.nn.Module", other: "torch.nn.Module", inputs: "Images", labels: "Labels") -> tuple[int, int]:
    """Rows that one alone is right on, and the other alone."""
    first, second = (answers(module, inputs).argmax(1) == labels for module in (one, other))
    return int((first & ~second).sum()), int((second & ~first).sum())


def is_accuracy_lost(before: Measured, after: Measured, only_right: tuple[int, int]) -> bool:
    """More than a point, and more than chance explains (exact McNemar test, one-sided)."""
    return before.accuracy - after.accuracy > MOST_ACCURACY_LOST and mcnemar_p(*only_right) < CHANCE


def answers(module: "torch.nn.Module", inputs: "Images") -> "NDArray[np.float32]":
    """(rows, classes) probabilities."""
    import numpy as np
    import torch

    with evaluation_mode(module) as device, torch.no_grad():
        parts = [
            module(torch.from_numpy(inputs[start : start + 500]).to(device)).softmax(1).cpu().numpy()
            for start in range(0, len(inputs), 500)
        ]
    return np.concatenate(parts)


def _by_witnesses(
    module: "torch.nn.Module", inputs: "Images", labels: "Labels", rows: "Images", seed: int
) -> "NDArray[np.float32]":
    """(rows, classes): what networks of the module's layers say of `rows`, on average, taught on `inputs` alone."""
    import numpy as np

    twins = train_twins(module, inputs, labels, range(seed, seed + _WITNESSES))
    return np.asarray(np.mean([answers(twin.module, rows) for twin in twins], axis=0))


def _aimed(labels: "Labels", aim: Aim) -> "NDArray[np.bool_]":
    import numpy as np

    return np.asarray(labels != aim.target if aim.source is None else labels == aim.source)


def _problem(before: Measured, after: Measured, only_right: tuple[int, int], fresh: BackdoorFinding) -> str:
    if fresh.problem:
        return f"not measured anew: {fresh.problem}"
    if fresh.planted:
        return f"class {fresh.planted[0].aim.target} is still planted, score {fresh.planted[0].score:.2f}"
    if is_accuracy_lost(before, after, only_right):
        return f"accuracy fell from {before.accuracy:.4f} to {after.accuracy:.4f}"
    return ""
