"""`assay bench` on files a user brings: what it says, on which scale, and what it refuses before any attack."""

import json
from pathlib import Path
from typing import Any

import click.testing
import numpy as np
import pytest
import torch
from onnx import TensorProto, helper
from sklearn.datasets import load_digits, load_wine

from assay.cli import cli
from assay.digests import sha256_file
from assay.errors import SpecError
from assay.torch_export import export_classifier
from tasks.attacks.ball import Ball
from tasks.robustness.bench_model import BenchRequest, bench_job, bench_model
from tasks.robustness.corruptions import CORRUPTIONS, SEVERITIES
from tests.tasks.foreign.graphs import model_of
from tests.tasks.screen_story import npz, parquet, points

KEYS = {
    *("verdict", "clean_accuracy", "robust_accuracy", "ci95", "samples", "attacks", "seconds"),
    *("scan", "model", "dataset", "not_checked"),
}
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


def measured(model: Path, dataset: Path, epsilon: float, **asked: Any) -> dict[str, Any]:
    """The measuring process's part of the document, without that process."""
    norm = asked.pop("norm", "linf")
    request = BenchRequest(model, dataset, Ball(norm, epsilon), **{"with_corruptions": False, **asked})
    return bench_job(json.loads(json.dumps(request.to_json())), lambda _: None)  # type: ignore[return-value]


def is_worst_case(found: dict[str, Any]) -> bool:
    falling = [one["robust_accuracy"] for one in found["attacks"]]
    low, high = found["ci95"]
    return (
        all(one["canary_broken"] for one in found["attacks"])
        and falling == sorted(falling, reverse=True)
        and falling[-1] == found["robust_accuracy"]
        and low <= found["robust_accuracy"] <= high
        and 0 < found["robust_accuracy"] < found["clean_accuracy"]
    )


def test_the_number_is_the_worst_case_of_attacks_that_see(files: Path, tmp_path: Path) -> None:
    model, data, out = files / "model.onnx", files / "bytes.npz", tmp_path / "result.json"
    result = bench(model, data, "--epsilon", "0.06", "--samples", "60", "--out", out)
    found = document(result)
    assert found["verdict"] == "passed"
    assert is_worst_case(found)
    assert found["samples"] == 60
    assert len(found["corruptions"]) == len(CORRUPTIONS) * len(SEVERITIES)
    assert 0 < found["mean_corruption_accuracy"] <= found["clean_accuracy"] + 0.02
    assert found["model"] == {
        "name": "model.onnx",
        "sha256": sha256_file(model),
        "format": "onnx",
        "bytes": model.stat().st_size,
        "classes": 10,
    }
    assert (found["dataset"]["sha256"], found["dataset"]["files"]) == (sha256_file(data), 1)
    assert found["scan"] == {"verdict": "passed", "findings": []}
    assert found["confined"]["network"]
    assert any("backdoors" in words for words in found["not_checked"])
    assert json.loads(out.read_text()) == found
    assert "robust accuracy" in result.stderr  # progress comes along


def test_a_program_of_torch_is_measured_by_length(tmp_path: Path, digits: tuple[np.ndarray, np.ndarray]) -> None:
    images, labels = digits
    module = fitted(network(), images[:, None], labels)
    program = torch.export.export(module, (torch.zeros(2, 1, 8, 8),), dynamic_shapes=({0: torch.export.Dim("batch")},))
    torch.export.save(program, tmp_path / "model.pt2")
    data = npz(tmp_path / "rows.npz", images=images, label=labels)
    assert is_worst_case(measured(tmp_path / "model.pt2", data, 0.4, norm="l2", samples=60))


def test_bytes_and_numbers_are_the_same_images(files: Path) -> None:
    both = [
        measured(files / "model.onnx", files / name, 0.05, samples=60, with_curve=name == "bytes.npz")
        for name in ("bytes.npz", "numbers.npz")
    ]
    assert both[0]["clean_accuracy"] == both[1]["clean_accuracy"]
    assert abs(both[0]["robust_accuracy"] - both[1]["robust_accuracy"]) <= 0.04
    assert "black and white are 0 and 255" in both[0]["notes"][0]
    curve = both[0]["curve"]
    assert [point["epsilon"] for point in curve] == [0.0, 0.0125, 0.025, 0.05]
    assert [point["rows"] for point in curve] == [60] * 4
    falling = [point["robust_accuracy"] for point in curve]
    assert falling == sorted(falling, reverse=True)
    assert (falling[0], falling[-1]) == (both[0]["clean_accuracy"], both[0]["robust_accuracy"])
    assert falling[1] > falling[-1]


