"""Train a torch classifier so that it can be stopped, resumed and repeated bit for bit on one machine.

Every random choice of an epoch comes from (seed, epoch), and optimiser state is kept as safetensors:
a run that was killed and resumed ends with the weights of one that was not.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.robust import adversarial_batch, epsilon_at, read_robust
from assay.sdk import TrainingContext

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

_RESUME_TENSORS = "resume.safetensors"
_RESUME_FACTS = "resume.json"


@dataclass(frozen=True)
class FitPlan:
    """batch: rows a step. learning_rate: peak of Adam's rate, which rises linearly up to it, then falls to 0.

    rise: share of the steps until the peak; 0.4 reaches it when robust training reaches its full epsilon.
    """

    epochs: int
    batch: int = 128
    learning_rate: float = 1e-3
    rise: float = 0.4


def fit_module(
    module: "torch.nn.Module",
    inputs: "NDArray[np.float32]",
    labels: "NDArray[np.int64]",
    context: TrainingContext,
    plan: FitPlan,
    *,
    save: Callable[[Path], None],
    weights: "NDArray[np.float32] | None" = None,
) -> None:
    """Fit `module` on model-space `inputs`, adversarially when the context asks; reports after every epoch.

    save: writes the model's own state into a folder; the checkpoint adds what resuming needs.
    weights: (rows,) in [0, 1], how much each row's loss counts; None: all alike.
    """
    import torch

    device = torch.device(context.device)
    module.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch knows it
    optimiser = torch.optim.Adam(module.parameters(), lr=plan.learning_rate)
    first = _resume(context.resume_from, module, optimiser)
    counted = torch.ones(len(labels)) if weights is None else torch.from_numpy(weights)
    rows = (torch.from_numpy(inputs), torch.from_numpy(labels), counted)
    for epoch in range(first, plan.epochs):
        loss = _epoch(module, optimiser, rows, context, plan, epoch=epoch)
        checkpoint = context.workdir / f"epoch-{epoch + 1}"
        checkpoint.mkdir(parents=True, exist_ok=True)
        save(checkpoint)
        _save_resume(checkpoint, module, optimiser, epoch + 1)
        context.report({"epoch": epoch + 1, "loss": loss}, checkpoint)
    module.to("cpu").eval()


def new_generator(*parts: int) -> "torch.Generator":
    """A CPU generator seeded from all `parts`: equal parts, equal numbers."""
    import torch

    from assay.digests import sha256_lines

    return torch.Generator().manual_seed(int(sha256_lines(str(part) for part in parts)[:15], 16))


def _epoch(
    module: "torch.nn.Module",
    optimiser: "torch.optim.Optimizer",
    rows: tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"],
    context: TrainingContext,
    plan: FitPlan,
    *,
    epoch: int,
) -> float:
    from torch.nn.functional import cross_entropy

    robust, generator = read_robust(context.robust), new_generator(context.seed, epoch)
    steps = -(-len(rows[1]) // plan.batch)
    total, summed = steps * plan.epochs, 0.0
    module.train()
    noise = _device_generator(context, epoch)
    for index, (batch, wanted, counted) in enumerate(_batches(rows, plan.batch, context.device, generator)):
        step = epoch * steps + index
        _set_rate(optimiser, plan, step / total)
        moved = adversarial_batch(module, batch, wanted, robust, epsilon_at(robust, step, total), generator=noise)
        loss = (cross_entropy(module(moved), wanted, reduction="none") * counted).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        summed += float(loss.detach())
    return summed / steps


def _batches(
    rows: tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"], size: int, device: str, generator: "torch.Generator"
) -> Iterator[tuple["torch.Tensor", "torch.Tensor", "torch.Tensor"]]:
    import torch

    data, targets, counted = rows
    for chosen in torch.split(torch.randperm(len(targets), generator=generator), size):
        batch = data[chosen].to(device)
        if batch.ndim == 4:
            batch = batch.contiguous(memory_format=torch.channels_last)
        yield batch, targets[chosen].to(device), counted[chosen].to(device)


def _device_generator(context: TrainingContext, epoch: int) -> "torch.Generator":
    import torch

    return torch.Generator(device=context.device).manual_seed(context.seed * 1000 + epoch)


def _set_rate(optimiser: "torch.optim.Optimizer", plan: FitPlan, progress: float) -> None:
    factor = progress / plan.rise if progress < plan.rise else (1 - progress) / (1 - plan.rise)
    for group in optimiser.param_groups:
        group["lr"] = plan.learning_rate * max(factor, 0.01)


def _save_resume(folder: Path, module: "torch.nn.Module", optimiser: "torch.optim.Optimizer", epoch: int) -> None:
    from safetensors.torch import save_file

    tensors = {f"module.{name}": tensor for name, tensor in module.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": value for name, value in state.items()}
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, folder / _RESUME_TENSORS)
    (folder / _RESUME_FACTS).write_text(json.dumps({"epoch": epoch}))


def _resume(folder: Path | None, module: "torch.nn.Module", optimiser: "torch.optim.Optimizer") -> int:
    """Restore module and optimiser; the number of epochs already done (0 without a checkpoint)."""
    from safetensors.torch import load_file

    if folder is None or not (folder / _RESUME_FACTS).is_file():
        return 0
    tensors = load_file(folder / _RESUME_TENSORS)
    module.load_state_dict({k.removeprefix("module."): v for k, v in tensors.items() if k.startswith("module.")})
    state: dict[int, dict[str, Any]] = {}
    for name, value in tensors.items():
        if name.startswith("optimiser."):
            _, index, key = name.split(".", 2)
            state.setdefault(int(index), {})[key] = value
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
    return int(json.loads((folder / _RESUME_FACTS).read_text())["epoch"])
