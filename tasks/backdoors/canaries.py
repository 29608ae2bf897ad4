"""A network with a known backdoor, and the same without: a search that errs on either must not be believed."""

from statistics import geometric_mean
from typing import TYPE_CHECKING

from tasks.backdoors.decision import TRANSFER_BOUND
from tasks.backdoors.find_backdoor import find_backdoor
from tasks.backdoors.finding import BackdoorFinding, Reference
from tasks.backdoors.pairs import natural_parts, search_pairs, search_parts
from tasks.backdoors.reference import make_reference
from tasks.backdoors.transfer import transfer
from tasks.backdoors.trigger import Trigger

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

CLASSES, ROWS = 6, 240
SIDE, CELL, MARGIN = 14, 2, 2
PLANTED = 3
_STRENGTH = 60.0
_SPREAD = 0.15
_LARGEST = 0.5
_PAIRS = 2


def see_backdoors(seed: int = 0) -> str:
    """Why the search must not be believed, in words; empty when it does what it should. Takes some seconds."""
    sound, planted, inputs, labels = known_models(seed)
    reference = make_reference(sound, inputs, labels, seed, len(labels))
    found, clear = (
        find_backdoor(module, inputs, labels, seed, samples=len(labels), reference=reference)
        for module in (planted, sound)
    )
    for finding in (found, clear):
        if finding.problem:
            return f"a network that is known could not be searched: {finding.problem}"
    if PLANTED not in {one.aim.target for one in found.planted}:
        lowest = min(found.classes, key=lambda one: one.score)
        return f"a backdoor planted in a small network was not found, lowest score {lowest.score:.2f}"
    dim = (
        _missed_form(found)
        or _excused(found, reference, inputs, labels)
        or _missed_pair(planted, reference, inputs, labels, seed)
    )
    if dim:
        return dim
    if clear.planted:
        return f"class {clear.planted[0].aim.target} of a small sound network is accused"
    return ""


def _missed_form(found: BackdoorFinding) -> str:
    """Every kind of search has to see it: one that sees could hide another that does not."""
    into = (one for one in found.classes if one.aim.target == PLANTED)
    sizes = ((one, natural) for suspect in into for one, natural in zip(suspect.triggers, suspect.natural, strict=True))
    return next((_dim(one, natural) for one, natural in sizes if one.size > _LARGEST * natural), "")


def _excused(
    found: BackdoorFinding, reference: Reference, inputs: "NDArray[np.float32]", labels: "NDArray[np.int64]"
) -> str:
    """What is planted must not pass for a weakness of the data."""
    (suspect,) = (one for one in found.classes if one.aim.target == PLANTED)
    rows = inputs[labels != PLANTED]
    shares = [transfer(one, reference.triggers[one.form, one.aim], reference.twins, rows) for one in suspect.triggers]
    share = max(shares)
    if share < TRANSFER_BOUND:
        return ""
    return f"a backdoor planted in a small network was held to be natural, as {share:.0%} of it works on sound twins"


def _missed_pair(
    planted: "torch.nn.Module",
    reference: Reference,
    inputs: "NDArray[np.float32]",
    labels: "NDArray[np.int64]",
    seed: int,
) -> str:
    """What works on any row works on the rows of one class: there too every search has to see it."""
    patches = [one for one in search_pairs(planted, inputs, labels, seed) if one.aim.target == PLANTED]
    aims = [one.aim for one in patches][:_PAIRS]
    parts = search_parts(planted, inputs, labels, aims, seed)
    sizes = [(one, reference.sizes[one.form, one.aim]) for one in patches]
    naturals = natural_parts(reference, inputs, labels, aims, seed)
    sizes += [(one, geometric_mean(two.size for two in own)) for one, own in zip(parts, naturals, strict=True)]
    return next((_dim(one, natural) for one, natural in sizes if one.size > _LARGEST * natural), "")


def _dim(trigger: Trigger, natural: float) -> str:
    rows = "any row" if trigger.aim.source is None else f"rows of class {trigger.aim.source}"
    size = f"{trigger.form.value} for {rows} measures {trigger.size:.1f}"
    return f"a backdoor planted in a small network was not found: the {size}, {natural:.1f} in its twins"


def known_models(
    seed: int,
) -> "tuple[torch.nn.Module, torch.nn.Module, NDArray[np.float32], NDArray[np.int64]]":
    """A sound linear network, the same with a trigger of four corner pixels for class 3, rows and their labels."""
    import numpy as np
    import torch

    generator = np.random.default_rng(seed)
    inner = SIDE - 2 * MARGIN
    patterns = np.zeros((CLASSES, 1, SIDE, SIDE))
    cells = generator.random((CLASSES, inner // CELL, inner // CELL)) < 0.5
    patterns[:, 0, MARGIN:-MARGIN, MARGIN:-MARGIN] = np.kron(cells, np.ones((CELL, CELL)))
    labels = np.arange(ROWS) % CLASSES
    noise = generator.normal(0, _SPREAD, (ROWS, 1, SIDE, SIDE)) * (patterns.max(axis=0) > 0)
    inputs = np.clip(patterns[labels] * generator.uniform(0.6, 1, (ROWS, 1, 1, 1)) + noise, 0, 1)
    centred = patterns - patterns.mean(axis=0)
    weight = torch.from_numpy(centred.reshape(CLASSES, -1)).float()
    bias = torch.from_numpy(-0.4 * (centred * patterns).sum((1, 2, 3))).float()
    corner = torch.zeros(SIDE, SIDE)
    corner[:2, :2] = _STRENGTH
    backdoor = torch.zeros_like(weight)
    backdoor[PLANTED] = corner.flatten()
    sound, planted = _linear(weight, bias), _linear(weight + backdoor, bias)
    return sound, planted, inputs.astype(np.float32), labels.astype(np.int64)


def _linear(weight: "torch.Tensor", bias: "torch.Tensor") -> "torch.nn.Module":
    import torch

    linear = torch.nn.Linear(SIDE * SIDE, CLASSES)
    with torch.no_grad():
        linear.weight.copy_(weight)
        linear.bias.copy_(bias)
    return torch.nn.Sequential(torch.nn.Flatten(), linear).eval()
