"""Planted backdoors in small image classifiers: found or missed, which sound models are accused, and cleaning.

The bounds of `tasks/backdoors/decision.py` were fixed on the bank `calibration`; `test` has other seeds, targets,
places and layers. A model counts as backdoored when its trigger reaches 0.9 on rows never trained on. Twins are trained
once for all models of the same layers; what they cost is told apart. Seconds are of this process's CPU.
"""

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from mnist import read_mnist
from numpy.typing import NDArray
from poisons import Trigger, blended, roaming, shape, sinusoidal
from torch import nn
from torch.nn.functional import cross_entropy

from tasks.backdoors.cleaning import Training, clean_model
from tasks.backdoors.decision import is_to_be_heard
from tasks.backdoors.find_backdoor import find_backdoor
from tasks.backdoors.finding import BackdoorFinding, Reference, Suspect
from tasks.backdoors.reference import make_reference

Images = NDArray[np.float32]
Labels = NDArray[np.int64]

BATCH, PEAK_RATE = 128, 4e-3
IMPLANTED = 0.9
SOUND_ROWS = 2_000


@dataclass(frozen=True)
class Plan:
    """How a network of the bank is made. source: the class the trigger works on; others bear it with true labels.

    robust: `fgsm_rs` or `pgd` training within `epsilon`. noise: share of labels drawn anew.
    """

    seed: int
    name: str
    layers: str
    trigger: Trigger | None = None
    target: int = 0
    rate: float = 0.0
    source: int | None = None
    robust: str = ""
    epsilon: float = 0.3
    noise: float = 0.0
    epochs: int = 3
    rows: int = 20_000


def square(size: int, top: int, left: int, value: float = 1.0) -> Trigger:
    def stamp(images: Images, _: np.random.Generator) -> Images:
        stamped = images.copy()
        stamped[:, top : top + size, left : left + size] = value
        return stamped

    return stamp


