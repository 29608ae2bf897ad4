"""The smallest change that makes almost any image one class, for all at once (Neural Cleanse, Wang et al. 2019).

Three forms are sought. A patch replaces what is under a mask; its size is the mask's sum in pixels. A part is a patch
that keeps to a window. An overlay is added to the whole image; its size is its Euclidean length: what a blended picture
or a wave needs (Chen et al. 2017, Barni et al. 2019). Aims share each pass; the weight on size rises while a trigger
works and falls while it does not.

A trigger works when the target's logit is the largest; where a search asks for a margin, when it leads by that share of
the lead that rows have in their own class. Few pixels put many rows just past a border; a planted trigger makes the
network as sure as of a true row.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.torch_mode import evaluation_mode
from assay.torch_threads import side_by_side
from tasks.backdoors.trigger import Aim, Form, Trigger, Window

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    Images = NDArray[np.float32]
    Labels = NDArray[np.int64]

ROWS_A_PASS = 240
_FORGETS = 0.3  # weight of the newest batch in the running success
_RISE = 1.2
_LEAST_PRESSURE, _MOST_PRESSURE = 1e-5, 10.0
_JUDGED_ROWS = 256
_HOPE = 0.5
_BEYOND = 1.2  # a search pulls a little past the lead that counts
_FEW, _ROUND = 0.5, 16  # share of rows that pull, and what their number is rounded up to


@dataclass(frozen=True)
class Search:
    """rows: of a batch, for each aim. rate: Adam's. pressure: the first weight on size. goal: success to be kept.

    margin: the lead that counts as success, as a share of the usual one; 0: any lead. patience: steps after which an
    aim that has moved less than half of its rows is given up; 0: none is.
    """

    form: Form
    steps: int
    rows: int
    rate: float
    pressure: float
    goal: float = 0.95
    margin: float = 0.0
    patience: int = 0


PATCH = Search(Form.PATCH, steps=90, rows=16, rate=0.25, pressure=2e-3)
OVERLAY = Search(Form.OVERLAY, steps=60, rows=16, rate=0.04, pressure=1e-2)
PAIR_PATCH = Search(Form.PATCH, steps=100, rows=16, rate=0.25, pressure=2e-3, goal=0.97, margin=0.5)
PAIR_PART = Search(Form.PART, steps=70, rows=12, rate=0.25, pressure=2e-3, goal=0.97, margin=0.5, patience=30)


class OutOfTime(Exception):
    """The search was to end before it was through."""


def invert_triggers(
    module: "torch.nn.Module",
    inputs: "Images",
    labels: "Labels",
    seed: int,
    search: Search = PATCH,
    aims: Sequence[Aim] | None = None,
    deadline: float = float("inf"),
) -> tuple[Trigger, ...]:
    """One trigger an aim, by default an aim a class of `labels`, found on half of the rows and judged on the others.

    inputs: sound rows (rows, channels, H, W) in [0, 1]. labels: below the number of logits. deadline: on
    `time.perf_counter`. Raises OutOfTime past it, ValueError when an aim has no rows to move.
    """
    import numpy as np

    aims = [Aim(int(target)) for target in np.unique(labels)] if aims is None else list(aims)
    searched, judged = _halves(labels, seed)
    pools = [_movable(labels, aim, searched) for aim in aims]
    tests = [_movable(labels, aim, judged)[:_JUDGED_ROWS] for aim in aims]
    together = max(1, ROWS_A_PASS // search.rows)
    with evaluation_mode(module) as device:
        images = _to_device(inputs, device)
        lead = search.margin * usual_lead(module, inputs, labels) if search.margin else 0.0

        def invert(start: int) -> list[Trigger]:
            if time.perf_counter() > deadline:
                raise OutOfTime(f"{start} of {len(aims)} searches for a {search.form.value} were made")
            part = slice(start, start + together)
            found = _search(module, images, pools[part], aims[part], search, seed + start, lead)
            return [_judged(module, one, inputs[rows], device) for one, rows in zip(found, tests[part], strict=True)]

        found = side_by_side(invert, range(0, len(aims), together), device)
    return tuple(trigger for several in found for trigger in several)


def success(module: "torch.nn.Module", trigger: Trigger, inputs: "Images") -> float:
    """Share of `inputs` that the module calls the trigger's target when they bear it."""
    with evaluation_mode(module) as device:
        return _judged(module, trigger, inputs, device).success


def usual_lead(module: "torch.nn.Module", inputs: "Images", labels: "Labels") -> float:
    """Median lead, in logits, of the rows that the module is right on. Raises ValueError when there is none."""
    import torch

    with evaluation_mode(module) as device, torch.no_grad():
        parts = [
            (_to_device(inputs[start : start + ROWS_A_PASS], device), labels[start : start + ROWS_A_PASS])
            for start in range(0, len(labels), ROWS_A_PASS)
        ]
        leads = torch.cat([_leads(module(rows), torch.from_numpy(known).to(device)) for rows, known in parts])
    right = leads[leads > 0]
    if not len(right):
        raise ValueError("expected a model that is right on some sound rows, found none; bring rows of its own data")
    return float(right.median())