def test_a_bound_that_is_not_reached_ends_in_3(files: Path) -> None:
    words = ("--epsilon", "0.3", "--samples", "40", "--min", "0.9", "--no-corruptions")
    assert document(bench(files / "model.onnx", files / "bytes.npz", *words), code=3)["verdict"] == "failed"


def test_columns_are_attacked_by_their_own_range(tmp_path: Path) -> None:
    data = load_wine()
    inputs, labels = data.data.astype(np.float32), data.target.astype(np.int64)
    scale = torch.nn.BatchNorm1d(13)
    module = fitted(torch.nn.Sequential(scale, torch.nn.Linear(13, 3)), inputs, labels)
    batch = {0: torch.export.Dim("batch")}
    torch.onnx.export(module, (torch.zeros(2, 13),), tmp_path / "wine.onnx", dynamo=True, dynamic_shapes=(batch,))
    columns = {f"c{number:02}": inputs[:, number] for number in range(13)}
    parquet(tmp_path / "wine.parquet", {**columns, "label": labels})
    found = measured(tmp_path / "wine.onnx", tmp_path / "wine.parquet", 0.1, samples=100)
    assert found["samples"] == 100
    assert found["robust_accuracy"] < found["clean_accuracy"]


def refusal(model: Path, dataset: Path, **asked: Any) -> str:
    """What the measuring process says, without that process."""
    with pytest.raises(SpecError) as caught:
        bench_model(BenchRequest(model, dataset, Ball("linf", 0.1), **asked), lambda _: None)
    assert caught.value.exit_code == 2
    return str(caught.value)


def refused(folder: Path, model: Path, dataset: Path, *words: str) -> str:
    """What the command says, once it ends in 2 and nothing is there."""
    out = folder / "result.json"
    result = bench(model, dataset, "--epsilon", "0.1", "--out", out, *words)
    assert isinstance(result.exception, SpecError), (result.exit_code, result.exception, result.output)
    assert result.exception.exit_code == 2
    assert not list(folder.glob("*result*"))
    assert "\n" not in str(result.exception)
    return str(result.exception)


def linear(path: Path, classes: int = 10, shape: tuple[int, ...] = (8, 8), weight: float = 0.1) -> Path:
    """Random weights; the first is `weight`."""
    inside = int(np.prod(shape))
    weights = np.random.default_rng(0).normal(size=(inside, classes)).astype(np.float32)
    weights[0, 0] = weight
    nodes = [helper.make_node("Flatten", ["x"], ["f"]), helper.make_node("MatMul", ["f", "w"], ["y"])]
    path.write_bytes(model_of(nodes, shape=("n", *shape), weights={"w": weights}).SerializeToString())
    return path


def test_rows_that_are_not_the_models_are_refused(
    files: Path, tmp_path: Path, digits: tuple[np.ndarray, np.ndarray]
) -> None:
    images, labels = digits
    model = files / "model.onnx"
    large = npz(
        tmp_path / "large.npz",
        images=np.zeros((40, 9, 9), np.uint8) + np.arange(40, dtype=np.uint8)[:, None, None],
        label=np.arange(40) % 10,
    )
    assert "(8, 8), the dataset has images of 9×9" in refusal(model, large)
    strange = npz(tmp_path / "strange.npz", images=images * 1000 - 3, label=labels)
    assert "0 to 1 or 0 to 255" in refusal(model, strange)
    table = parquet(tmp_path / "table.parquet", points())
    assert "the dataset has 2 columns" in refusal(model, table)
    assert "guessing" in refusal(model, npz(tmp_path / "turned.npz", images=images, label=(labels + 1) % 10))
    texts = {"text": [f"word {row}" for row in range(60)], "label": [row % 2 for row in range(60)]}
    assert "found text" in refusal(model, parquet(tmp_path / "texts.parquet", texts))


