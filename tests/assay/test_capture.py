"""What was served, and the labels that come later."""

import importlib.util
import sys
import types
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from assay.capture import append_labels, dropped_requests, labelled_rows, read_window, requests_folder
from assay.errors import SpecError
from assay.settings import Settings

SECOND = 1_000_000_000


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return Settings(capture_url=tmp_path.as_uri())


@pytest.fixture(scope="module")
def served_model() -> ModuleType:
    """The file Triton runs, imported as the server does, with the server's own module beside it."""
    from assay.triton import repository

    backend = types.ModuleType("triton_python_backend_utils")
    spec = importlib.util.spec_from_file_location("served_model", repository._CODE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["triton_python_backend_utils"] = backend
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules["triton_python_backend_utils"]
    return module


def answered(request_id: str, at: int, inputs: Any, labels: list[int]) -> tuple[Any, ...]:
    probabilities = np.eye(2, dtype=np.float32)[labels]
    return request_id, at * SECOND, np.asarray(inputs), np.array(labels), probabilities


def write(settings: Settings, served_model: ModuleType, *batch: tuple[Any, ...], dropped: int = 0) -> None:
    folder = requests_folder(settings, "two")
    folder.mkdir(parents=True, exist_ok=True)
    served_model.write_requests(folder, list(batch), 3, dropped)


def test_window_holds_the_newest_rows_oldest_first(here: Settings, served_model: ModuleType) -> None:
    for at in (3, 1, 2):
        write(here, served_model, answered(f"r{at}", at, np.full((2, 4), at, dtype=np.float32), [0, 1]))
    window = read_window(here, "two", rows=3)
    assert window["request_id"].to_pylist() == ["r2", "r3", "r3"]
    assert window["row"].to_pylist() == [1, 0, 1]
    assert window["input"].to_pylist()[0] == [2.0] * 4
    assert window["true_label"].to_pylist() == [None] * 3


def test_labels_join_by_request_and_row_and_a_later_one_wins(here: Settings, served_model: ModuleType) -> None:
    write(here, served_model, answered("r1", 1, np.zeros((3, 2), dtype=np.float32), [0, 0, 1]))
    assert (
        append_labels(here, "two", [{"request_id": "r1", "label": 1}, {"request_id": "r1", "row": 2, "label": 0}]) == 2
    )
    append_labels(here, "two", [{"request_id": "r1", "row": 2, "label": 1}])
    assert read_window(here, "two", rows=10)["true_label"].to_pylist() == [1, None, 1]
    assert read_window(here, "two", rows=10, labelled=True)["row"].to_pylist() == [0, 2]
    assert read_window(here, "two", rows=1, labelled=True)["row"].to_pylist() == [2]


def test_what_a_model_says_is_no_truth_and_replaces_no_persons_label(here: Settings, served_model: ModuleType) -> None:
    write(here, served_model, answered("r1", 1, np.zeros((3, 2), dtype=np.float32), [0, 0, 1]))
    append_labels(
        here, "two", [{"request_id": "r1", "label": 1, "by": "ann"}, {"request_id": "r1", "row": 1, "label": 1}]
    )
    model: dict[str, Any] = {"request_id": "r1", "label": 0, "origin": "model", "by": "two/7"}
    append_labels(here, "two", [model, model | {"row": 2}])
    assert read_window(here, "two", rows=10)["true_label"].to_pylist() == [1, 1, None]
    (table,) = labelled_rows(here, "two")
    assert table["true_label"].to_pylist() == [1, 1, 0]
    assert table["origin"].to_pylist() == ["person", "", "model"]
    assert table["by"].to_pylist() == ["ann", "", "two/7"]


def test_texts_are_kept_as_texts(here: Settings, served_model: ModuleType) -> None:
    texts = np.array([["Grüße"], [""]], dtype=object)
    write(here, served_model, answered("r1", 1, texts, [0, 1]))
    assert read_window(here, "two", rows=10)["input"].to_pylist() == ["Grüße", ""]


def test_nothing_served_yet_is_an_empty_window_with_all_columns(here: Settings) -> None:
    window = read_window(here, "two", rows=10)
    assert window.num_rows == 0
    assert {"input", "label", "true_label", "version"} <= set(window.column_names)


@pytest.mark.parametrize(
    "bad",
    [
        {"label": 1},
        {"request_id": "r", "label": "1"},
        {"request_id": "", "label": 1},
        {"request_id": "r", "label": True},
        {"request_id": "r", "label": 1, "origin": "robot"},
    ],
)
def test_bad_label_is_refused_and_nothing_of_the_batch_is_written(here: Settings, bad: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match=r"labels\[1\]"):
        append_labels(here, "two", [{"request_id": "good", "label": 1}, bad])
    assert not list(requests_folder(here, "two").parent.rglob("*.parquet"))


def test_capture_url_of_another_scheme_is_refused() -> None:
    with pytest.raises(SpecError, match="file:///FOLDER"):
        read_window(Settings(capture_url="ftp://elsewhere"), "two", rows=1)


def test_full_queue_drops_and_counts_and_never_blocks(
    here: Settings, served_model: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served_model, "_QUEUE_BYTES", 3 * 8 * 4)
    monkeypatch.setattr(served_model, "_FLUSH_SECONDS", 60.0)
    capture = served_model.Capture(requests_folder(here, "two"), 1)
    inputs = np.zeros((1, 8), dtype=np.float32)
    for index in range(5):
        capture.offer(f"r{index}", inputs, np.array([0]), np.ones((1, 2), dtype=np.float32))
    capture.close()
    assert read_window(here, "two", rows=10)["request_id"].to_pylist() == ["r0", "r1", "r2"]
    assert dropped_requests(here, "two") == 2


def test_request_is_kept_as_it_was_when_the_server_reuses_its_memory(here: Settings, served_model: ModuleType) -> None:
    capture = served_model.Capture(requests_folder(here, "two"), 1)
    inputs = np.ones((1, 2), dtype=np.float32)
    capture.offer("r", inputs, np.array([0]), np.ones((1, 2), dtype=np.float32))
    inputs[:] = 9
    capture.close()
    assert read_window(here, "two", rows=1)["input"].to_pylist() == [[1.0, 1.0]]


def test_capture_that_cannot_write_loses_requests_but_goes_on(
    here: Settings, served_model: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full_disk(*_arguments: Any) -> None:
        raise OSError("no space left on device")

    capture = served_model.Capture(requests_folder(here, "two"), 1)
    with monkeypatch.context() as broken:
        broken.setattr(served_model, "write_requests", full_disk)
        capture.offer("lost", np.ones((1, 2), dtype=np.float32), np.array([0]), np.ones((1, 2), dtype=np.float32))
        capture._write()
    capture.offer("kept", np.ones((1, 2), dtype=np.float32), np.array([0]), np.ones((1, 2), dtype=np.float32))
    capture.close()
    assert read_window(here, "two", rows=9)["request_id"].to_pylist() == ["kept"]
    assert dropped_requests(here, "two") == 1
    assert "no space left" in capsys.readouterr().err
