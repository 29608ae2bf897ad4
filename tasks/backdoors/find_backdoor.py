"""Is a backdoor planted in this model? Triggers are sought in it and in sound twins, and their sizes compared."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.backdoors.decision import (
    CLASS_BOUND,
    FEWEST_CLASSES,
    LEAST_SUCCESS,
    PAIR_BOUND,
    class_scores,
    pair_scores,
)
from tasks.backdoors.inversion import OVERLAY, PAIR_PATCH, PATCH, Aim, Form, OutOfTime, Trigger, invert_triggers
from tasks.backdoors.twin import train_twin

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

SAMPLES = 512
TWINS = 2
TWIN_ROWS = 2000
FEWEST_ROWS_A_CLASS = 8
_MOST_PAIRED_CLASSES = 20

Triggers = Mapping[tuple[Form, Aim], Trigger]


@dataclass(frozen=True)
class Suspect:
    """score: 1 is usual, at most `bound` is a backdoor. triggers: the patch, and of a class the overlay too.

    natural: what the twins' triggers measure, in the same order.
    """

    aim: Aim
    score: float
    bound: float
    triggers: tuple[Trigger, ...]
    natural: tuple[float, ...]

    @property
    def is_planted(self) -> bool:
        """Small beyond nature, and it works on rows the search never saw."""
        return self.score <= self.bound and max(one.success for one in self.triggers) >= LEAST_SUCCESS


@dataclass(frozen=True)
class Reference:
    """What is natural: sizes in sound twins, the geometric mean where there are several.

    same_layers: whether the twins have the model's own layers.
    """

    sizes: Mapping[tuple[Form, Aim], float]
    same_layers: bool


@dataclass(frozen=True)
class BackdoorFinding:
    """classes: every class's evidence. pairs: from one class to another, lowest score first.

    reference: what the sizes were held against. cpu_seconds: of this process. problem: why nothing is known.
    """

    classes: tuple[Suspect, ...] = ()
    pairs: tuple[Suspect, ...] = ()
    reference: Reference | None = None
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    problem: str = ""

    @property
    def planted(self) -> tuple[Suspect, ...]:
        """Worst first. A class planted for all rows disturbs the table of pairs, so pairs count when there is none."""
        classes = sorted((one for one in self.classes if one.is_planted), key=lambda one: one.score)
        return tuple(classes) or tuple(one for one in self.pairs if one.is_planted)


def find_backdoor(
    module: "torch.nn.Module",
    inputs: "NDArray[np.float32]",
    labels: "NDArray[np.int64]",
    seed: int,
    budget: float = float("inf"),
    samples: int = SAMPLES,
    reference: Reference | None = None,
) -> BackdoorFinding:
    """inputs: sound rows (rows, channels, H, W) in [0, 1], at best 2,000. budget: seconds. samples: rows of the search.

    reference: of a model of the same layers and the same data, made earlier; else a twin is trained. The search uses
    the first `samples` rows, the twin the first 2,000.
    """
    started, cpu = time.perf_counter(), time.process_time()
    problem = _unfit(module, inputs, labels, samples)
    if problem:
        return BackdoorFinding(problem=problem)
    deadline = started + budget
    try:
        found = search_triggers(module, inputs[:samples], labels[:samples], seed, deadline)
        natural = reference or make_reference(module, inputs, labels, seed, samples, deadline)
    except OutOfTime as error:
        return BackdoorFinding(problem=f"{budget:g} s were too few: {error}; raise `assay.backdoors.seconds`")
    classes = _judge_classes(found, natural)
    pairs = _judge_pairs(found, natural, len(classes))
    return BackdoorFinding(
        classes,
        pairs,
        natural,
        round(time.perf_counter() - started, 3),
        round(time.process_time() - cpu, 3),
    )


def make_reference(
    module: "torch.nn.Module",
    inputs: "NDArray[np.float32]",
    labels: "NDArray[np.int64]",
    seed: int,
    samples: int = SAMPLES,
    deadline: float = float("inf"),
) -> Reference:
    """Train two twins on sound rows and search them as the model is searched, pairs in the first. Raises OutOfTime."""
    import math

    sizes = dict[tuple[Form, Aim], list[float]]()
    for number in range(TWINS):
        twin = train_twin(module, inputs[:TWIN_ROWS], labels[:TWIN_ROWS], seed + number)
        rows, known = inputs[:samples], labels[:samples]
        for key, trigger in search_triggers(
            twin.module, rows, known, seed + number, deadline, pairs=number == 0
        ).items():
            sizes.setdefault(key, []).append(trigger.size)
    means = {key: math.exp(sum(math.log(size) for size in several) / len(several)) for key, several in sizes.items()}
    return Reference(means, twin.same_layers)


def search_triggers(
    module: "torch.nn.Module",
    inputs: "NDArray[np.float32]",
    labels: "NDArray[np.int64]",
    seed: int,
    deadline: float = float("inf"),
    pairs: bool = True,
) -> Triggers:
    """A patch and an overlay for every class, and a patch from every class to every other. Raises OutOfTime."""
    import numpy as np

    known = [int(one) for one in np.unique(labels)]
    alone = [Aim(target) for target in known]
    paired = [Aim(target, source) for source in known for target in known if source != target]
    found = [*invert_triggers(module, inputs, labels, seed, PATCH, alone, deadline)]
    found += invert_triggers(module, inputs, labels, seed, OVERLAY, alone, deadline)
    if pairs and len(known) <= _MOST_PAIRED_CLASSES:
        found += invert_triggers(module, inputs, labels, seed, PAIR_PATCH, paired, deadline)
    return {(one.form, one.aim): one for one in found}


def _unfit(module: "torch.nn.Module", inputs: "NDArray[np.float32]", labels: "NDArray[np.int64]", samples: int) -> str:
    """Why nothing can be found out, or ""."""
    import numpy as np

    if inputs.ndim != 4:
        return f"expected images (rows, channels, height, width), found rows of shape {inputs.shape[1:]}"
    if not (float(inputs.min()) >= 0 and float(inputs.max()) <= 1):
        return f"expected pixels in [0, 1], found {inputs.min():g} to {inputs.max():g}; scale them"
    known, counts = np.unique(labels[:samples], return_counts=True)
    if len(known) < FEWEST_CLASSES:
        return f"{len(known)} classes have no middle to be held against, expected at least {FEWEST_CLASSES}"
    if counts.min() < FEWEST_ROWS_A_CLASS:
        rare = int(known[counts.argmin()])
        return f"class {rare} has {counts.min()} of {len(labels[:samples])} rows, {FEWEST_ROWS_A_CLASS} are needed"
    return _unlearned(module, inputs[:samples], labels[:samples])


def _unlearned(module: "torch.nn.Module", inputs: "NDArray[np.float32]", labels: "NDArray[np.int64]") -> str:
    """A model that does not know its classes gives nothing away."""
    import numpy as np
    import torch

    from assay.torch_mode import evaluation_mode

    with evaluation_mode(module) as device, torch.no_grad():
        logits = module(torch.from_numpy(inputs).to(device)).cpu().numpy()
    if logits.ndim != 2 or logits.shape[1] <= labels.max() or not np.isfinite(logits).all():
        return f"expected finite logits (rows, classes) of {labels.max() + 1} classes, found shape {logits.shape}"
    accuracy, guess = float((logits.argmax(1) == labels).mean()), float(np.bincount(labels).max() / len(labels))
    return "" if accuracy > guess + (1 - guess) / 4 else f"the model is right on {accuracy:.0%} of the sound rows"


def _judge_classes(found: Triggers, natural: Reference) -> tuple[Suspect, ...]:
    import numpy as np

    forms = (Form.PATCH, Form.OVERLAY)
    aims = [aim for form, aim in found if form is Form.PATCH and aim.source is None]
    own = np.array([[found[form, aim].size for aim in aims] for form in forms])
    twins = np.array([[natural.sizes[form, aim] for aim in aims] for form in forms])
    return tuple(
        Suspect(aim, float(score), CLASS_BOUND, tuple(found[form, aim] for form in forms), tuple(map(float, sizes)))
        for aim, score, sizes in zip(aims, class_scores(own, twins), twins.T, strict=True)
    )


def _judge_pairs(found: Triggers, natural: Reference, classes: int) -> tuple[Suspect, ...]:
    import numpy as np

    aims = [aim for _, aim in found if aim.source is not None]
    if not aims:
        return ()
    known = sorted({aim.target for aim in aims})
    place = {aim: (known.index(int(aim.source or 0)), known.index(aim.target)) for aim in aims}
    own, twin = (np.full((classes, classes), np.nan) for _ in range(2))
    for aim in aims:
        own[place[aim]], twin[place[aim]] = found[Form.PATCH, aim].size, natural.sizes[Form.PATCH, aim]
    scores = pair_scores(own, twin)
    suspects = (
        Suspect(aim, float(scores[place[aim]]), PAIR_BOUND, (found[Form.PATCH, aim],), (float(twin[place[aim]]),))
        for aim in aims
    )
    return tuple(sorted(suspects, key=lambda one: one.score))
