"""`assay bench` on files a user brings: what it says, on which scale, and what it refuses before any attack."""

import json
from pathlib import Path
from typing import Any

import click.testing
import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, load_wine

from assay.cli import cli
from assay.errors import SpecError
from assay.torch_export import export_classifier
from tests.tasks.screen_story import npz, parquet

KEYS = {"verdict", "clean_accuracy", "robust_accuracy", "ci95", "samples", "attacks", "seconds"}
ATTACK_KEYS = {"name", "robust_accuracy", "seconds", "forward_passes", "backward_passes", "canary_broken"}


def fitted(module: torch.nn.Module, inputs: np.ndarray, labels: np.ndarray, steps: int = 150) -> torch.nn.Module:
    torch.manual_seed(0)
    optimiser = torch.optim.Adam(module.parameters(), 0.01)
    rows, wanted = torch.from_numpy(inputs), torch.from_numpy(labels)
    for _ in range(steps):
        chosen = torch.randint(0, len(rows), (64,))
        loss = torch.nn.functional.cross_entropy(module(rows[chosen]), wanted[chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return module.eval()


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 8, 3, padding=1), torch.nn.MaxPool2d(2), torch.nn.ReLU(), torch.nn.Flatten(),
        torch.nn.Linear(128, 10),
    )  # fmt: skip


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Images in [0, 1]."""
    data = load_digits()
    return (data.images / 16).astype(np.float32), data.target.astype(np.int64)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, digits: tuple[np.ndarray, np.ndarray]) -> Path:
    """model.onnx takes 0 to 255; the same images as bytes, and as numbers in [0, 1]."""
    folder = tmp_path_factory.mktemp("bench")
    images, labels = digits
    module = fitted(network(), images[:, None], labels)
    export_classifier(module, folder / "model.onnx", input_shape=(8, 8), scale=1 / 255)
    npz(folder / "bytes.npz", images=np.round(images * 255).astype(np.uint8), label=labels)
    npz(folder / "numbers.npz", images=images, label=labels)
    return folder


def bench(*words: str | Path) -> click.testing.Result:
    return click.testing.CliRunner().invoke(cli, ["bench", *map(str, words), "--json"])


def document(result: click.testing.Result, code: int = 0) -> dict[str, Any]:
    assert result.exit_code == code, (result.exception, result.output)
    found: dict[str, Any] = json.loads(result.stdout)
    assert found.keys() >= KEYS
    assert all(one.keys() >= ATTACK_KEYS for one in found["attacks"])
    return found


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_number_is_the_worst_case_of_attacks_that_see(files: Path, norm: str) -> None:
    epsilon = "0.06" if norm == "linf" else "0.4"
    found = document(
        bench(files / "model.onnx", files / "bytes.npz", "--norm", norm, "--epsilon", epsilon, "--samples", "80")
    )
    assert found["verdict"] == "passed"
    assert found["samples"] == 80
    assert 0 < found["robust_accuracy"] < found["clean_accuracy"]
    assert found["ci95"][0] <= found["robust_accuracy"] <= found["ci95"][1]
    falling = [one["robust_accuracy"] for one in found["attacks"]]
    assert falling == sorted(falling, reverse=True)
    assert falling[-1] == found["robust_accuracy"]
    assert all(one["canary_broken"] for one in found["attacks"])
    assert len(found["corruptions"]) == 65
    assert 0 < found["mean_corruption_accuracy"] <= found["clean_accuracy"] + 0.02


def test_bytes_and_numbers_are_the_same_images(files: Path) -> None:
    both = [
        document(bench(files / "model.onnx", files / name, "--epsilon", "0.05", "--samples", "60"))
        for name in ("bytes.npz", "numbers.npz")
    ]
    assert both[0]["clean_accuracy"] == both[1]["clean_accuracy"]
    assert abs(both[0]["robust_accuracy"] - both[1]["robust_accuracy"]) <= 0.04
    assert "black and white are 0 and 255" in both[0]["notes"][0]


def test_a_bound_that_is_not_reached_ends_in_3(files: Path) -> None:
    found = document(
        bench(files / "model.onnx", files / "bytes.npz", "--epsilon", "0.3", "--samples", "40", "--min", "0.9"), code=3
    )
    assert found["verdict"] == "failed"


def test_columns_are_attacked_by_their_own_range(tmp_path: Path) -> None:
    data = load_wine()
    inputs, labels = data.data.astype(np.float32), data.target.astype(np.int64)
    scale = torch.nn.BatchNorm1d(13)
    module = fitted(torch.nn.Sequential(scale, torch.nn.Linear(13, 3)), inputs, labels)
    batch = {0: torch.export.Dim("batch")}
    torch.onnx.export(module, (torch.zeros(2, 13),), tmp_path / "wine.onnx", dynamo=True, dynamic_shapes=(batch,))
    columns = {f"c{number:02}": inputs[:, number] for number in range(13)}
    parquet(tmp_path / "wine.parquet", {**columns, "label": labels})
    found = document(bench(tmp_path / "wine.onnx", tmp_path / "wine.parquet", "--epsilon", "0.1"))
    assert found["samples"] == 178
    assert found["robust_accuracy"] < found["clean_accuracy"]


def refusal(*words: str | Path) -> str:
    result = bench(*words, "--epsilon", "0.1")
    assert isinstance(result.exception, SpecError), (result.exit_code, result.exception, result.output)
    assert result.exception.exit_code == 2
    return str(result.exception)


def test_data_that_are_not_the_models_are_refused(
    files: Path, tmp_path: Path, digits: tuple[np.ndarray, np.ndarray]
) -> None:
    images, labels = digits
    model = files / "model.onnx"
    large = npz(
        tmp_path / "large.npz",
        images=np.zeros((40, 9, 9), np.uint8) + np.arange(40, dtype=np.uint8)[:, None, None],
        label=np.arange(40) % 10,
    )
    assert "(8, 8)" in refusal(model, large)
    strange = npz(tmp_path / "strange.npz", images=images * 1000 - 3, label=labels)
    assert "0 to 1 or 0 to 255" in refusal(model, strange)
    assert refusal(
        model, npz(tmp_path / "few.npz", images=images[labels < 3], label=np.array(["a", "b", "c"])[labels[labels < 3]])
    )
    assert "guessing" in refusal(model, npz(tmp_path / "turned.npz", images=images, label=(labels + 1) % 10))


def test_a_device_that_is_not_there_is_refused(files: Path) -> None:
    assert "--device nowhere" in refusal(files / "model.onnx", files / "bytes.npz", "--device", "nowhere")


def test_files_that_are_no_models_are_refused(files: Path, tmp_path: Path) -> None:
    data = files / "bytes.npz"
    assert "missing.onnx" in refusal(tmp_path / "missing.onnx", data)
    empty = tmp_path / "empty.onnx"
    empty.write_bytes(b"")
    assert "empty.onnx" in refusal(empty, data)
    cut = tmp_path / "cut.onnx"
    cut.write_bytes((files / "model.onnx").read_bytes()[:500])
    assert "cut.onnx" in refusal(cut, data)
    assert refusal(files / "model.onnx", tmp_path / "missing.npz")