def test_labels_that_are_not_the_models_are_refused(
    files: Path, tmp_path: Path, digits: tuple[np.ndarray, np.ndarray]
) -> None:
    images, labels = digits
    model, few = files / "model.onnx", labels < 3
    named = npz(tmp_path / "named.npz", images=images[few], label=np.array(["a", "b", "c"])[labels[few]])
    assert "knows 10 classes, the dataset has 3: a, b, c" in refusal(model, named)
    bytes_ = files / "bytes.npz"
    assert "knows 5 classes, the dataset has 10" in refusal(linear(tmp_path / "five.onnx", classes=5), bytes_)
    assert "found none; name it by --labels" in refusal(model, npz(tmp_path / "bare.npz", images=images))
    short = npz(tmp_path / "short.npz", images=images, label=labels[:10])
    assert "1797 images but 10 labels" in refusal(model, short)
    assert "nowhere" in refusal(model, bytes_, labels="nowhere")


def test_rows_that_are_none_or_broken_are_refused(
    files: Path, tmp_path: Path, digits: tuple[np.ndarray, np.ndarray]
) -> None:
    images, labels = digits
    model = files / "model.onnx"
    assert "found none" in refusal(model, npz(tmp_path / "none.npz", images=images[:0], label=labels[:0]))
    assert "found 5" in refusal(model, npz(tmp_path / "five.npz", images=images[:5], label=labels[:5]))
    holed = images.copy()
    holed[7, 3, 3] = np.nan
    assert "NaN" in refusal(model, npz(tmp_path / "holed.npz", images=holed, label=labels))


def test_models_that_cannot_be_attacked_are_refused(files: Path, tmp_path: Path) -> None:
    data = files / "bytes.npz"
    assert "found NaN or infinity" in refusal(linear(tmp_path / "nan.onnx", weight=float("nan")), data)
    assert "takes rows of shape (3, 8, 8)" in refusal(linear(tmp_path / "colour.onnx", shape=(3, 8, 8)), data)
    assert "two classes or more" in refusal(linear(tmp_path / "one.onnx", classes=1), data)
    flat = model_of([helper.make_node("Identity", ["x"], ["y"])], shape=("n",))
    (tmp_path / "flat.onnx").write_bytes(flat.SerializeToString())
    assert "found 1 axes" in refusal(tmp_path / "flat.onnx", data)
    words = model_of([helper.make_node("StringNormalizer", ["x"], ["y"])], kind=TensorProto.STRING, shape=("n", 1))
    (tmp_path / "words.onnx").write_bytes(words.SerializeToString())
    assert "words" in refusal(tmp_path / "words.onnx", data)


def test_a_refusal_of_the_measuring_process_is_one_error_and_writes_nothing(files: Path, tmp_path: Path) -> None:
    told = refused(tmp_path, files / "model.onnx", files / "bytes.npz", "--device", "nowhere")
    assert "--device nowhere" in told


def test_files_that_are_no_models_are_refused(files: Path, tmp_path: Path) -> None:
    data = files / "bytes.npz"
    assert "missing.onnx" in refused(tmp_path, tmp_path / "missing.onnx", data)
    empty = tmp_path / "empty.onnx"
    empty.write_bytes(b"")
    assert "empty.onnx" in refused(tmp_path, empty, data)
    cut = tmp_path / "cut.onnx"
    cut.write_bytes((files / "model.onnx").read_bytes()[:500])
    assert "cut.onnx" in refused(tmp_path, cut, data)
    strange = tmp_path / "strange"
    strange.write_bytes(bytes(range(1, 200)))
    assert "unknown-content" in refused(tmp_path, strange, data)
    assert refused(tmp_path, files / "model.onnx", tmp_path / "missing.npz")
    assert "is too large" in refused(tmp_path, files / "model.onnx", data, "--memory", "0.000001")
    nowhere = bench(files / "model.onnx", data, "--epsilon", "0.1", "--out", tmp_path / "gone" / "result.json")
    assert isinstance(nowhere.exception, SpecError)
