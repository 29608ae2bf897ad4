"""Every attack finds what exists and nothing else; a sabotaged one is caught by its canary."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.attacks.apgd import Apgd
from tasks.attacks.ball import Ball, Norm
from tasks.attacks.canaries import exact_distances, known_model, sees
from tasks.attacks.fab import Fab, onto_boundary
from tasks.attacks.square import Square
from tasks.attacks.suite import quick_suite, run_suite, standard_suite
from tasks.attacks.target import Attack, Target

LINF: list[Attack] = [Apgd("ce", 30), Apgd("dlr", 30), Apgd("dlr_targeted", 30), Fab(30), Square(600)]
PAIRS: list[tuple[Norm, Attack]] = [(norm, one) for norm in ("linf", "l2") for one in LINF]
NAMES = [f"{norm} {attack.name}" for norm, attack in PAIRS]


@pytest.mark.parametrize(("norm", "attack"), PAIRS, ids=NAMES)
@pytest.mark.parametrize("images", [True, False], ids=["images", "columns"])
def test_each_attack_sees_its_canaries(norm: Norm, attack: Attack, images: bool) -> None:
    assert sees(attack, norm, images=images) == ""


@pytest.mark.parametrize(("norm", "attack"), PAIRS, ids=NAMES)
def test_of_a_linear_model_just_the_rows_within_reach_fall(norm: Norm, attack: Attack) -> None:
    module, rows, labels = known_model(images=True, seed=3)
    distances = exact_distances(module, rows, labels, norm)
    epsilon = float(np.median(distances))
    result = run_suite(module, rows, labels, Ball(norm, epsilon), [attack])
    assert result.robust[distances > 1.05 * epsilon].all()
    slack = 1.5 if isinstance(attack, Square) else 1.1
    assert not result.robust[distances * slack < epsilon].any()
    assert result.outcomes[0].outside == 0


class Blind(Apgd):
    """Its gradient is gone."""

    def move(self, target: Target, rows: torch.Tensor, *rest: object) -> torch.Tensor:
        dead = torch.nn.Sequential(target.module, torch.nn.Linear(4, 4))
        torch.nn.init.zeros_(dead[1].weight)
        return super().move(Target(dead), rows, *rest)  # type: ignore[arg-type]


class Backwards(Apgd):
    """It walks away from the boundary."""

    def move(self, target: Target, rows: torch.Tensor, *rest: object) -> torch.Tensor:
        class Mirrored(torch.nn.Module):
            def forward(self, batch: torch.Tensor) -> torch.Tensor:
                return -target.module(batch)

        return super().move(Target(Mirrored()), rows, *rest)  # type: ignore[arg-type]


class Boundless(Apgd):
    """It does not know epsilon."""

    def move(
        self, target: Target, rows: torch.Tensor, labels: torch.Tensor, ball: Ball, generator: torch.Generator
    ) -> torch.Tensor:
        return super().move(target, rows, labels, Ball(ball.norm, 3 * ball.epsilon), generator)


class Idle(Apgd):
    """It gives the rows back as they are."""

    def move(self, target: Target, rows: torch.Tensor, *rest: object) -> torch.Tensor:
        return rows


@pytest.mark.parametrize("broken", [Blind, Backwards, Boundless, Idle])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_sabotaged_attack_is_caught(broken: type[Apgd], norm: Norm) -> None:
    assert sees(broken("ce", 30), norm, images=True)


@dataclass(frozen=True)
class Leaver:
    """An attack that gives back rows outside the ball which fool the model."""

    name = "leaver"
    batch = 8

    def move(
        self, target: Target, rows: torch.Tensor, labels: torch.Tensor, ball: Ball, generator: torch.Generator
    ) -> torch.Tensor:
        return 1 - rows.round()


def test_rows_outside_the_ball_count_for_nothing_and_are_told() -> None:
    module, rows, labels = known_model(images=True, seed=0)
    result = run_suite(module, rows, labels, Ball("linf", 0.01), [Leaver()])
    assert result.robust.all()
    assert result.outcomes[0].outside == len(rows)


def weak_network() -> tuple[torch.nn.Module, np.ndarray, np.ndarray]:
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(288, 5))
    rows = np.random.default_rng(0).random((60, 1, 8, 8)).astype(np.float32)
    with torch.no_grad():
        labels = module(torch.from_numpy(rows)).argmax(1).numpy()
    labels[:6] = (labels[:6] + 1) % 5
    return module, rows, labels


def test_the_worst_case_is_proved_row_by_row_and_no_row_is_attacked_twice() -> None:
    module, rows, labels = weak_network()
    result = run_suite(module, rows, labels, Ball("linf", 0.02), standard_suite(200))
    with torch.no_grad():
        right = module(torch.from_numpy(result.adversarial)).argmax(1).numpy() == labels
    assert (right == result.robust).all()
    assert result.clean.sum() == 54
    assert 0 < result.robust.sum() < 54
    attacked = [one.attacked for one in result.outcomes]
    assert attacked == [54, *(54 - np.cumsum([one.fell for one in result.outcomes])[:-1])]
    assert np.abs(result.adversarial - rows).max() <= 0.02 + 1e-5


def test_the_same_seed_gives_the_same_answer_and_the_module_comes_back() -> None:
    module, rows, labels = weak_network()
    module.train()
    first, again = (run_suite(module, rows, labels, Ball("linf", 0.03), quick_suite(), seed=5) for _ in range(2))
    assert (first.adversarial == again.adversarial).all()
    assert module.training
    assert all(parameter.requires_grad for parameter in module.parameters())


def test_what_the_served_file_gets_wrong_has_fallen_too() -> None:
    module, rows, labels = weak_network()
    served = np.full((1, 5), 0, np.float32)
    served[0, 2] = 1.0
    result = run_suite(
        module, rows, labels, Ball("linf", 0.001), [], query=lambda batch: np.repeat(served, len(batch), 0)
    )
    assert (result.robust <= (labels == 2)).all()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), norm=st.sampled_from(["linf", "l2"]))
def test_the_way_to_the_boundary_is_the_shortest_in_the_box(seed: int, norm: Norm) -> None:
    """Against a search over all times: what is gained grows with the time, so the first that suffices is the best."""
    generator = torch.Generator().manual_seed(seed)
    points, gradient = torch.rand((5, 12), generator=generator), torch.randn((5, 12), generator=generator)
    missing = 4 * torch.randn(5, generator=generator)
    moved = onto_boundary(points, gradient, missing, Ball(norm, 1.0))
    assert ((points + moved) >= -1e-6).all() and ((points + moved) <= 1 + 1e-6).all()
    uphill = gradient * missing.sign()[:, None]
    room = torch.where(uphill > 0, 1 - points, points)
    speed = torch.ones_like(uphill) if norm == "linf" else uphill.abs()
    for time in torch.linspace(0, 30, 3001)[1:].split(500):
        offers = torch.minimum(speed[None] * time[:, None, None], room[None])
        gained = (uphill.abs()[None] * offers).sum(2)
        shorter = gained < (gradient * moved).sum(1).abs()[None] * (1 - 1e-5) - 1e-6
        longest = Ball(norm, 1.0).lengths(moved)
        lengths = offers.abs().amax(2) if norm == "linf" else offers.norm(dim=2)
        assert (shorter | (lengths >= longest[None] - 0.02 * (1 + longest[None]))).all()
    reachable = (uphill.abs() * room).sum(1)
    wanted = torch.minimum(missing.abs(), reachable)
    torch.testing.assert_close((gradient * moved).sum(1).abs(), wanted, rtol=5e-3, atol=1e-3)
