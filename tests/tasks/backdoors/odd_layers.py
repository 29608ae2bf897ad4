"""A network that cannot be started afresh."""

import torch


class OwnWeight(torch.nn.Module):
    """A weight of no layer that could be reset, as in a network made from a file."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(196, 6))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1) @ self.weight
