"""Is a backdoor planted in this model? Triggers are sought in it and in sound twins, and their sizes compared."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from tasks.backdoors.decision import CLASS_BOUND, FEWEST_CLASSES, class_scores, is_to_be_heard
from tasks.backdoors.finding import BackdoorFinding, Reference, Suspect
from tasks.backdoors.inversion import OutOfTime
from tasks.backdoors.pairs import suspect_pairs
from tasks.backdoors.reference import SAMPLES, TWIN_ROWS, make_reference, search_classes, witnesses
from tasks.backdoors.transfer import transfer
from tasks.backdoors.trigger import Form, Trigger

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

FEWEST_ROWS_A_CLASS = 8


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

    reference: of a model of the same layers and the same data, made earlier; else two twins are trained. Classes are
    searched with the first `samples` rows; twins learn from, and ways between two classes are searched with, 2,000.
    """
    started, cpu = time.perf_counter(), time.process_time()
    problem = _unfit(module, inputs, labels, samples)
    if problem:
        return BackdoorFinding(problem=problem)
    deadline = started + budget
    rows, known = inputs[:samples], labels[:samples]
    try:
        natural = reference or make_reference(module, inputs, labels, seed, samples, deadline)
        classes = _judge_classes(search_classes(module, rows, known, seed, deadline), natural)
        if near := [one.aim.target for one in classes if is_to_be_heard(one.score, one.bound)]:
            wider = witnesses(natural, near, module, inputs, labels, seed, samples, deadline)
            classes = tuple(_heard(one, wider, rows, known) for one in classes)
        is_planted = any(one.is_planted for one in classes)
        pairs = (
            () if is_planted else suspect_pairs(module, natural, inputs[:TWIN_ROWS], labels[:TWIN_ROWS], seed, deadline)
        )
    except OutOfTime as error:
        return BackdoorFinding(problem=f"{budget:g} s were too few: {error}; raise `assay.backdoors.seconds`")
    return BackdoorFinding(
        classes,
        pairs,
        natural,
        round(time.perf_counter() - started, 3),
        round(time.process_time() - cpu, 3),
    )


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


def _judge_classes(found: tuple[Trigger, ...], natural: Reference) -> tuple[Suspect, ...]:
    import numpy as np

    patches, overlays = (tuple(one for one in found if one.form is form) for form in (Form.PATCH, Form.OVERLAY))
    own = np.array([[one.size for one in several] for several in (patches, overlays)])
    twins = np.array([[natural.sizes[one.form, one.aim] for one in several] for several in (patches, overlays)])
    scores = class_scores(own, twins)
    return tuple(
        Suspect(patch.aim, float(score), CLASS_BOUND, (patch, overlay), tuple(map(float, sizes)))
        for patch, overlay, score, sizes in zip(patches, overlays, scores, twins.T, strict=True)
    )


def _heard(suspect: Suspect, wider: Reference, inputs: "NDArray[np.float32]", labels: "NDArray[np.int64]") -> Suspect:
    """With its transfer, the least of both forms, if the score speaks against the class, yet not for sure."""
    if not is_to_be_heard(suspect.score, suspect.bound):
        return suspect
    rows = inputs[labels != suspect.aim.target]
    shares = (transfer(one, wider.triggers[one.form, one.aim], wider.twins, rows) for one in suspect.triggers)
    return replace(suspect, transfer=min(shares))
