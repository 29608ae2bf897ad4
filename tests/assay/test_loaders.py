from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from assay.errors import SpecError
from assay.loaders import load_class, open_loader
from assay.sdk import Collector, DatasetLoader, Rows
from assay.spec import PipelineSpec


def load(kind: str, columns: dict[str, Any], loader: str | None = None, **options: Any) -> Rows:
    collector = {"sources": [{"source": "path", "path": "x"}], "kind": kind, "options": options}
    spec = PipelineSpec.model_validate(
        {"name": "x", "data": {"collector": collector, "loader": loader}, "train": {"model": "m:M"}}
    )
    batch = pa.RecordBatch.from_pydict({"row_id": ["a", "b"], **columns})
    return open_loader(spec).load_function(iter([batch]), "label")


def lists(width: int) -> pa.Array:
    return pa.array([list(range(width)), list(range(width))], pa.list_(pa.uint8(), width))


def test_square_images_get_their_shape_back() -> None:
    rows = load("image", {"image": lists(9), "label": [0, 1]})
    assert rows.inputs.shape == (2, 3, 3)
    assert rows.inputs.dtype == np.float32
    assert rows.row_ids == ("a", "b")
    assert rows.labels.tolist() == [0, 1]


def test_nested_lists_and_the_shape_option_give_other_shapes() -> None:
    nested = pa.array([[[1, 2, 3]], [[4, 5, 6]]], pa.list_(pa.list_(pa.float32(), 3), 1))
    assert load("image", {"image": nested, "label": [0, 1]}).inputs.shape == (2, 1, 3)
    assert load("image", {"image": lists(12), "label": [0, 1]}, shape=[3, 4]).inputs.shape == (2, 3, 4)
    with pytest.raises(SpecError, match="12 values"):
        load("image", {"image": lists(12), "label": [0, 1]}, shape=[3, 3])


def test_images_of_different_sizes_are_refused() -> None:
    ragged = pa.array([[1, 2, 3], [1, 2]], pa.list_(pa.uint8()))
    with pytest.raises(SpecError, match="as many numbers in every row"):
        load("image", {"image": ragged, "label": [0, 1]})


def test_texts_stay_as_they_are() -> None:
    rows = load("text", {"text": ["Ä b", "c"], "sender": ["x", "y"], "label": [True, False]})
    assert rows.inputs.tolist() == ["Ä b", "c"]
    assert rows.inputs.dtype == object
    assert rows.labels.tolist() == [1, 0]


def test_tables_are_numbers_in_the_columns_order() -> None:
    rows = load("tabular", {"b": [1, 2], "a": [True, False], "label": ["1", "0"]})
    assert rows.inputs.tolist() == [[1, 1], [2, 0]]
    assert rows.inputs.dtype == np.float32
    assert rows.labels.tolist() == [1, 0]


def test_a_word_in_a_table_names_its_column_and_the_way_out() -> None:
    with pytest.raises(SpecError, match="'city': expected numbers, found string; encode it"):
        load("tabular", {"city": ["x", "y"], "label": [0, 1]})


def test_a_missing_number_is_refused() -> None:
    with pytest.raises(SpecError, match="'a': 1 values are missing"):
        load("tabular", {"a": [1.0, None], "label": [0, 1]})


def test_named_classes_need_an_order() -> None:
    columns = {"a": [1, 2], "label": ["spam", "ham"]}
    assert load("tabular", columns, classes=["ham", "spam"]).labels.tolist() == [1, 0]
    with pytest.raises(SpecError, match="list the classes"):
        load("tabular", columns)
    with pytest.raises(SpecError, match="did you mean 'spamm'"):
        load("tabular", columns, classes=["ham", "spamm"])


@pytest.mark.parametrize("labels", [[0.5, 1.0], [-1, 0], [None, 1]])
def test_labels_that_are_no_classes_are_refused(labels: list[Any]) -> None:
    with pytest.raises(SpecError, match="label"):
        load("tabular", {"a": [1, 2], "label": labels})


def test_a_wrong_label_name_gets_a_near_miss() -> None:
    with pytest.raises(SpecError, match="did you mean 'labels'"):
        load("tabular", {"a": [1, 2], "labels": [0, 1]})


def test_class_paths_lead_to_the_right_class_or_say_why_not() -> None:
    assert load_class("assay.loaders:ImageLoader", DatasetLoader).__name__ == "ImageLoader"
    with pytest.raises(SpecError, match="did you mean 'ImageLoader'"):
        load_class("assay.loaders:ImageLoder", DatasetLoader)
    with pytest.raises(SpecError, match="expected a Collector; write `class ImageLoader"):
        load_class("assay.loaders:ImageLoader", Collector)
    with pytest.raises(SpecError, match="no_such_module"):
        load_class("no_such_module:X", Collector)


def test_a_loader_of_ones_own_is_used() -> None:
    assert load("tabular", {"text": ["x", "y"], "label": [0, 1]}, loader="text").inputs.tolist() == ["x", "y"]
