"""A SavedModel is refused for what it would do, and its variables pass with a sound graph alone."""

from pathlib import Path

import pytest

from assay.records import Verdict
from tasks.scanning.saved_model import known_operators
from tasks.scanning.scan_paths import scan_paths
from tests.tasks.scanning.benign_files import write_saved_model
from tests.tasks.scanning.hostile_models import MODELS
from tests.tasks.scanning.saved_models import MODULE, SAVES, message
from tests.tasks.scanning.test_hostile_files import look_at

RULES = {
    "reads_file.pb": "tensorflow-operator",
    "calls_python.pb": "tensorflow-operator",
    "calls_python_eagerly.pb": "tensorflow-operator",
    "graph_in_a_text.pb": "tensorflow-operator",
    "operator_of_a_library.pb": "tensorflow-operator",
    "restores_anew.pb": "tensorflow-operator",
    "signature_saves.pb": "tensorflow-file",
    "keras_layer.pb": "keras-class",
    "asset_elsewhere.pb": "archive-name",
    "gradient.pb": "tensorflow-function",
    "saver_in_the_graph.pb": "tensorflow-operator",
    "function_as_operator.pb": "tensorflow-function",
    "function_elsewhere.pb": "tensorflow-function",
    "swapped_function.pb": "tensorflow-function",
}


@pytest.mark.parametrize("name", RULES)
def test_each_is_refused_for_its_own_reason(name: str) -> None:
    judged = look_at(MODELS[name], name)
    assert judged.format == "saved-model" and {found.rule for found in judged.findings} == {RULES[name]}


def test_variables_pass_beside_a_sound_graph_alone(tmp_path: Path) -> None:
    write_saved_model(tmp_path)
    report = scan_paths([tmp_path])
    assert report.verdict is Verdict.PASSED
    assert sorted(one.format for one in report.files) == [
        "saved-model",
        "saved-model-fingerprint",
        *["saved-model-variables"] * 2,
    ]
    (tmp_path / "saved_model.pb").write_bytes(SAVES)
    refused = {Path(one.path).name for one in scan_paths([tmp_path]).files if one.findings}
    assert refused == {"saved_model.pb", "variables.index", "variables.data-00000-of-00001"}


def test_pickle_called_variables_is_still_a_pickle(tmp_path: Path) -> None:
    write_saved_model(tmp_path)
    (tmp_path / "variables/variables.data-00000-of-00001").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    assert scan_paths([tmp_path]).verdict is Verdict.FAILED


def test_saver_that_a_signature_names_is_refused() -> None:
    """The node that saves is numbered; a signature that hands out its number reaches it."""
    at = MODULE.index(b"serving_default_x:0")
    reached = MODULE[:at] + MODULE[at:].replace(b"StatefulPartitionedCall:0", b"StatefulPartitionedCall_1")
    assert "tensorflow-file" in {found.rule for found in look_at(reached).findings}


def _node(name: bytes, operator: bytes, reads: bytes = b"", calls: bytes = b"") -> bytes:
    function = message(5, message(1, b"f") + message(2, message(10, message(1, calls)))) if calls else b""
    return message(1, name) + message(2, operator) + (message(3, reads) if reads else b"") + function


def _saving(*more: bytes) -> bytes:
    """A graph whose saver, node `save`, calls the function that writes; and more nodes."""
    nodes = (_node(b"save", b"StatefulPartitionedCall", calls=b"writes"), *more)
    function = message(1, message(1, message(1, b"writes")) + message(3, _node(b"s", b"SaveV2")))
    graph = message(2, b"".join(message(1, one) for one in nodes) + message(2, function))
    return b"\x08\x01" + message(2, graph + message(3, message(2, b"save:0")))


@pytest.mark.parametrize(
    "more",
    [
        _node(b"out", b"Identity", reads=b"save:0"),
        _node(b"out", b"NoOp", reads=b"^save"),
        _node(b"other", b"PartitionedCall", calls=b"writes"),
        _node(b"other", b"writes"),
        _node(b"loop", b"While", calls=b"writes"),
    ],
)
def test_saver_that_another_node_reaches_is_refused(more: bytes) -> None:
    assert not look_at(_saving(), "saved_model.pb").findings
    assert {found.rule for found in look_at(_saving(more), "saved_model.pb").findings} == {"tensorflow-file"}


def test_no_operator_on_the_list_touches_files_networks_or_python() -> None:
    words = ("File", "PyFunc", "Dataset", "Iterator", "Save", "Restore", "Print", "Remote", "Send", "Recv", "Xla")
    words += ("TPU", "TRT", "Proto", "Reader", "Debug", "Collective", "Generator", "Gcs", "Kafka", "Custom", "Queue")
    assert not [name for name in known_operators() for word in words if word in name]