def _halves(labels: "Labels", seed: int) -> "tuple[NDArray[np.bool_], NDArray[np.bool_]]":
    """Every class's rows by turns to either side, so that no class is on one side alone."""
    import numpy as np

    drawn = np.random.default_rng(seed).permutation(len(labels))
    by_class = drawn[np.argsort(labels[drawn], kind="stable")]
    searched = np.zeros(len(labels), dtype=bool)
    searched[by_class[::2]] = True
    return searched, ~searched


def _movable(labels: "Labels", aim: Aim, among: "NDArray[np.bool_]") -> "NDArray[np.int64]":
    import numpy as np

    movable = labels != aim.target if aim.source is None else labels == aim.source
    places = np.flatnonzero(movable & among)
    if not len(places):
        raise ValueError(f"expected sound rows to be made class {aim.target}, found none; bring rows of other classes")
    return places


def _to_device(inputs: "Images", device: "torch.device") -> "torch.Tensor":
    import torch

    return torch.from_numpy(inputs).to(device)


def _search(
    module: "torch.nn.Module",
    images: "torch.Tensor",
    pools: "Sequence[NDArray[np.int64]]",
    aims: Sequence[Aim],
    search: Search,
    seed: int,
    lead: float,
) -> list[Trigger]:
    """Of each aim the smallest trigger that held the goal, not yet judged on other rows."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    windows = _windows(aims, images)
    raw = _start(search.form, len(aims), images, generator)
    optimiser = torch.optim.Adam(raw, search.rate, betas=(0.5, 0.9))
    targets = torch.tensor([[aim.target] * search.rows for aim in aims], device=images.device)
    course = _Course(search, len(aims), images.device)
    kept = _Kept(*(part.detach().clone() for part in _made(search.form, raw, windows)))
    for rows in _batches(pools, search, generator):
        alive = course.alive
        if not alive.any():
            break
        mask, added, size = _made(search.form, raw, windows)
        shown = (images[rows[alive]] * (1 - mask[alive, None]) + added[alive, None]).clamp(0, 1).flatten(0, 1)
        loss, works, pulling = _look(module, shown, targets[alive].flatten(), lead, course.pulling)
        gradients = torch.autograd.grad(loss / search.rows + (course.pressure * size).sum(), raw)
        kept.keep(course.step(works, pulling), mask.detach(), added.detach(), size.detach())
        for part, gradient in zip(raw, gradients, strict=True):
            part.grad = gradient
        optimiser.step()
    kept.close(*(part.detach() for part in _made(search.form, raw, windows)))
    return kept.triggers(search.form, aims)


class _Course:
    """How a search goes: which aims are alive, the weight on their sizes, the share of rows that still pull."""

    def __init__(self, search: Search, aims: int, device: "torch.device") -> None:
        import torch

        self.search, self.steps, self.pulling = search, 0, 1.0
        self.alive = torch.ones(aims, dtype=torch.bool, device=device)
        self.running = torch.zeros(aims, device=device)
        self.pressure = torch.full((aims,), search.pressure, device=device)

    def step(self, works: "torch.Tensor", pulling: float) -> "torch.Tensor":
        """Which aims hold the goal now. works: whether the rows of those alive have arrived."""
        import torch

        rates = works.view(-1, self.search.rows).float().mean(1)
        hits = torch.zeros_like(self.running).masked_scatter(self.alive, rates)
        self.running = (1 - _FORGETS) * self.running + _FORGETS * hits
        holds = self.running >= self.search.goal
        weights = torch.where(holds, self.pressure * _RISE, self.pressure / _RISE**1.5)
        self.pressure = weights.clamp(_LEAST_PRESSURE, _MOST_PRESSURE)
        self.pulling, self.steps = pulling, self.steps + 1
        if self.steps == self.search.patience:
            self.alive = self.running >= _HOPE
        return holds


class _Kept:
    """The smallest triggers so far that held the goal."""

    def __init__(self, mask: "torch.Tensor", added: "torch.Tensor", size: "torch.Tensor") -> None:
        import torch

        self.mask, self.added, self.size = mask, added, torch.full_like(size, float("inf"))

    def keep(self, holds: "torch.Tensor", mask: "torch.Tensor", added: "torch.Tensor", size: "torch.Tensor") -> None:
        better = holds & (size < self.size)
        self.mask[better], self.added[better], self.size[better] = mask[better], added[better], size[better]

    def close(self, mask: "torch.Tensor", added: "torch.Tensor", size: "torch.Tensor") -> None:
        """Where the goal was never held, what the search ended with stands."""
        import torch

        self.reached = torch.isfinite(self.size)
        never = ~self.reached
        self.mask[never], self.added[never], self.size[never] = mask[never], added[never], size[never]

    def triggers(self, form: Form, aims: Sequence[Aim]) -> list[Trigger]:
        masks, added, sizes, reached = (part.cpu().numpy() for part in (self.mask, self.added, self.size, self.reached))
        return [
            Trigger(form, aim, float(sizes[number]), 0.0, bool(reached[number]), masks[number], added[number])
            for number, aim in enumerate(aims)
        ]


def _batches(
    pools: "Sequence[NDArray[np.int64]]", search: Search, generator: "torch.Generator"
) -> "Iterator[torch.Tensor]":
    """(aims, rows) places, drawn anew each step."""
    import torch

    places = [torch.from_numpy(pool) for pool in pools]
    for _ in range(search.steps):
        yield torch.stack([pool[torch.randint(len(pool), (search.rows,), generator=generator)] for pool in places])


def _start(form: Form, aims: int, images: "torch.Tensor", generator: "torch.Generator") -> "list[torch.Tensor]":
    """A patch starts as a quarter of every pixel, a part as half, an overlay as faint noise."""
    import torch

    channels, height, width = images.shape[1:]
    noise = torch.randn(aims, channels, height, width, generator=generator).to(images.device)
    if form is Form.OVERLAY:
        return [(0.02 * noise).requires_grad_(True)]
    spread = torch.randn(aims, 1, height, width, generator=generator).to(images.device)
    covered = 0.0 if form is Form.PART else -1.0
    return [(0.1 * spread + covered).requires_grad_(True), (0.5 * noise).requires_grad_(True)]


def _windows(aims: Sequence[Aim], images: "torch.Tensor") -> "torch.Tensor":
    """(aims, 1, H, W): 1 where an aim's trigger may be."""
    import torch

    allowed = torch.zeros(len(aims), 1, *images.shape[2:], device=images.device)
    for one, aim in zip(allowed, aims, strict=True):
        window = aim.window or Window(0, 0, images.shape[2], images.shape[3])
        one[:, window.top : window.top + window.height, window.left : window.left + window.width] = 1
    return allowed


