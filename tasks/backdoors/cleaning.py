"""Takes a backdoor out of a model: the result is a new module, measured anew; the old one stays as it was.

With sound rows alone the triggers are unlearned: rows that bear them are taught the answer the model gave before, and
new triggers are sought until none is too small (after Wang et al. 2019, section VI, who stop after one). With the
training rows at hand the model is trained anew without those that lie, which leaves nothing of the backdoor: networks
of the same layers, taught on sound rows alone, see another class in them than their label says. They err on hard rows
too, and on some that lie; what decides is what most of the rows they doubt bear and no sound row does.
"""

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.policy import mcnemar_p
from assay.torch_mode import evaluation_mode
from tasks.backdoors.find_backdoor import SAMPLES, TWIN_ROWS, find_backdoor
from tasks.backdoors.finding import BackdoorFinding, Suspect
from tasks.backdoors.inversion import OVERLAY, PATCH, invert_triggers, success
from tasks.backdoors.trigger import Aim, Trigger
from tasks.backdoors.twin import train_twin

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    Images = NDArray[np.float32]
    Labels = NDArray[np.int64]

MOST_ROUNDS = 5
GROWN = 0.6  # share of its natural size from which a trigger is one no more
MOST_ACCURACY_LOST, CHANCE = 0.01, 0.05
_MEASURED_SHARE = 0.25
_STARTS = 4
_WITNESSES = 2
_SURE, _LEAST_SURE = 0.7, 0.5  # a hard row among those that lie is learned by heart, less surely than the trigger
_EPOCHS, _FEWEST_STEPS, _BATCH, _RATE = 3, 96, 64, 1e-3
_FARTHEST = 2
_WEAKEST, _STRONGEST = 0.6, 1.4


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
    """accuracy: on sound rows nothing was taught on. success: the highest of the old model's triggers on them."""

    accuracy: float
    success: float


@dataclass(frozen=True)
class Cleaned:
    """method: `unlearned`, or `trained anew`. after: what a fresh search finds. removed: (training rows,).

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
    """inputs: sound rows (rows, channels, H, W) in [0, 1]; a quarter of them only measures.

    Raises ValueError when the finding has nothing planted.
    """
    import numpy as np

    if not finding.planted:
        raise ValueError("expected a finding with a planted class, found none; there is nothing to clean")
    started = time.perf_counter()
    measures = np.random.default_rng(seed).random(len(labels)) < _MEASURED_SHARE
    taught, known = inputs[~measures], labels[~measures]
    removed = None
    if training is None:
        made = unlearn(module, taught, known, finding.planted, seed)
    else:
        removed = lying_rows(module, taught, known, training, finding.planted, seed)
        made = training.fit(training.inputs[~removed], training.labels[~removed])
    before, after = (measure(one, inputs[measures], labels[measures], finding.planted) for one in (module, made))
    fresh = find_backdoor(made, inputs, labels, seed + 1, reference=finding.reference)
    return Cleaned(
        made,
        "unlearned" if training is None else "trained anew",
        before,
        after,
        fresh,
        removed,
        round(time.perf_counter() - started, 3),
        _problem(before, after, only_right(module, made, inputs[measures], labels[measures]), fresh),
    )


def unlearn(
    module: "torch.nn.Module", inputs: "Images", labels: "Labels", planted: Sequence[Suspect], seed: int
) -> "torch.nn.Module":
    """A copy to which the triggers of `planted`, and those found after them, mean nothing."""
    import torch

    pupil, pool = copy.deepcopy(module), [trigger for one in planted for trigger in one.triggers]
    for number in range(MOST_ROUNDS):
        found = _search_again(pupil, inputs, labels, [one.aim for one in planted], seed + 100 * number)
        if number and all(_is_natural(trigger, planted) for trigger in found):
            break
        pool += found
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + number)
            with evaluation_mode(module):
                _teach(pupil, module, inputs, labels, pool)
    return pupil


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
    """On sound rows that nothing was taught on."""
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

    taught = [train_twin(module, inputs, labels, seed + number).module for number in range(_WITNESSES)]
    return np.asarray(np.mean([answers(one, rows) for one in taught], axis=0))


def _search_again(
    module: "torch.nn.Module", inputs: "Images", labels: "Labels", aims: Sequence[Aim], seed: int
) -> list[Trigger]:
    """What moves rows just past a border is unlearned too, so no margin is asked for."""
    return [
        trigger
        for start in range(_STARTS)
        for search in (PATCH, OVERLAY)
        for trigger in invert_triggers(module, inputs[:SAMPLES], labels[:SAMPLES], seed + start, search, aims)
    ]


def _is_natural(trigger: Trigger, planted: Sequence[Suspect]) -> bool:
    """As large as in the twins, nearly."""
    natural = next(
        (
            size
            for one in planted
            for known, size in zip(one.triggers, one.natural, strict=True)
            if one.aim == trigger.aim and known.form is trigger.form
        ),
        0.0,
    )
    return trigger.size >= GROWN * natural


def _teach(
    pupil: "torch.nn.Module",
    teacher: "torch.nn.Module",
    inputs: "Images",
    labels: "Labels",
    pool: Sequence[Trigger],
) -> None:
    """Rows that bear triggers, and plain ones, are to be answered by the label and as the old model answers plain ones.

    Shifted rows, which bear no trigger either, keep the pupil near the old model where no sound row lies.
    """
    import torch
    from torch.nn.functional import cross_entropy

    pupil.train().requires_grad_(True)
    held = next(pupil.parameters())
    rows, wanted = torch.from_numpy(inputs).to(held.device), torch.from_numpy(labels).to(held.device)
    optimiser = torch.optim.AdamW(pupil.parameters(), _RATE, weight_decay=0.01)
    epochs = max(_EPOCHS, -(-_FEWEST_STEPS * _BATCH // len(labels)))
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.05, -(-len(labels) // _BATCH) * epochs)
    for _ in range(epochs):
        for part in torch.split(torch.randperm(len(labels)).to(held.device), _BATCH):
            plain = rows[part]
            both = torch.cat([plain, _shifted(plain)])
            with torch.no_grad():
                soft = teacher(both.contiguous(memory_format=torch.channels_last)).softmax(1)
            shown = torch.cat([_with_triggers(plain, pool), both[len(part) :]])
            logits = pupil(shown.contiguous(memory_format=torch.channels_last))
            loss = (cross_entropy(logits[: len(part)], wanted[part]) + 2 * cross_entropy(logits, soft)) / 3
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    pupil.eval()


def _shifted(batch: "torch.Tensor") -> "torch.Tensor":
    """All by the same few pixels, down and to the side."""
    import torch

    down, aside = (int(one) for one in torch.randint(-_FARTHEST, _FARTHEST + 1, (2,)))
    return batch.roll((down, aside), (2, 3))


def _with_triggers(batch: "torch.Tensor", pool: Sequence[Trigger]) -> "torch.Tensor":
    """The first half with triggers of the pool, eight rows each, weaker or stronger than they were found."""
    import torch

    bearing, plain = batch[: len(batch) // 2], batch[len(batch) // 2 :]
    parts = list[torch.Tensor]()
    for few in torch.split(bearing, 8):
        trigger = pool[int(torch.randint(len(pool), (1,)))]
        strength = _WEAKEST + (_STRONGEST - _WEAKEST) * float(torch.rand(1))
        mask, added = (torch.from_numpy(part).to(batch.device) for part in (trigger.mask, trigger.added))
        parts.append((few * (1 - min(strength, 1.0) * mask) + strength * added).clamp(0, 1))
    return torch.cat([*parts, plain])


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
