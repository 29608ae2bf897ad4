"""What callers of a served model see while versions come and go: on a real Triton."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from assay.capture import read_window
from assay.digests import sha256_file
from assay.errors import IntegrityError, PolicyViolation
from assay.inference import open_model
from assay.settings import Settings
from assay.triton.client import open_client
from assay.triton.switch import Probe, Switch, Target
from tests.triton_server import triton, write_onnx, write_text_onnx  # noqa: F401 - `triton` is a fixture

pytestmark = pytest.mark.engines
ROWS = np.array([[0.1, 0.2], [-1.0, 0.3], [2.0, 2.0]], dtype=np.float32)
PROBE = Probe(ROWS, max_difference=1e-5)


def target(folder: Path, name: str, version: int, **older: str) -> Target:
    path = write_onnx(folder / f"{version}.onnx", shift=float(version))
    approved = {
        number: sha256_file(write_onnx(folder / f"{number}.onnx", float(number))) for number in range(1, version)
    }
    return Target(name, version, path, approved | {version: sha256_file(path)})


def deploy(settings: Settings, wanted: Target) -> None:
    Switch(settings).deploy(wanted, PROBE, keep_versions=2)


def test_new_version_answers_and_old_stays_loadable(triton: Settings, tmp_path: Path) -> None:  # noqa: F811
    client = open_client(triton)
    deploy(triton, target(tmp_path, "pair", 1))
    switched = Switch(triton).deploy(target(tmp_path, "pair", 2), PROBE, keep_versions=2)
    assert (switched.from_version, switched.to_version) == (1, 2)
    assert client.infer("pair", ROWS).version == 2
    assert client.infer("pair", ROWS, version=1).version == 1
    assert Switch(triton).repository.active()["pair"] == 2


def test_rollback_makes_the_lower_version_the_default(triton: Settings, tmp_path: Path) -> None:  # noqa: F811
    for version in (1, 2):
        deploy(triton, target(tmp_path, "back", version))
    switched = Switch(triton).roll_back(target(tmp_path, "back", 1))
    assert (switched.from_version, switched.to_version) == (2, 1)
    assert switched.seconds < 10
    assert open_client(triton).infer("back", ROWS).version == 1
    assert open_client(triton).ready_versions("back") == [1]


def test_callers_get_no_error_while_versions_switch(triton: Settings, tmp_path: Path) -> None:  # noqa: F811
    deploy(triton, target(tmp_path, "busy", 1))
    client, seen, errors, done = open_client(triton), set(), [], threading.Event()

    def ask() -> None:
        while not done.is_set():
            try:
                seen.add(client.infer("busy", ROWS).version)
            except Exception as error:  # noqa: BLE001 - any error is the finding
                errors.append(error)
            time.sleep(0.005)

    caller = threading.Thread(target=ask)
    caller.start()
    deploy(triton, target(tmp_path, "busy", 2))
    Switch(triton).roll_back(target(tmp_path, "busy", 1))
    done.set()
    caller.join()
    assert not errors
    assert seen == {1, 2}


def test_version_that_answers_differently_is_refused_and_the_old_keeps_serving(
    triton: Settings,  # noqa: F811
    tmp_path: Path,
) -> None:
    deploy(triton, target(tmp_path, "strict", 1))
    impossible = Probe(ROWS, max_difference=-1.0)
    with pytest.raises(PolicyViolation, match="old version keeps serving"):
        Switch(triton).deploy(target(tmp_path, "strict", 2), impossible, keep_versions=2)
    assert open_client(triton).infer("strict", ROWS).version == 1
    repository = Switch(triton).repository
    assert repository.versions("strict") == [1]
    assert not (triton.triton_repository / "strict-staging").exists()


def test_served_file_with_one_flipped_byte_is_refused_by_rollback_and_named(
    triton: Settings,  # noqa: F811
    tmp_path: Path,
) -> None:
    for version in (1, 2):
        deploy(triton, target(tmp_path, "flip", version))
    served = Switch(triton).repository.onnx_path("flip", 1)
    _flip_a_byte(served)
    with pytest.raises(IntegrityError, match=str(served)):
        Switch(triton).roll_back(target(tmp_path, "flip", 1))
    assert open_client(triton).infer("flip", ROWS).version == 2


def test_server_itself_refuses_bytes_that_changed_after_approval(triton: Settings, tmp_path: Path) -> None:  # noqa: F811
    deploy(triton, target(tmp_path, "late", 1))
    _flip_a_byte(Switch(triton).repository.onnx_path("late", 1))
    client = open_client(triton)
    client.unload("late")
    with pytest.raises(IntegrityError, match="approved sha256"):
        client.load("late")


def test_first_version_that_fails_leaves_nothing_served(triton: Settings, tmp_path: Path) -> None:  # noqa: F811
    with pytest.raises(PolicyViolation):
        Switch(triton).deploy(target(tmp_path, "none", 1), Probe(ROWS, -1.0), keep_versions=2)
    assert open_client(triton).ready_versions("none") == []
    assert "none" not in Switch(triton).repository.active()


def test_cut_out_stops_answers_and_is_forgotten_by_a_restart(triton: Settings, tmp_path: Path) -> None:  # noqa: F811
    deploy(triton, target(tmp_path, "gone", 1))
    version, seconds = Switch(triton).cut_out("gone")
    assert version == 1
    assert seconds < 10
    assert open_client(triton).ready_versions("gone") == []
    assert "gone" not in Switch(triton).repository.active()


def test_old_versions_beyond_the_limit_are_forgotten(triton: Settings, tmp_path: Path) -> None:  # noqa: F811
    for version in (1, 2, 3):
        deploy(triton, target(tmp_path, "many", version))
    assert Switch(triton).repository.versions("many") == [2, 3]


def test_requests_are_captured_and_probes_are_not(triton: Settings, tmp_path: Path) -> None:  # noqa: F811
    deploy(triton, target(tmp_path, "seen", 1))
    answer = open_client(triton).infer("seen", ROWS, request_id="request-1")
    deadline = time.monotonic() + 10
    while (window := read_window(triton, "seen", rows=10)).num_rows < len(ROWS) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert window["request_id"].to_pylist() == ["request-1"] * 3
    assert window["row"].to_pylist() == [0, 1, 2]
    assert window["version"].to_pylist() == [1, 1, 1]
    assert window["label"].to_pylist() == answer.predictions.label.tolist()
    np.testing.assert_array_equal(np.array(window["input"].to_pylist(), dtype=np.float32), ROWS)
    np.testing.assert_allclose(window["probabilities"].to_pylist(), answer.predictions.probabilities)


def test_text_model_answers_and_captures_texts(triton: Settings, tmp_path: Path) -> None:  # noqa: F811
    path = write_text_onnx(tmp_path / "text.onnx")
    texts = np.array(["spam", "Grüße"])
    wanted = Target("words", 1, path, {1: sha256_file(path)})
    Switch(triton).deploy(wanted, Probe(texts, max_difference=1e-5), keep_versions=2)
    model = open_model(path, sha256_file(path), "words")
    answer = open_client(triton).infer("words", model.prepared(texts))
    assert answer.predictions.label.tolist() == model.predict(texts).label.tolist() == [1, 0]
    open_client(triton).unload("words")
    deadline = time.monotonic() + 10
    while (window := read_window(triton, "words", rows=10)).num_rows < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert window["input"].to_pylist() == texts.tolist()


def test_a_row_without_an_answer_is_refused_and_told(triton: Settings, tmp_path: Path) -> None:  # noqa: F811
    deploy(triton, target(tmp_path, "finite", 1))
    client = open_client(triton)
    with pytest.raises(Exception, match="row 1 and 0 more have no answer"):
        client.infer("finite", np.array([[0.1, 0.2], [3e38, 3e38]], np.float32))
    assert client.infer("finite", ROWS).version == 1


def _flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
