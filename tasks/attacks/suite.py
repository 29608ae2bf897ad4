"""Attacks one after another, the next on the rows that still stand; what counts is the worst case of each row.

No attack is believed: every row it gives back is held against the ball, and asked of the model once more. Rows outside
the ball count for nothing, and are told: an attack that makes them is broken.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from assay.json_types import Json
from tasks.attacks.apgd import Apgd
from tasks.attacks.ball import Ball
from tasks.attacks.fab import Fab
from tasks.attacks.square import Square
from tasks.attacks.target import Attack, Target

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from tasks.attacks.target import Query


@dataclass(frozen=True)
class AttackOutcome:
    """robust_accuracy: after this attack and all before it. outside: rows it moved out of the ball, a fault."""

    name: str
    robust_accuracy: float
    attacked: int
    fell: int
    outside: int
    seconds: float
    forward_passes: int
    backward_passes: int

    def to_json(self) -> dict[str, Json]:
        return {**asdict(self), "seconds": round(self.seconds, 3)}


@dataclass(frozen=True)
class SuiteResult:
    """clean, robust: (rows,), right before, and after every attack. adversarial: (rows, …), what fooled the model, else
    the row itself."""

    clean: "NDArray[np.bool_]"
    robust: "NDArray[np.bool_]"
    adversarial: "NDArray[np.float32]"
    outcomes: tuple[AttackOutcome, ...]

    @property
    def robust_accuracy(self) -> float:
        """Share of all rows that are right and stay right."""
        return float(self.robust.mean())


def join_results(parts: Sequence[SuiteResult]) -> SuiteResult:
    """The same suite on several sets of rows, as if on one."""
    import numpy as np

    rows = [len(part.clean) for part in parts]
    return SuiteResult(
        clean=np.concatenate([part.clean for part in parts]),
        robust=np.concatenate([part.robust for part in parts]),
        adversarial=np.concatenate([part.adversarial for part in parts]),
        outcomes=tuple(_join_outcomes(each, rows) for each in zip(*(part.outcomes for part in parts), strict=True)),
    )


def _join_outcomes(parts: Sequence[AttackOutcome], rows: Sequence[int]) -> AttackOutcome:
    import numpy as np

    return AttackOutcome(
        name=parts[0].name,
        robust_accuracy=float(np.average([part.robust_accuracy for part in parts], weights=rows)),
        attacked=sum(part.attacked for part in parts),
        fell=sum(part.fell for part in parts),
        outside=sum(part.outside for part in parts),
        seconds=sum(part.seconds for part in parts),
        forward_passes=sum(part.forward_passes for part in parts),
        backward_passes=sum(part.backward_passes for part in parts),
    )


def standard_suite(queries: int = 5000) -> tuple[Attack, ...]:
    """The AutoAttack protocol (Croce & Hein 2020a): APGD on cross-entropy, APGD and FAB by class, Square."""
    return Apgd("ce"), Apgd("dlr_targeted"), Fab(), Square(queries)


def quick_suite() -> tuple[Attack, ...]:
    """What finds most in least time: a short climb, then towards the likeliest classes, then squares."""
    return Apgd("ce", steps=20), Apgd("dlr_targeted", steps=60, targets=4), Square(2500)


def full_suite() -> tuple[Attack, ...]:
    """The standard one with five restarts of what draws at random, and the untargeted ratio beside."""
    many = Apgd("ce", restarts=5), Apgd("dlr", restarts=5), Apgd("dlr_targeted", restarts=5)
    return *many, Fab(), Square(10_000)


SUITES: Mapping[str, Callable[[], tuple[Attack, ...]]] = {
    "quick": quick_suite,
    "standard": standard_suite,
    "full": full_suite,
}


def run_suite(
    module: "torch.nn.Module",
    inputs: "NDArray[np.float32]",
    labels: "NDArray[np.int64]",
    ball: Ball,
    attacks: Sequence[Attack],
    seed: int = 0,
    query: "Query | None" = None,
    say: Callable[[str], None] = lambda _: None,
) -> SuiteResult:
    """inputs: model space, in [0, 1]. module: those to logits; comes back as it was. query: the served file.

    Deterministic in the seed on one machine. Raises ValueError when an attack does not know the ball's norm.
    """
    import numpy as np
    import torch

    from assay.torch_mode import evaluation_mode

    with evaluation_mode(module) as device:
        target = Target(module, query)
        rows = _fast_layout(torch.from_numpy(np.ascontiguousarray(inputs, np.float32)).to(device))
        wanted = torch.from_numpy(np.ascontiguousarray(labels, np.int64)).to(device)
        clean = _right(target, rows, wanted, 256)
        standing, worst, outcomes = clean.clone(), rows.clone(), []
        for number, attack in enumerate(attacks):
            generator = torch.Generator(device=device).manual_seed(1_000 * seed + number)
            outcome = _run(attack, target, rows, wanted, ball, generator, standing, worst)
            outcomes.append(outcome)
            say(f"{outcome.name}: robust accuracy {outcome.robust_accuracy:.4f} after {outcome.seconds:.1f} s")
    return SuiteResult(clean.cpu().numpy(), standing.cpu().numpy(), worst.contiguous().cpu().numpy(), tuple(outcomes))


def _run(
    attack: Attack,
    target: Target,
    rows: "torch.Tensor",
    labels: "torch.Tensor",
    ball: Ball,
    generator: "torch.Generator",
    standing: "torch.Tensor",
    worst: "torch.Tensor",
) -> AttackOutcome:
    """Attack what stands; `standing` and `worst` are brought up to date."""
    import torch

    started, passed = time.perf_counter(), (target.forwards, target.backwards)
    places, outside, attacked = standing.nonzero().squeeze(1), 0, int(standing.sum())
    for part in torch.split(places, attack.batch):
        centre = _fast_layout(rows[part])
        moved = attack.move(target, centre, labels[part], ball, generator)
        held = ball.holds(moved, centre)
        fell = held & ~_right(target, moved, labels[part], len(part))
        outside += int((~held).sum())
        worst[part[fell]] = moved[fell]
        standing[part[fell]] = False
    return AttackOutcome(
        name=attack.name,
        robust_accuracy=int(standing.sum()) / len(standing),
        attacked=attacked,
        fell=attacked - int(standing.sum()),
        outside=outside,
        seconds=time.perf_counter() - started,
        forward_passes=target.forwards - passed[0],
        backward_passes=target.backwards - passed[1],
    )


def _right(target: Target, rows: "torch.Tensor", labels: "torch.Tensor", batch: int) -> "torch.Tensor":
    """(rows,): right by the module, and by the served file where there is one."""
    import torch

    right = []
    for part, wanted in zip(torch.split(rows, batch), torch.split(labels, batch), strict=True):
        held = target.logits(part).argmax(1) == wanted
        right.append(held if target.query is None else held & (target.answers(part).argmax(1) == wanted))
    return torch.cat(right)


def _fast_layout(data: "torch.Tensor") -> "torch.Tensor":
    """Channels last: convolutions on images run about twice as fast on a processor that way."""
    import torch

    return data.contiguous(memory_format=torch.channels_last) if data.ndim == 4 else data
