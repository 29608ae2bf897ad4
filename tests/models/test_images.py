"""The two image pipelines: rows as collected, the way to model space and back, and a faithful export."""

import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from assay.errors import SpecError
from assay.inference import OnnxModel
from assay.loaders import open_loader
from assay.sdk import GradientModel, Rows, TrainingContext
from assay.spec_file import load_spec
from models.digits import DigitsCollector, DigitsModel
from models.mnist import MnistCollector, MnistModel, read_idx

ROOT = Path(__file__).parents[2]


def load(name: str, batches: list[pa.RecordBatch]) -> Rows:
    spec = load_spec(ROOT / f"include/pipelines/{name}.yaml")
    return open_loader(spec).load_function(iter(batches), spec.data.collector.label)


@pytest.fixture
def digits_folder(tmp_path: Path) -> Path:
    import sklearn

    target = tmp_path / "sklearn/datasets/data/digits.csv.gz"
    target.parent.mkdir(parents=True)
    target.write_bytes((Path(sklearn.__file__).parent / "datasets/data/digits.csv.gz").read_bytes())
    return tmp_path


def write_idx(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}i", *values.shape)
    path.write_bytes(header + values.astype(np.uint8).tobytes())


@pytest.fixture
def mnist_folder(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    for part, count in (("train", 30), ("t10k", 10)):
        write_idx(tmp_path / f"data/{part}-images-idx3-ubyte", generator.integers(0, 256, (count, 28, 28)))
        write_idx(tmp_path / f"data/{part}-labels-idx1-ubyte", np.arange(count) % 10)
    return tmp_path


def test_digits_are_scikit_learns(digits_folder: Path) -> None:
    from sklearn.datasets import load_digits

    rows = load("digits", list(DigitsCollector().rows_function(digits_folder)))
    np.testing.assert_array_equal(rows.inputs, load_digits().images)
    np.testing.assert_array_equal(rows.labels, load_digits().target)
    assert len(set(rows.row_ids)) == 1797


def test_mnist_rows_keep_part_position_and_pixels(mnist_folder: Path) -> None:
    rows = load("mnist", list(MnistCollector().rows_function(mnist_folder)))
    assert rows.inputs.shape == (40, 28, 28) and rows.inputs.dtype == np.float32
    assert rows.row_ids[0] == "train-00000" and rows.row_ids[-1] == "t10k-00009"
    images = read_idx(mnist_folder / "data/t10k-images-idx3-ubyte", rank=3)
    np.testing.assert_array_equal(rows.inputs[30:], images)


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: b"\1" + data[1:], lambda data: b""])
def test_damaged_idx_file_is_refused(mnist_folder: Path, damage: object) -> None:
    path = mnist_folder / "data/train-labels-idx1-ubyte"
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(SpecError, match="IDX"):
        list(MnistCollector().rows_function(mnist_folder))


@pytest.mark.parametrize(("make", "side", "top"), [(DigitsModel, 8, 16), (MnistModel, 28, 255)])
def test_export_and_way_back_are_faithful(make: type[GradientModel], side: int, top: int, tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    images = generator.integers(0, top + 1, (50, side, side)).astype(np.float32)
    rows = Rows(images, generator.integers(0, 10, 50), tuple(map(str, range(50))))
    model = make()
    context = TrainingContext(0, tmp_path, lambda metrics, checkpoint: None, rows, 10)
    model.train_function(rows, context, epochs=1)  # type: ignore[call-arg]
    space = model.to_model_space(images)
    assert space.min() >= 0 and space.max() <= 1
    np.testing.assert_allclose(model.to_model_space(model.from_model_space(space)), space, atol=1e-6)
    model.export_function(tmp_path / "model.onnx")
    answers = OnnxModel((tmp_path / "model.onnx").read_bytes(), "m").predict(images)
    np.testing.assert_allclose(answers.probabilities, model.predict_function(images), atol=1e-5)
