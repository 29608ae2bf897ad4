"""Square attack: random squares, kept when the answer's margin shrinks; sees answers only (Andriushchenko et al. 2020).

Images are attacked in squares, other rows in runs of neighbouring columns. Rows that fall are asked about no more.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.attacks.ball import Ball
from tasks.attacks.losses import margin
from tasks.attacks.square_l2 import first_offsets, moved_offsets
from tasks.attacks.target import Target

if TYPE_CHECKING:
    import torch

# The share of an image that a square covers is halved after so many of 10,000 queries (their section 3.1).
HALVED_AFTER = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
SCHEDULE = 10_000


@dataclass(frozen=True)
class Square:
    """queries: at most, a row and restart. covered: the share of an image under the first squares."""

    queries: int = 5000
    covered: float = 0.8
    batch: int = 256
    name = "square"

    def move(
        self,
        target: Target,
        rows: "torch.Tensor",
        labels: "torch.Tensor",
        ball: Ball,
        generator: "torch.Generator",
    ) -> "torch.Tensor":
        """Every random move of one norm; how it is drawn differs."""
        import torch

        images = _as_images(rows)
        moves = _Squares(images, ball, generator) if ball.norm == "linf" else _Windows(images, ball, generator)
        best = moves.start()
        lead, moved = self._lead(target, best, labels, rows.shape), best.clone()
        place = torch.arange(len(rows), device=rows.device)
        for query in range(1, self.queries):
            standing = lead <= 0
            if not standing.all():
                moved[place[~standing]] = best[~standing]
                place, best, lead = place[standing], best[standing], lead[standing]
            if not len(place):
                break
            tried = moves.next(best, place, self._share(query))
            found = self._lead(target, tried, labels[place], rows.shape)
            better = found > lead
            lead = torch.where(better, found, lead)
            best[better] = tried[better]
        moved[place] = best
        return moved.reshape(rows.shape)

    def _share(self, query: int) -> float:
        """Of the image that is changed at this query."""
        done = query / self.queries * SCHEDULE
        return self.covered / float(2 ** sum(done > after for after in HALVED_AFTER))

    def _lead(
        self, target: Target, images: "torch.Tensor", labels: "torch.Tensor", shape: tuple[int, ...]
    ) -> "torch.Tensor":
        return margin(target.answers(images.reshape(-1, *shape[1:])), labels)


def _as_images(rows: "torch.Tensor") -> "torch.Tensor":
    """(rows, channels, height, width); rows of columns are images of one line."""
    return rows if rows.ndim == 4 else rows.reshape(len(rows), 1, 1, -1) if rows.ndim != 3 else rows.unsqueeze(1)


@dataclass(frozen=True)
class _Squares:
    """L-infinity: every pixel is moved all the way up or down."""

    images: "torch.Tensor"
    ball: Ball
    generator: "torch.Generator"

    def start(self) -> "torch.Tensor":
        """Vertical stripes, a random sign a channel and column."""
        count, channels, _, width = self.images.shape
        return self._moved(self.images, self._up(count, channels, 1, width))

    def next(self, best: "torch.Tensor", place: "torch.Tensor", share: float) -> "torch.Tensor":
        """A square of that share at a random place, a sign a channel; of a line, a run."""
        import torch

        count, channels, height, width = best.shape
        edge = max(round(math.sqrt(share * height * width)), 1)
        tall, wide = (1, max(round(share * width), 1)) if height == 1 else (min(edge, height, width),) * 2
        top, left = (self._starts(count, size - edge) for size, edge in ((height, tall), (width, wide)))
        down, across = (torch.arange(size, device=best.device) for size in (height, width))
        lines, columns = ((down >= top) & (down < top + tall)), ((across >= left) & (across < left + wide))
        covered = lines[:, None, :, None] & columns[:, None, None, :]
        return torch.where(covered, self._moved(self.images[place], self._up(count, channels, 1, 1)), best)

    def _moved(self, images: "torch.Tensor", up: "torch.Tensor") -> "torch.Tensor":
        import torch

        return torch.where(up, images + self.ball.epsilon, images - self.ball.epsilon).clamp(0, 1)

    def _up(self, *shape: int) -> "torch.Tensor":
        import torch

        return torch.rand(shape, generator=self.generator, device=self.images.device) < 0.5

    def _starts(self, count: int, most: int) -> "torch.Tensor":
        import torch

        return torch.randint(0, most + 1, (count, 1), generator=self.generator, device=self.images.device)


@dataclass(frozen=True)
class _Windows:
    """L2: budget moves from window to window."""

    images: "torch.Tensor"
    ball: Ball
    generator: "torch.Generator"

    def start(self) -> "torch.Tensor":
        return (self.images + first_offsets(self.images, self.ball, self.generator)).clamp(0, 1)

    def next(self, best: "torch.Tensor", place: "torch.Tensor", share: float) -> "torch.Tensor":
        images = self.images[place]
        return (images + moved_offsets(best - images, share, self.ball, self.generator)).clamp(0, 1)
