"""Fast adaptive boundary: the smallest move that reaches another class (Croce & Hein 2020b), class by class.

The boundary to the class is taken for flat; the iterate and the row itself are projected onto it inside the box, and
the next iterate lies between the two projections, a little beyond. On the other side a step back halves the search in.
It does not know epsilon until its end, so gradients that vanish inside the ball do not stop it.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.attacks.ball import TINY, Ball, spread
from tasks.attacks.losses import likeliest_others
from tasks.attacks.target import Target

if TYPE_CHECKING:
    import torch

FARTHEST_BACK = 0.1
OVERSHOOT = 1.05
STEP_BACK = 0.9
NEWTON_STEPS = 12
EXACT = 1e-3


@dataclass(frozen=True)
class Fab:
    """targets: how many of the likeliest other classes are tried, each for `steps` steps."""

    steps: int = 100
    targets: int = 9
    batch: int = 64
    name = "fab-t"

    def move(
        self,
        target: Target,
        rows: "torch.Tensor",
        labels: "torch.Tensor",
        ball: Ball,
        generator: "torch.Generator",
    ) -> "torch.Tensor":
        """The nearest error found, where it lies in the ball; else the row itself. Deterministic: draws nothing."""
        import torch

        moved, standing = rows.clone(), torch.arange(len(rows), device=rows.device)
        wanted = likeliest_others(target.logits(rows), labels, self.targets)
        for place in range(wanted.shape[1]):
            if not len(standing):
                break
            centre, towards = rows[standing], wanted[standing, place]
            found = approach(target, centre, labels[standing], towards, ball, self.steps)
            inside = ball.holds(found, centre) & (found != centre).flatten(1).any(1)
            moved[standing[inside]] = found[inside]
            standing = standing[~inside]
        return moved


def approach(
    target: Target, rows: "torch.Tensor", labels: "torch.Tensor", wanted: "torch.Tensor", ball: Ball, steps: int
) -> "torch.Tensor":
    """Each row's nearest error on the way to the class `wanted` (rows,), or the row itself; the ball is the goal."""
    import torch

    found, shortest = rows.clone(), torch.full((len(rows),), torch.inf, device=rows.device)
    place, now = torch.arange(len(rows), device=rows.device), rows
    for _ in range(steps):
        centre = rows[place]
        _, lead, gradient = target.ascend(now, _Lead(labels[place], wanted[place]))
        now = _between(now, centre, lead, gradient, ball)
        errs, lengths = target.scores(now).argmax(1) != labels[place], ball.lengths(now - centre)
        closer = errs & (lengths < shortest[place])
        found[place[closer]], shortest[place[closer]] = now[closer], lengths[closer]
        now = torch.where(spread(errs, now), centre + STEP_BACK * (now - centre), now)
        stays = shortest[place] > ball.epsilon
        if not stays.all():
            place, now = place[stays], now[stays]
        if not len(place):
            break
    return found


@dataclass(frozen=True)
class _Lead:
    """By how much the wanted class leads the label."""

    labels: "torch.Tensor"
    wanted: "torch.Tensor"

    def __call__(self, logits: "torch.Tensor") -> "torch.Tensor":
        return (logits.gather(1, self.wanted.unsqueeze(1)) - logits.gather(1, self.labels.unsqueeze(1))).squeeze(1)


def _between(
    now: "torch.Tensor", rows: "torch.Tensor", lead: "torch.Tensor", gradient: "torch.Tensor", ball: Ball
) -> "torch.Tensor":
    """A point between the projections of the iterate and of the row onto the flat boundary."""
    missing = -lead
    from_now = onto_boundary(now, gradient, missing, ball)
    from_row = onto_boundary(rows, gradient, missing + (gradient * (now - rows)).flatten(1).sum(1), ball)
    far, near = ball.lengths(from_now), ball.lengths(from_row)
    back = spread((far / (far + near + TINY)).clamp(0, FARTHEST_BACK), rows)
    return ((now + OVERSHOOT * from_now) * (1 - back) + (rows + OVERSHOOT * from_row) * back).clamp(0, 1)


def onto_boundary(
    points: "torch.Tensor", gradient: "torch.Tensor", missing: "torch.Tensor", ball: Ball
) -> "torch.Tensor":
    """The shortest offsets d, in the ball's norm, with gradient . d = missing (rows,) and points + d in the box.

    Every coordinate moves as fast as the norm lets it until it meets the box, so what is gained is concave and
    piecewise linear in the time moved, and Newton's method finds the time without overshooting. Where the box ends
    first, as far as it goes.
    """
    import torch

    uphill = gradient * spread(missing.sign(), gradient)
    room = torch.where(uphill > 0, 1 - points, points)
    gain = uphill.abs()
    speed = torch.ones_like(gain) if ball.norm == "linf" else gain
    rate, wanted = (gain * speed), missing.abs()
    time = wanted / (rate.flatten(1).sum(1) + TINY)
    moved = room
    for _ in range(NEWTON_STEPS):
        free = speed * spread(time, speed)
        moved = torch.minimum(free, room)
        gap = wanted - (gain * moved).flatten(1).sum(1)
        left = (rate * (free < room)).flatten(1).sum(1)
        if bool(((gap <= EXACT * wanted) | (left <= TINY)).all()):
            break
        time = time + torch.where(left > TINY, gap.clamp(min=0) / (left + TINY), 0)
    return moved * uphill.sign()
