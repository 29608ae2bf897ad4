"""What an attack climbs; each maps logits (rows, classes) to values (rows,), higher = nearer to an error."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

TINY = 1e-12
FEWEST_FOR_RATIO = 3
FEWEST_FOR_TARGETED_RATIO = 4


def cross_entropy(logits: "torch.Tensor", labels: "torch.Tensor") -> "torch.Tensor":
    """Flat where the model is sure: never the only one to climb."""
    import torch

    return torch.nn.functional.cross_entropy(logits, labels, reduction="none")


def margin(logits: "torch.Tensor", labels: "torch.Tensor") -> "torch.Tensor":
    """The best other logit minus the label's (Carlini & Wagner 2017)."""
    others = logits.scatter(1, labels.unsqueeze(1), float("-inf")).amax(1)
    return others - _at(logits, labels)


def logits_ratio(logits: "torch.Tensor", labels: "torch.Tensor") -> "torch.Tensor":
    """DLR, the margin over the spread of the three best logits, blind to scale (Croce & Hein 2020a, eq. 6).

    The plain margin where there are fewer than three classes.
    """
    if logits.shape[1] < FEWEST_FOR_RATIO:
        return margin(logits, labels)
    best = logits.topk(FEWEST_FOR_RATIO, dim=1).values
    return margin(logits, labels) / (best[:, 0] - best[:, 2] + TINY)


def targeted_ratio(logits: "torch.Tensor", labels: "torch.Tensor", wanted: "torch.Tensor") -> "torch.Tensor":
    """DLR towards the class `wanted` (rows,) (Croce & Hein 2020a, eq. 7); below four classes the difference alone."""
    towards = _at(logits, wanted) - _at(logits, labels)
    if logits.shape[1] < FEWEST_FOR_TARGETED_RATIO:
        return towards
    best = logits.topk(FEWEST_FOR_TARGETED_RATIO, dim=1).values
    return towards / (best[:, 0] - (best[:, 2] + best[:, 3]) / 2 + TINY)


def likeliest_others(logits: "torch.Tensor", labels: "torch.Tensor", count: int) -> "torch.Tensor":
    """(rows, count): the classes other than the label by falling logit; count at most classes - 1."""
    return logits.scatter(1, labels.unsqueeze(1), float("-inf")).topk(min(count, logits.shape[1] - 1), dim=1).indices


def _at(logits: "torch.Tensor", classes: "torch.Tensor") -> "torch.Tensor":
    return logits.gather(1, classes.unsqueeze(1)).squeeze(1)
