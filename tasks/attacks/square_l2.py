"""Square attack in the L2 ball: budget is moved from one window of the image to another (Andriushchenko et al. 2020).

Their algorithm 3: the offset in one random window is taken away, and what it had, with what is left of epsilon, is
given to another window as a pair of opposite pyramids. Rows of columns are images of one line.
"""

import math
from typing import TYPE_CHECKING

from tasks.attacks.ball import TINY, Ball, spread

if TYPE_CHECKING:
    import torch

FEWEST_PIXELS = 3
TILES = 5


def first_offsets(images: "torch.Tensor", ball: Ball, generator: "torch.Generator") -> "torch.Tensor":
    """Pyramids in a grid of five by five windows, a random sign each, of length epsilon together."""
    import torch

    count, channels, height, width = images.shape
    tall, wide = max(height // TILES, 1), max(width // TILES, 1)
    offsets = torch.zeros_like(images)
    for top in range(0, height - tall + 1, tall):
        for left in range(0, width - wide + 1, wide):
            window = offsets[:, :, top : top + tall, left : left + wide]
            window += pyramids(tall, wide, generator, images) * _signs(count, channels, generator, images)
    return _of_length(offsets, ball.epsilon)


def moved_offsets(offsets: "torch.Tensor", covered: float, ball: Ball, generator: "torch.Generator") -> "torch.Tensor":
    """One window emptied, another given its budget; both of the share `covered` of the image, places drawn once."""
    import torch

    count, channels, height, width = offsets.shape
    tall, wide = window_of(covered, height, width)
    (top, left), (top_emptied, left_emptied) = (_place(height - tall, width - wide, generator) for _ in range(2))
    into = (..., slice(top, top + tall), slice(left, left + wide))
    emptied = (..., slice(top_emptied, top_emptied + tall), slice(left_emptied, left_emptied + wide))
    touched = torch.zeros_like(offsets[:1])
    touched[into] = touched[emptied] = 1
    unspent = (ball.epsilon**2 - offsets.flatten(1).square().sum(1)).clamp(min=0)
    held = (offsets * touched).square().sum((2, 3), keepdim=True)
    old = offsets[into] / (offsets[into].square().sum((2, 3), keepdim=True).sqrt() + TINY)
    shape = pyramids(tall, wide, generator, offsets) * _signs(count, channels, generator, offsets) + old
    shape = shape / (shape.square().sum((2, 3), keepdim=True).sqrt() + TINY)
    moved = offsets.clone()
    moved[emptied] = 0
    moved[into] = shape * (spread(unspent, offsets) / channels + held).sqrt()
    return _of_length(moved, ball.epsilon)


def window_of(covered: float, height: int, width: int) -> tuple[int, int]:
    """Odd edges of a square of that share of the image, at least 3; of a line, a run."""
    if height == 1:
        return 1, _odd(covered * width, width)
    return (edge := _odd(math.sqrt(covered * height * width), min(height, width))), edge


def pyramids(tall: int, wide: int, generator: "torch.Generator", like: "torch.Tensor") -> "torch.Tensor":
    """(tall, wide): a pyramid up beside a pyramid down, of length 1; squares are turned by chance."""
    import torch

    turned = tall == wide and bool(torch.rand((), generator=generator, device=like.device) > 0.5)
    along = (wide, tall) if tall == 1 or turned else (tall, wide)
    half = along[0] // 2
    both = torch.cat([_pyramid(half, along[1]), -_pyramid(along[0] - half, along[1])]).to(like)
    shaped: torch.Tensor = (both.T if turned or tall == 1 else both) / (both.norm() + TINY)
    return shaped


def _pyramid(tall: int, wide: int) -> "torch.Tensor":
    """Rectangles of growing size about the middle, ever lower, one on the other; length 1."""
    import torch

    pile = torch.zeros(tall, wide)
    for ring in range(max(tall, wide) // 2 + 1):
        top, left = tall // 2 - ring, wide // 2 - ring
        pile[max(top, 0) : tall // 2 + ring + 1, max(left, 0) : wide // 2 + ring + 1] += 1 / (ring + 1) ** 2
    pyramid: torch.Tensor = pile / (pile.norm() + TINY)
    return pyramid


def _odd(edge: float, most: int) -> int:
    rounded = max(round(edge), FEWEST_PIXELS)
    return min(rounded + 1 - rounded % 2, most)


def _place(down: int, across: int, generator: "torch.Generator") -> tuple[int, int]:
    import torch

    top, left = (
        int(torch.randint(0, most + 1, (), generator=generator, device=generator.device)) for most in (down, across)
    )
    return top, left


def _signs(count: int, channels: int, generator: "torch.Generator", like: "torch.Tensor") -> "torch.Tensor":
    import torch

    up = torch.rand((count, channels, 1, 1), generator=generator, device=like.device) < 0.5
    return up.to(like) * 2 - 1


def _of_length(offsets: "torch.Tensor", length: float) -> "torch.Tensor":
    return offsets * spread(length / (offsets.flatten(1).norm(dim=1) + TINY), offsets)
