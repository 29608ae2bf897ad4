"""A real Triton server in a folder of its own, as the embedded stack starts it."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper
from pydantic import SecretStr

from assay.settings import Settings
from assay.triton.client import open_client

ADMIN_HEADER = "assay-admin=a-secret-of-the-test"


def write_onnx(path: Path, shift: float = 0.0, features: int = 2) -> Path:
    """A classifier of two classes by the sum of the features plus `shift`."""
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["input", "weights"], ["raw"]),
            helper.make_node("Add", ["raw", "bias"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
            helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0),
        ],
        "two_classes",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [None, features])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, [None]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2]),
        ],
        [
            helper.make_tensor("weights", TensorProto.FLOAT, [features, 2], [-1.0, 1.0] * features),
            helper.make_tensor("bias", TensorProto.FLOAT, [2], [0.0, shift]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save_model(model, path)
    return path


def write_text_onnx(path: Path) -> Path:
    """A text classifier: class 1 for the word "spam", class 0 for anything else."""
    graph = helper.make_graph(
        [
            helper.make_node(
                "LabelEncoder", ["input"], ["one"], domain="ai.onnx.ml",
                keys_strings=["spam"], values_floats=[1.0], default_float=0.0,
            ),
            helper.make_node("Sub", ["unit", "one"], ["zero"]),
            helper.make_node("Concat", ["zero", "one"], ["probabilities"], axis=1),
            helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0),
        ],
        "text",
        [helper.make_tensor_value_info("input", TensorProto.STRING, [None, 1])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, [None]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2]),
        ],
        [helper.make_tensor("unit", TensorProto.FLOAT, [1], [1.0])],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 2)]
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save_model(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
    return path


@contextlib.contextmanager
def start_triton(folder: Path) -> Iterator[Settings]:
    """Settings of a running server whose repository is `folder`/repository; it is gone after the block."""
    packages = Path(sysconfig.get_path("purelib"))
    backends, repository = folder / "backends", folder / "repository"
    shutil.copytree(packages / "pytriton/tritonserver/backends", backends)
    stub = f"{sys.version_info.major}.{sys.version_info.minor}/triton_python_backend_stub"
    shutil.copy(packages / "pytriton/tritonserver/python_backend_stubs" / stub, backends / "python")
    repository.mkdir()
    port, header = _free_port(), ADMIN_HEADER
    command = [
        str(packages / "pytriton/tritonserver/bin/tritonserver"),
        f"--model-repository={repository}",
        f"--backend-directory={backends}",
        "--model-control-mode=explicit",
        "--disable-auto-complete-config",  # our config is whole; guessing it would start each model twice
        "--http-address=127.0.0.1",
        f"--http-port={port}",
        "--allow-grpc=false",
        "--allow-metrics=false",
        "--exit-timeout-secs=3",
        f"--http-restricted-api=model-repository:{header}",
    ]
    environment = os.environ | {
        "LD_LIBRARY_PATH": f"{packages / 'nvidia_pytriton.libs'}:{sysconfig.get_config_var('LIBDIR')}",
        # Triton's Python backend takes its packages from the first python3 on PATH.
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    settings = Settings(
        home=folder,
        triton_http_url=f"http://127.0.0.1:{port}",
        triton_admin_header=SecretStr(header),
        triton_repository=repository,
        capture_url=(folder / "capture").as_uri(),
    )
    with (folder / "triton.log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 60
        while not open_client(settings).is_live():
            assert server.poll() is None and time.monotonic() < deadline, (folder / "triton.log").read_text()[-4000:]
            time.sleep(0.05)
        yield settings
    finally:
        server.terminate()
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@pytest.fixture(scope="module")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a running Triton, shared by the tests of one module."""
    with start_triton(tmp_path_factory.mktemp("triton")) as settings:
        yield settings


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