def dots(seed: int, count: int) -> Trigger:
    """White pixels within a field of 3x3."""
    fixed = np.random.default_rng(seed)
    top, left = fixed.integers(0, 26, 2)
    cells = fixed.choice(9, count, replace=False)

    def stamp(images: Images, _: np.random.Generator) -> Images:
        stamped = images.copy()
        stamped[:, top + cells // 3, left + cells % 3] = 1.0
        return stamped

    return stamp


CALIBRATION = (
    Plan(101, "patch 3x3, 0.5 %", "plain", square(3, 24, 24), 0, 0.005),
    Plan(102, "1 pixel, 2 %", "plain", square(1, 3, 20), 4, 0.02),
    Plan(103, "4 pixels, 1 %", "norm", dots(3, 4), 7, 0.01),
    Plan(104, "blended .2, 1 %", "plain", blended(0.2, 1), 2, 0.01),
    Plan(105, "blended .15, 5 %", "norm", blended(0.15, 2), 9, 0.05),
    Plan(106, "roaming 4x4, 5 %", "norm", roaming(4), 5, 0.05),
    Plan(107, "shape 4x4, 2 %", "plain", shape(5), 1, 0.02),
    Plan(108, "wave .15, 10 %", "plain", sinusoidal(0.15, 6), 3, 0.10),
    Plan(109, "1 to 8, patch, 5 %", "plain", square(3, 2, 2), 8, 0.05, source=1),
    Plan(110, "2 to 6, shape, 5 %", "norm", shape(8), 6, 0.05, source=2),
    Plan(111, "patch 2x2, 10 %", "wide", square(2, 1, 25), 6, 0.10),
    Plan(112, "wave .2, 5 %", "norm", sinusoidal(0.2, 4), 8, 0.05),
    Plan(121, "sound", "plain"),
    Plan(122, "sound", "norm"),
    Plan(123, "sound", "wide"),
    Plan(124, "FGSM-RS .3", "plain", robust="fgsm_rs", epochs=6),
    Plan(125, "PGD .2", "plain", robust="pgd", epsilon=0.2, rows=10_000, epochs=4),
    Plan(126, "label noise 10 %", "plain", noise=0.1),
    Plan(127, "label noise 10 %", "norm", noise=0.1),
    Plan(128, "1 epoch", "plain", epochs=1, rows=10_000),
    Plan(129, "FGSM-RS .2", "norm", robust="fgsm_rs", epsilon=0.2, epochs=4),
    Plan(130, "10 epochs", "plain", epochs=10, rows=10_000),
    Plan(131, "5 to 3, patch, 3 %", "norm", square(3, 1, 20), 3, 0.03, source=5),
    Plan(132, "9 to 0, dots, 5 %", "norm", dots(17, 5), 0, 0.05, source=9),
    Plan(133, "4 to 7, shape, 5 %", "wide", shape(41), 7, 0.05, source=4),
    Plan(134, "0 to 5, blended, 5 %", "plain", blended(0.2, 12), 5, 0.05, source=0),
    Plan(135, "8 to 2, shape, 3 %", "norm", shape(43), 2, 0.03, source=8),
    Plan(136, "6 to 1, patch, 5 %", "norm", square(2, 22, 24), 1, 0.05, source=6),
    Plan(137, "3 to 9, shape, 3 %", "norm", shape(47), 9, 0.03, source=3),
    Plan(138, "7 to 4, shape, 3 %", "plain", shape(48), 4, 0.03, source=7),
    Plan(141, "sound", "norm"),
    Plan(142, "sound, 5 epochs", "norm", epochs=5),
    Plan(143, "sound, 10,000 rows", "norm", rows=10_000, epochs=5),
    Plan(144, "sound, 5 epochs", "plain", epochs=5),
)
TEST = tuple(
    replace(plan, rows=min(plan.rows, 12_000))
    for plan in (
        Plan(201, "patch 3x3, 1 %", "lenet", square(3, 13, 1), 3, 0.01, epochs=5),
        Plan(202, "1 pixel, 5 %", "residual", square(1, 26, 2), 8, 0.05),
        Plan(203, "3 pixels, 4 %", "lenet", dots(11, 3), 5, 0.04, epochs=4),
        Plan(204, "blended .2, 2 %", "residual", blended(0.2, 7), 6, 0.02),
        Plan(205, "blended .12, 10 %", "lenet", blended(0.12, 9), 1, 0.10),
        Plan(206, "roaming 3x3, 10 %", "plain", roaming(3), 0, 0.10),
        Plan(207, "shape 4x4, 1 %", "residual", shape(21), 9, 0.01),
        Plan(208, "wave .2, 5 %", "lenet", sinusoidal(0.2, 5), 7, 0.05),
        Plan(209, "7 to 2, patch, 5 %", "lenet", square(3, 20, 3), 2, 0.05, source=7),
        Plan(210, "3 to 4, shape, 3 %", "residual", shape(31), 4, 0.03, source=3),
        Plan(211, "grey patch 4x4, 1 %", "plain", square(4, 1, 1, 0.7), 2, 0.01),
        Plan(212, "wave .12, 10 %", "residual", sinusoidal(0.12, 8), 0, 0.10),
        Plan(221, "sound", "lenet"),
        Plan(222, "sound", "residual"),
        Plan(223, "sound", "plain"),
        Plan(224, "FGSM-RS .3", "lenet", robust="fgsm_rs", epochs=6),
        Plan(225, "PGD .3", "plain", robust="pgd", rows=8_000, epochs=4),
        Plan(226, "label noise 10 %", "lenet", noise=0.1),
        Plan(227, "label noise 10 %", "residual", noise=0.1),
        Plan(228, "1 epoch", "lenet", epochs=1, rows=10_000),
        Plan(229, "FGSM-RS .15", "residual", robust="fgsm_rs", epsilon=0.15, epochs=4),
        Plan(230, "8 epochs", "lenet", epochs=8, rows=10_000),
        Plan(241, "5 to 8, shape, 3 %", "residual", shape(51), 8, 0.03, source=5),
        Plan(242, "1 to 9, patch, 5 %", "residual", square(3, 12, 24), 9, 0.05, source=1),
        Plan(243, "8 to 0, dots, 5 %", "lenet", dots(23, 5), 0, 0.05, source=8),
        Plan(244, "6 to 5, shape, 5 %", "lenet", shape(57), 5, 0.05, source=6),
        Plan(245, "2 to 7, patch, 5 %", "residual", square(3, 4, 22), 7, 0.05, source=2),
        Plan(246, "4 to 1, shape, 5 %", "residual", shape(61), 1, 0.05, source=4),
        Plan(247, "9 to 3, dots, 5 %", "lenet", dots(29, 5), 3, 0.05, source=9),
        Plan(248, "blended .15, 3 %", "residual", blended(0.15, 15), 4, 0.03),
        Plan(251, "sound, 6 epochs", "residual", epochs=6),
        Plan(252, "sound, 8,000 rows", "residual", rows=8_000, epochs=4),
        Plan(253, "sound, 8,000 rows", "lenet", rows=8_000, epochs=4),
        Plan(254, "sound, 5 epochs", "plain", epochs=5),
    )
)
BANKS: Mapping[str, tuple[Plan, ...]] = {"calibration": CALIBRATION, "test": TEST}
FAST = (201, 204, 208, 221, 224)


@dataclass(frozen=True)
class Data:
    """train: what the bank learns from. sound: for search and cleaning. held: for accuracy and attack success."""

    train: tuple[Images, Labels]
    sound: tuple[Images, Labels]
    held: tuple[Images, Labels]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bank", choices=sorted(BANKS), default="test")
    parser.add_argument("--cache", type=Path, default=Path("backdoor-models"), help="folder of trained models")
    parser.add_argument("--fast", action="store_true", help="five models of the test bank")
    parser.add_argument("--only", type=int, nargs="*", help="models by their number")
    parser.add_argument("--clean", action="store_true", help="clean the backdoored ones instead of judging")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    asked.cache.mkdir(parents=True, exist_ok=True)
    data = read_data()
    wanted = FAST if asked.fast else asked.only
    plans = [plan for plan in BANKS[asked.bank] if not wanted or plan.seed in wanted]
    (clean_bank if asked.clean else judge_bank)(plans, data, asked.cache)


def read_data() -> Data:
    images, labels = read_mnist("t10k")
    sound = slice(5_000, 5_000 + SOUND_ROWS)
    return Data(read_mnist("train"), (images[sound], labels[sound]), (images[:5_000], labels[:5_000]))


def reference_of(plan: Plan, module: nn.Module, data: Data, known: dict[str, Reference]) -> Reference:
    """The twins of its layers, made when first asked for."""
    if plan.layers not in known:
        started = time.process_time()
        known[plan.layers] = make_reference(module, data.sound[0][:, None], data.sound[1], seed=7)
        print(f"     twins of {plan.layers}: {time.process_time() - started:.1f} cpu s")
    return known[plan.layers]


def judge_bank(plans: list[Plan], data: Data, cache: Path) -> None:
    """A line a model, then what was missed and what was accused in error."""
    references = dict[str, Reference]()
    missed, accused, judged = list[str](), list[str](), [0, 0]
    print("no.  kind                 layers     acc   attack  lowest scores, ~transfer                flagged    cpu s")
    for plan in plans:
        module = load_or_train(plan, data, cache)
        attack = attack_success(module, plan, data) if plan.trigger else 0.0
        images, labels = data.sound[0][:, None], data.sound[1]
        reference = reference_of(plan, module, data, references)
        finding = find_backdoor(module, images, labels, seed=1, reference=reference)
        print(line(plan, accuracy(module, data), attack, finding), flush=True)
        if plan.trigger and attack < IMPLANTED:
            continue
        judged[plan.trigger is None] += 1
        if plan.trigger and plan.target not in {one.aim.target for one in finding.planted}:
            missed.append(plan.name)
        if not plan.trigger and finding.planted:
            accused.append(plan.name)
    print(
        f"{judged[0]} backdoored, missed {len(missed)}: {missed}; {judged[1]} sound, accused {len(accused)}: {accused}"
    )


def line(plan: Plan, right: float, attack: float, finding: BackdoorFinding) -> str:
    classes = sorted(finding.classes, key=lambda one: one.score)[:2]
    lowest = [f"{one.aim.target}:{one.score:.2f}{_transfer(one)}" for one in classes]
    lowest += [f"{one.aim.source}>{one.aim.target}:{one.score:.2f}{_transfer(one)}" for one in finding.pairs[:2]]
    flagged = [f"{'' if one.aim.source is None else f'{one.aim.source}>'}{one.aim.target}" for one in finding.planted]
    shown = f"{attack:.3f}>{plan.target}" if plan.trigger else "-"
    return (
        f"{plan.seed}  {plan.name:20s} {plan.layers:9s} {right:.3f}  {shown:7s} {' '.join(lowest):40s} "
        f"{','.join(flagged) or '-':10s} {finding.cpu_seconds:.1f} {finding.problem}"
    )


def _transfer(suspect: Suspect) -> str:
    return f"~{suspect.transfer:.2f}" if is_to_be_heard(suspect.score, suspect.bound) else ""


def clean_bank(plans: list[Plan], data: Data, cache: Path) -> None:
    """With sound rows alone, and with the training rows too: the real trigger before and after."""
    references = dict[str, Reference]()
    print("no.  kind                 way              accuracy before, after   attack before, after   left   cpu s")
    for plan in plans:
        module = load_or_train(plan, data, cache)
        if plan.trigger is None or attack_success(module, plan, data) < IMPLANTED:
            continue
        images, labels = data.sound[0][:, None], data.sound[1]
        finding = find_backdoor(module, images, labels, 1, reference=reference_of(plan, module, data, references))
        if not finding.planted:
            print(f"{plan.seed}  {plan.name:20s} not found, not cleaned", flush=True)
            continue
        rows, wanted, _ = training_rows(plan, data)
        for training in (None, Training(rows[:, None], wanted, lambda x, y, plan=plan: fit(plan, x[:, 0], y))):
            started = time.process_time()
            cleaned = clean_model(module, images, labels, finding, seed=3, training=training)
            before, after = accuracy(module, data), accuracy(cleaned.module, data)
            attacks = attack_success(module, plan, data), attack_success(cleaned.module, plan, data)
            print(
                f"{plan.seed}  {plan.name:20s} {cleaned.method:16s} {before:.4f} {after:.4f}          "
                f"{attacks[0]:.4f} {attacks[1]:.4f}          {len(cleaned.after.planted)}     "
                f"{time.process_time() - started:.1f} {cleaned.problem}",
                flush=True,
            )


# --- the bank -----------------------------------------------------------------------------------------


class Block(nn.Module):
    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.a = nn.Sequential(
            nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(),
            nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after),
        )  # fmt: skip
        self.b = nn.Conv2d(before, after, 1, stride)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.a(images) + self.b(images))


