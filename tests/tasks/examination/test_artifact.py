"""Files that are not what they claim are refused before anything runs them."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from assay.bundle import ONNX_FILE, fetch_bundle, save_bundle
from assay.digests import sha256_file
from assay.records import Check, Verdict, combined_verdict
from assay.store import FileStore
from assay.text_onnx import export_text_classifier
from tasks.examination.artifact import check_artifact


def graph(domain: str = "", op: str = "Relu", *, external: bool = False) -> onnx.ModelProto:
    weight = numpy_helper.from_array(np.ones(2, np.float32), "w")
    if external:
        weight.ClearField("raw_data")
        weight.data_location = TensorProto.EXTERNAL
        weight.external_data.add(key="location", value="../../../etc/passwd")
    nodes = [helper.make_node("Add", ["input", "w"], ["s"]), helper.make_node(op, ["s"], ["y"], domain=domain)]
    io = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 2]) for name in ("input", "y")]
    made = helper.make_graph(nodes, "g", io[:1], io[1:], [weight])
    domains = [helper.make_opsetid("", 20)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    return helper.make_model(made, opset_imports=domains, ir_version=10)


def examine(store: FileStore, folder: Path, claimed: str | None = None) -> dict[str, Check]:
    digest = claimed or sha256_file(folder / ONNX_FILE)
    subject = save_bundle("m", "onnx", folder, store, facts={"onnx_sha256": digest})
    target = folder.parent / "fetched"
    return {check.name: check for check in check_artifact(fetch_bundle(subject, store, target), target)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "bundle"
    path.mkdir()
    return path


def write(folder: Path, model: onnx.ModelProto) -> None:
    (folder / ONNX_FILE).write_bytes(model.SerializeToString())


def test_plain_graph_passes(store: FileStore, folder: Path) -> None:
    write(folder, graph())
    assert combined_verdict(tuple(examine(store, folder).values())) is Verdict.PASSED


def test_text_graph_with_onnx_runtimes_tokenizer_passes(store: FileStore, folder: Path) -> None:
    ones = np.ones(2, np.float32)
    export_text_classifier(folder / ONNX_FILE, ["a", "b"], idf=ones, weights=np.eye(2, dtype=np.float32), bias=ones)
    assert combined_verdict(tuple(examine(store, folder).values())) is Verdict.PASSED


@pytest.mark.parametrize(("domain", "op"), [("evil.example", "Run"), ("com.microsoft", "PyOp")])
def test_foreign_operator_is_named_and_refused(store: FileStore, folder: Path, domain: str, op: str) -> None:
    write(folder, graph(domain, op))
    check = examine(store, folder)["only known operators, weights inside"]
    assert check.verdict is Verdict.FAILED and f"{domain}:{op}" in check.detail


def test_weights_in_another_file_are_refused(store: FileStore, folder: Path) -> None:
    write(folder, graph(external=True))
    assert combined_verdict(tuple(examine(store, folder).values())) is Verdict.FAILED


def test_pickle_named_onnx_is_refused(store: FileStore, folder: Path) -> None:
    import pickle

    (folder / ONNX_FILE).write_bytes(pickle.dumps({"weights": [1, 2]}))
    assert examine(store, folder)["file is valid ONNX"].verdict is Verdict.FAILED


def test_stray_file_in_the_bundle_is_refused(store: FileStore, folder: Path) -> None:
    write(folder, graph())
    (folder / "setup.py").write_text("import os")
    check = examine(store, folder)["bundle holds only ONNX and JSON"]
    assert check.verdict is Verdict.FAILED and "setup.py" in check.detail


def test_other_file_than_the_exported_one_is_refused(store: FileStore, folder: Path) -> None:
    write(folder, graph())
    assert examine(store, folder, claimed="0" * 64)["digest is the exported one"].verdict is Verdict.FAILED
