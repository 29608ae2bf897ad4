"""What Triton's Python backend runs beside model.onnx: it answers with ONNX Runtime and captures requests.

It hashes the very bytes it hands to ONNX Runtime and refuses to load others than the approved ones.
Capture never blocks a caller: a full queue drops the request and counts it.
Copied into the model repository as it is, and self-contained: the server knows no Assay.
"""

import contextlib
import hashlib
import json
import os
import sys
import threading
import time
import uuid
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import triton_python_backend_utils as pb_utils
from numpy.typing import NDArray

_FLUSH_SECONDS = 1.0
_FLUSH_BYTES = 8 << 20
_QUEUE_BYTES = 64 << 20


class TritonPythonModel:
    """One loaded version; Triton calls `initialize`, then `execute` for every request, then `finalize`."""

    def initialize(self, args: dict[str, str]) -> None:
        parameters = {
            key: value["string_value"] for key, value in json.loads(args["model_config"])["parameters"].items()
        }
        version = int(args["model_version"])
        folder, approved = Path(args["model_repository"]), parameters[f"onnx_sha256_{version}"]
        _refuse_declared_bad(folder / "REFUSED.json", approved)
        onnx = _approved_bytes(folder / args["model_version"] / "model.onnx", approved)
        self._session = _open_session(onnx, gpu=args["model_instance_kind"] == "GPU")
        self._takes_text = self._session.get_inputs()[0].type == "tensor(string)"
        self._probe_sha256: str = parameters["probe_sha256"]
        capture = parameters["capture_folder"]
        self._capture = Capture(Path(capture), version) if capture else None

    def execute(self, requests: list[Any]) -> list[Any]:
        return [self._answer(request) for request in requests]

    def finalize(self) -> None:
        if self._capture is not None:
            self._capture.close()

    def _answer(self, request: Any) -> Any:
        inputs = pb_utils.get_input_tensor_by_name(request, "input").as_numpy()
        try:
            fed = _as_text(inputs) if self._takes_text else inputs
            label, probabilities = self._session.run(["label", "probabilities"], {"input": fed})
        except Exception as error:  # noqa: BLE001 - whatever ONNX Runtime raises belongs to this one caller
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(str(error)))
        odd = np.flatnonzero(~np.isfinite(probabilities).all(axis=1))
        if len(odd):
            told = f"row {odd[0]} and {len(odd) - 1} more have no answer; NaN, infinity or too large a number went in?"
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(f"{told} Send finite inputs."))
        if self._capture is not None and not self._is_probe(request.request_id()):
            self._capture.offer(request.request_id(), fed, label, probabilities)
        return pb_utils.InferenceResponse(
            [pb_utils.Tensor("label", label), pb_utils.Tensor("probabilities", probabilities)]
        )

    def _is_probe(self, request_id: str) -> bool:
        found = hashlib.sha256(request_id.encode()).hexdigest()
        return found == self._probe_sha256


class Capture:
    """Requests go through a bounded queue to a thread that writes whole Parquet files."""

    def __init__(self, folder: Path, version: int) -> None:
        import pyarrow.parquet  # noqa: F401 - before the first request, so that no caller waits for the import

        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._version = folder, version
        self._queue: deque[tuple[str, int, NDArray[Any], NDArray[Any], NDArray[Any]]] = deque()
        self._lock, self._wake = threading.Lock(), threading.Event()
        self._bytes = self._dropped = 0
        self._closing = False
        self._thread = threading.Thread(target=self._write_until_closed, name="capture", daemon=True)
        self._thread.start()

    def offer(self, request_id: str, inputs: NDArray[Any], label: NDArray[Any], probabilities: NDArray[Any]) -> None:
        """Queue one answered request, or count it as dropped when the queue is full."""
        size = sum(map(len, inputs.flat)) if inputs.dtype == object else inputs.nbytes
        with self._lock:
            if self._bytes + size > _QUEUE_BYTES:
                self._dropped += 1
                return
            self._bytes += size
            is_much = self._bytes >= _FLUSH_BYTES
        # The server reclaims the input's memory after the answer; outputs are ours.
        self._queue.append((request_id or uuid.uuid4().hex, time.time_ns(), inputs.copy(), label, probabilities))
        if is_much:
            self._wake.set()

    def close(self) -> None:
        """Write what is queued and end the thread."""
        self._closing = True
        self._wake.set()
        self._thread.join(timeout=10)

    def _write_until_closed(self) -> None:
        while not self._closing:
            self._wake.wait(_FLUSH_SECONDS)
            self._wake.clear()
            self._write()
        self._write()

    def _write(self) -> None:
        with self._lock:
            batch = [self._queue.popleft() for _ in range(len(self._queue))]
            if not batch:
                return
            self._bytes = 0
            dropped, self._dropped = self._dropped, 0
        try:
            write_requests(self._folder, batch, self._version, dropped)
        except Exception as error:  # noqa: BLE001 - a full disk must not end serving; it is told and counted
            with self._lock:
                self._dropped += dropped + len(batch)
            sys.stderr.write(f"capture: {len(batch)} requests lost: {error}\n")