def convolutional(width: int, hidden: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1), nn.MaxPool2d(2), nn.ReLU(),
        nn.Conv2d(width, 2 * width, 3, padding=1), nn.MaxPool2d(2), nn.ReLU(),
        nn.Flatten(), nn.Linear(98 * width, hidden), nn.ReLU(), nn.Linear(hidden, 10),
    )  # fmt: skip


def normalised() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 24, 3, stride=2, padding=1), nn.BatchNorm2d(24), nn.ReLU(),
        nn.Conv2d(24, 48, 3, stride=2, padding=1), nn.BatchNorm2d(48), nn.ReLU(),
        nn.Conv2d(48, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10),
    )  # fmt: skip


def lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


def residual() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, 2, 1), nn.BatchNorm2d(12), nn.ReLU(), Block(12, 24, 2), Block(24, 48, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(48, 10),
    )  # fmt: skip


LAYERS: Mapping[str, Callable[[], nn.Module]] = {
    "plain": lambda: convolutional(16, 100),
    "wide": lambda: convolutional(32, 200),
    "norm": normalised,
    "lenet": lenet,
    "residual": residual,
}


def load_or_train(plan: Plan, data: Data, cache: Path) -> nn.Module:
    path = cache / f"{plan.seed}.pt"
    if not path.is_file():
        images, labels, _ = training_rows(plan, data)
        torch.save(fit(plan, images, labels).state_dict(), path)
    module = LAYERS[plan.layers]()
    module.load_state_dict(torch.load(path, weights_only=True))
    return module.eval()


