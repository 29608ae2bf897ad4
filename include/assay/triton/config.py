"""`config.pbtxt` of a served model, derived from the ONNX signature; nothing in it is typed by hand."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from assay.inference import INPUT, LABEL, PROBABILITIES, Signature, TensorShape

_TRITON_TYPES = {
    "tensor(float)": "TYPE_FP32",
    "tensor(double)": "TYPE_FP64",
    "tensor(uint8)": "TYPE_UINT8",
    "tensor(int64)": "TYPE_INT64",
    "tensor(string)": "TYPE_STRING",
}


@dataclass(frozen=True)
class ServedModel:
    """What `config.pbtxt` says. loaded: version -> sha256 of its model.onnx; the highest answers by default.

    backend: "python" (hashes what it loads and captures requests) or "onnxruntime".
    capture_folder: where the Python backend writes requests; "" for none.
    probe_sha256: sha256 of the request id whose requests are probes, not traffic.
    """

    name: str
    signature: Signature
    loaded: Mapping[int, str]
    backend: str
    gpu: bool = False
    capture_folder: str = ""
    probe_sha256: str = ""


def config_text(model: ServedModel) -> str:
    """The file's content; equal models give equal text."""
    signature = model.signature
    versions = ", ".join(str(version) for version in sorted(model.loaded))
    parameters = {f"onnx_sha256_{version}": sha256 for version, sha256 in sorted(model.loaded.items())}
    if model.backend == "python":
        parameters |= {"capture_folder": model.capture_folder, "probe_sha256": model.probe_sha256}
    lines = [
        f'name: "{model.name}"',
        f'backend: "{model.backend}"',
        "max_batch_size: 0",
        f"input [ {_tensor(INPUT, signature.input)} ]",
        f"output [ {_tensor(LABEL, signature.label)}, {_tensor(PROBABILITIES, signature.probabilities)} ]",
        f"version_policy {{ specific {{ versions: [{versions}] }} }}",
        f"instance_group [ {{ kind: {'KIND_GPU' if model.gpu else 'KIND_CPU'} count: 1 }} ]",
        *(_parameter(key, value) for key, value in parameters.items()),
    ]
    return "\n".join(lines) + "\n"


def _tensor(name: str, shape: TensorShape) -> str:
    dims = ", ".join(str(size) for size in shape.dims)
    return f'{{ name: "{name}" data_type: {_TRITON_TYPES[shape.type]} dims: [{dims}] }}'


def _parameter(key: str, value: str) -> str:
    return f'parameters {{ key: "{key}" value {{ string_value: {json.dumps(value)} }} }}'
