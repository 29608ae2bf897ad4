"""A network with a known backdoor, and the same without: a search that errs on either must not be believed."""

from typing import TYPE_CHECKING

from tasks.backdoors.find_backdoor import BackdoorFinding, find_backdoor, make_reference

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
    dim = _missed_form(found)
    if dim:
        return dim
    if clear.planted:
        return f"class {clear.planted[0].aim.target} of a small sound network is accused"
    return ""


def _missed_form(found: BackdoorFinding) -> str:
    """Every kind of search has to see it: one that sees could hide another that does not."""
    into = [one for one in (*found.classes, *found.pairs) if one.aim.target == PLANTED]
    for suspect in into:
        for trigger, natural in zip(suspect.triggers, suspect.natural, strict=True):
            if trigger.size > _LARGEST * natural:
                rows = "any row" if suspect.aim.source is None else f"rows of class {suspect.aim.source}"
                size = f"{trigger.form.value} for {rows} measures {trigger.size:.1f}"
                return f"a backdoor planted in a small network was not found: the {size}, {natural:.1f} in its twin"
    return ""


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