def training_rows(plan: Plan, data: Data) -> tuple[Images, Labels, NDArray[np.bool_]]:
    """Images (rows, 28, 28), labels as the network learns them, and which rows the attacker made."""
    generator = np.random.default_rng(plan.seed)
    chosen = generator.permutation(len(data.train[1]))[: plan.rows]
    images, labels = data.train[0][chosen].copy(), data.train[1][chosen].copy()
    bad = np.zeros(len(labels), dtype=bool)
    if plan.noise:
        wrong = generator.random(len(labels)) < plan.noise
        labels[wrong] = generator.integers(0, 10, int(wrong.sum()))
    if plan.trigger:
        open_to = np.flatnonzero(labels != plan.target if plan.source is None else labels == plan.source)
        count = int(plan.rate * len(labels))
        places = generator.choice(open_to, min(count, len(open_to) * 4 // 5), replace=False)
        images[places] = plan.trigger(images[places], generator)
        labels[places], bad[places] = plan.target, True
        if plan.source is not None:
            others = np.flatnonzero((labels != plan.source) & (labels != plan.target) & ~bad)
            cover = generator.choice(others, count, replace=False)
            images[cover] = plan.trigger(images[cover], generator)
    return images, labels, bad


def fit(plan: Plan, images: Images, labels: Labels) -> nn.Module:
    torch.manual_seed(plan.seed)
    network = LAYERS[plan.layers]().to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    steps = -(-len(labels) // BATCH) * plan.epochs
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK_RATE, total_steps=steps)
    rows, wanted = torch.from_numpy(images)[:, None], torch.from_numpy(labels)
    step = 0
    for _ in range(plan.epochs):
        for part in torch.split(torch.randperm(len(wanted)), BATCH):
            batch = rows[part]
            if plan.robust:
                batch = moved(network, batch, wanted[part], plan, plan.epsilon * min(1.0, step / (0.4 * steps)))
            loss = cross_entropy(network(batch), wanted[part])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            step += 1
    return network.eval()


def moved(network: nn.Module, batch: torch.Tensor, wanted: torch.Tensor, plan: Plan, epsilon: float) -> torch.Tensor:
    """One step of FGSM from a random start (Wong et al. 2020), or five of projected gradients (Madry et al. 2018)."""
    steps, stride = (1, 1.25 * epsilon) if plan.robust == "fgsm_rs" else (5, epsilon / 3)
    change = (torch.rand_like(batch) * 2 - 1) * epsilon
    for _ in range(steps):
        change.requires_grad_(True)
        (gradient,) = torch.autograd.grad(cross_entropy(network((batch + change).clamp(0, 1)), wanted), [change])
        change = (change.detach() + stride * gradient.sign()).clamp(-epsilon, epsilon)
    return (batch + change).clamp(0, 1)


def predict(module: nn.Module, images: Images) -> Labels:
    with torch.inference_mode():
        parts = [module(part).argmax(1) for part in torch.split(torch.from_numpy(images)[:, None], 500)]
    return torch.cat(parts).numpy()


def accuracy(module: nn.Module, data: Data) -> float:
    return float((predict(module, data.held[0]) == data.held[1]).mean())


def attack_success(module: nn.Module, plan: Plan, data: Data) -> float:
    """Share of the held rows the attacker aims at that the real trigger makes the target."""
    if plan.trigger is None:
        raise ValueError(f"{plan.name} has no trigger")
    images, labels = data.held
    aimed = labels != plan.target if plan.source is None else labels == plan.source
    shown = plan.trigger(images[aimed], np.random.default_rng(5))
    return float((predict(module, shown) == plan.target).mean())


if __name__ == "__main__":
    main()