def write_requests(folder: Path, batch: list[tuple[Any, ...]], version: int, dropped: int) -> Path:
    """One Parquet file with a row for each row of each request; it appears only when it is whole."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    counts = [len(label) for _, _, _, label, _ in batch]
    nanoseconds = np.repeat([at for _, at, _, _, _ in batch], counts)
    table = pa.table(
        {
            "request_id": pa.array(np.repeat(np.array([request_id for request_id, *_ in batch], dtype=object), counts)),
            "row": pa.array(np.concatenate([np.arange(count, dtype=np.int64) for count in counts])),
            "at": pa.array(nanoseconds // 1000, type=pa.int64()).cast(pa.timestamp("us", tz="UTC")),
            "version": pa.array(np.full(sum(counts), version, dtype=np.int64)),
            "input": _column([inputs for _, _, inputs, _, _ in batch]),
            "label": pa.array(np.concatenate([label for _, _, _, label, _ in batch]).astype(np.int64)),
            "probabilities": _column([probabilities for *_, probabilities in batch]),
        },
        metadata={"assay.dropped_requests": str(dropped)},
    )
    name = f"{batch[0][1]:020d}-{version}-{os.getpid()}.parquet"
    partial = folder / f".{name}.partial"
    try:
        pq.write_table(table, partial)
        partial.replace(folder / name)
    finally:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()
    return folder / name


def _column(arrays: list[NDArray[Any]]) -> Any:
    import pyarrow as pa

    if arrays[0].dtype == object:
        return pa.array(np.concatenate([array.reshape(-1) for array in arrays]), type=pa.string())
    widths = np.concatenate([np.full(len(array), array[0].size if len(array) else 0) for array in arrays])
    offsets = np.concatenate([[0], np.cumsum(widths)]).astype(np.int32)
    values = np.concatenate([array.reshape(-1).astype(np.float32, copy=False) for array in arrays])
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values))


def _refuse_declared_bad(path: Path, sha256: str) -> None:
    """What was declared bad after it was approved is not loaded again."""
    refused = json.loads(path.read_text()) if path.is_file() else {}
    if sha256 in refused:
        raise RuntimeError(f"PolicyViolation: {refused[sha256]}")


def _approved_bytes(path: Path, sha256: str) -> bytes:
    onnx = path.read_bytes()
    found = hashlib.sha256(onnx).hexdigest()
    if found != sha256:
        raise RuntimeError(f"IntegrityError: {path}: approved sha256 {sha256}, found {found}; the file was changed")
    return onnx


def _open_session(onnx: bytes, gpu: bool) -> Any:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    # Spinning threads would take the cores that the next request needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers = ["CUDAExecutionProvider", "CPUExecutionProvider"] if gpu else ["CPUExecutionProvider"]
    return ort.InferenceSession(onnx, options, providers=providers)


def _as_text(inputs: NDArray[Any]) -> NDArray[Any]:
    texts = [value.decode() if isinstance(value, bytes) else str(value) for value in inputs.flat]
    return np.array(texts, dtype=object).reshape(inputs.shape)