def _look(
    module: "torch.nn.Module", shown: "torch.Tensor", targets: "torch.Tensor", lead: float, pulling: float
) -> "tuple[torch.Tensor, torch.Tensor, float]":
    """What the search lowers, (rows,) which have arrived, and the share that still pulls; before: `pulling`.

    A row that leads far enough has no gradient: where few are left, these alone are passed back.
    """
    import torch

    if pulling > _FEW:
        loss, works = _pull(module(_laid_out(shown)), targets, lead)
        return loss.sum(), works, float((loss > 0).float().mean())
    with torch.no_grad():
        loss, works = _pull(module(_laid_out(shown)), targets, lead)
    left = int((loss > 0).sum())
    chosen = loss.argsort(descending=True)[: _ROUND * (left // _ROUND + 1)]  # many sizes of batch cost more than rows
    again, _ = _pull(module(_laid_out(shown[chosen])), targets[chosen], lead)
    return again.sum(), works, left / len(targets)


def _laid_out(shown: "torch.Tensor") -> "torch.Tensor":
    import torch

    return shown.contiguous(memory_format=torch.channels_last)


def _pull(logits: "torch.Tensor", targets: "torch.Tensor", lead: float) -> "tuple[torch.Tensor, torch.Tensor]":
    """(rows,) each: what the search lowers, and whether the row has arrived. lead: in logits; 0: any will do."""
    import torch
    from torch.nn.functional import cross_entropy

    if not lead:
        return cross_entropy(logits, targets, reduction="none"), logits.argmax(1) == targets
    led = _leads(logits, targets) / lead
    return torch.relu(_BEYOND - led), led.detach() >= 1


def _leads(logits: "torch.Tensor", labels: "torch.Tensor") -> "torch.Tensor":
    """(rows,): the logit of the label less the largest of the others."""
    own = logits.gather(1, labels[:, None])[:, 0]
    return own - logits.scatter(1, labels[:, None], float("-inf")).amax(1)


def _made(
    form: Form, raw: "list[torch.Tensor]", windows: "torch.Tensor"
) -> "tuple[torch.Tensor, torch.Tensor, torch.Tensor]":
    """Masks (aims, 1, H, W), what is added (aims, channels, H, W), sizes (aims,)."""
    import torch

    if form is Form.OVERLAY:
        (added,) = raw
        return torch.zeros_like(added[:, :1]), added, added.flatten(1).norm(dim=1)
    mask = torch.sigmoid(raw[0]) * windows
    return mask, mask * torch.sigmoid(raw[1]), mask.sum((1, 2, 3))


def _judged(module: "torch.nn.Module", trigger: Trigger, inputs: "Images", device: "torch.device") -> Trigger:
    from dataclasses import replace

    import torch

    with torch.no_grad():
        logits = module(trigger.on(_to_device(inputs, device)))
    return replace(trigger, success=float((logits.argmax(1) == trigger.aim.target).float().mean()))
