"""Square attack: random squares, kept when the answer's margin shrinks; sees answers only (Andriushchenko et al. 2020).

Images are attacked in squares, other rows in runs of neighbouring columns. Rows that fall are asked about no more.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.attacks.ball import Ball
from tasks.attacks.losses import margin
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
        """Raises ValueError for another norm than L-infinity."""
        import torch

        if ball.norm != "linf":
            raise ValueError(f"square: expected the norm linf, found {ball.norm}; choose another attack")
        images = _as_images(rows)
        low, high = (images - ball.epsilon).clamp(min=0), (images + ball.epsilon).clamp(max=1)
        best = _stripes(images, low, high, generator)
        lead, moved = self._lead(target, best, labels, rows.shape), best.clone()
        place = torch.arange(len(rows), device=rows.device)
        for query in range(1, self.queries):
            standing = lead <= 0
            if not standing.all():
                moved[place[~standing]] = best[~standing]
                place, best, lead = place[standing], best[standing], lead[standing]
                low, high = low[standing], high[standing]
            if not len(place):
                break
            tried = _with_squares(best, low, high, self._side(query, images.shape), generator)
            found = self._lead(target, tried, labels[place], rows.shape)
            better = found > lead
            lead = torch.where(better, found, lead)
            best[better] = tried[better]
        moved[place] = best
        return moved.reshape(rows.shape)

    def _side(self, query: int, shape: tuple[int, ...]) -> int:
        """Pixels of the square's edge at this query; of a row of columns, of the run."""
        done = query / self.queries * SCHEDULE
        share = self.covered / float(2 ** sum(done > after for after in HALVED_AFTER))
        height, width = shape[2:]
        if height == 1:
            return min(max(round(share * width), 1), width)
        return min(max(round(math.sqrt(share * height * width)), 1), height, width)

    def _lead(
        self, target: Target, images: "torch.Tensor", labels: "torch.Tensor", shape: tuple[int, ...]
    ) -> "torch.Tensor":
        return margin(target.answers(images.reshape(-1, *shape[1:])), labels)


def _as_images(rows: "torch.Tensor") -> "torch.Tensor":
    """(rows, channels, height, width); rows of columns are images of one line."""
    return rows if rows.ndim == 4 else rows.reshape(len(rows), 1, 1, -1) if rows.ndim != 3 else rows.unsqueeze(1)


def _stripes(
    images: "torch.Tensor", low: "torch.Tensor", high: "torch.Tensor", generator: "torch.Generator"
) -> "torch.Tensor":
    """Vertical stripes of plus or minus epsilon, a random sign a channel and column."""
    import torch

    count, channels, _, width = images.shape
    up = torch.rand((count, channels, 1, width), generator=generator, device=images.device) < 0.5
    return torch.where(up, high, low)


def _with_squares(
    images: "torch.Tensor", low: "torch.Tensor", high: "torch.Tensor", side: int, generator: "torch.Generator"
) -> "torch.Tensor":
    """Each image with one square at a random place set to the lowest or the highest allowed, a sign a channel."""
    import torch

    count, channels, height, width = images.shape
    tall = min(side, height)
    top, left = (
        torch.randint(0, size - edge + 1, (count, 1), generator=generator, device=images.device)
        for size, edge in ((height, tall), (width, side))
    )
    down, across = (torch.arange(size, device=images.device) for size in (height, width))
    lines, columns = ((down >= top) & (down < top + tall)), ((across >= left) & (across < left + side))
    covered = lines[:, None, :, None] & columns[:, None, None, :]
    up = torch.rand((count, channels, 1, 1), generator=generator, device=images.device) < 0.5
    return torch.where(covered, torch.where(up, high, low), images)
