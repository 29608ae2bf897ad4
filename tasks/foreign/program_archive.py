"""A `.pt2` archive of `torch.export.save` is read as data alone: JSON and raw numbers, nothing unpickled or run.

`torch.export.load` of torch 2.13 is not used, because a file made to harm can make it run code: it unpickles
`data/sample_inputs/model.pt` (falling back to an unrestricted unpickler), unpickles weights and constants marked
`use_pickle`, custom and opaque objects, loads compiled libraries under `data/aotinductor/`, hands size
expressions to SymPy's `sympify` and guards to `exec`. Here the sample inputs are never read, the other forms are
refused, and neither expressions nor guards are looked at.
"""

import io
import json
import re
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from assay.errors import SpecError

_MEMBERS = re.compile(
    r"archive_format|archive_version|byteorder|\.data/(version|serialization_id)|\.format_version|\.storage_alignment"
    r"|models/model\.json|data/weights/(weight_\d+|model_weights_config\.json)"
    r"|data/constants/(tensor_\d+|model_constants_config\.json)|data/sample_inputs/model\.pt"
)
_MAXIMAL_JSON = 64 * 2**20
_STRIDED = 7
# torch._export.serde.schema.ScalarType
SCALAR_TYPES = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    12: torch.bool,
    13: torch.bfloat16,
}


@dataclass(frozen=True)
class Archive:
    """program: the JSON of the graph, as written. tensors: weights, buffers and constants by their full names."""

    program: Mapping[str, Any]
    tensors: dict[str, Tensor]


def read_archive(data: bytes, name: str) -> Archive:
    """The archive in `data`. Raises SpecError unless all that it holds is known, plain and finite."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            members = _members(file, name)
            program = _json(members, "models/model.json", name)
            tensors = _tensors(members, "weights", name) | _tensors(members, "constants", name)
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, AttributeError, RuntimeError, RecursionError) as error:
        raise malformed(name, error) from error
    for tensor_name, tensor in tensors.items():
        if tensor.is_floating_point() and not _is_sound(tensor):
            raise SpecError(
                f"{name}: tensor `{tensor_name}`: expected finite numbers, found NaN or infinity; "
                "the weights are broken: train or export the model again"
            )
    return Archive(program, tensors)


def malformed(name: str, error: Exception) -> SpecError:
    """The error for an archive that is not as torch 2.13 writes it."""
    return SpecError(
        f"{name}: expected a program as torch.export.save of torch 2.13 writes it, found {type(error).__name__}: "
        f"{str(error)[:200]}; save it again with that version"
    )


def _members(file: zipfile.ZipFile, name: str) -> dict[str, bytes]:
    """What the archive holds, without its root folder. Raises SpecError for anything unknown."""
    infos = file.infolist()
    paths = [info.filename.partition("/")[2] for info in infos]
    if "data.pkl" in paths:
        raise SpecError(
            f"{name}: expected a program of torch.export.save, found a file of torch.save: a pickle, which runs code "
            "when it is loaded; export the model with torch.export.save or torch.onnx.export"
        )
    odd = [path for path in paths if not _MEMBERS.fullmatch(path)]
    if odd or len(set(paths)) != len(paths) or len({info.filename.partition("/")[0] for info in infos}) != 1:
        raise SpecError(
            f"{name}: expected one program with its weights, found {', '.join(odd[:5]) or 'files of the same name'}; "
            "save the exported program alone, without compiled code, custom objects or extra files"
        )
    if any(info.compress_type != zipfile.ZIP_STORED for info in infos):
        raise SpecError(f"{name}: expected an uncompressed archive, found a compressed one; save it with torch")
    members = {
        path: file.read(info)
        for path, info in zip(paths, infos, strict=True)
        if not path.startswith("data/sample_inputs/")  # a pickle, and of no use here
    }
    order = members.get("byteorder", b"little").decode()
    if members["archive_format"] != b"pt2" or order != sys.byteorder:
        raise SpecError(f"{name}: expected a pt2 archive of byte order {sys.byteorder}, found another; save it here")
    return members


def _json(members: Mapping[str, bytes], path: str, name: str) -> dict[str, Any]:
    if len(members[path]) > _MAXIMAL_JSON:
        raise SpecError(f"{name}: {path}: expected at most {_MAXIMAL_JSON} bytes, found {len(members[path])}")
    found: dict[str, Any] = json.loads(members[path])
    return found


def _tensors(members: Mapping[str, bytes], kind: str, name: str) -> dict[str, Tensor]:
    config = _json(members, f"data/{kind}/model_{kind}_config.json", name)["config"]
    prefix = {"weights": "weight_", "constants": "tensor_"}[kind]
    tensors = {}
    for tensor_name, payload in config.items():
        if payload["use_pickle"] or not payload["path_name"].startswith(prefix):
            raise SpecError(
                f"{name}: tensor `{tensor_name}`: expected plain numbers, found a pickled object, which runs code "
                "when it is loaded; export the model without tensor subclasses and custom objects"
            )
        tensors[tensor_name] = _tensor(members[f"data/{kind}/{payload['path_name']}"], payload["tensor_meta"])
    return tensors


def _tensor(data: bytes, meta: Mapping[str, Any]) -> Tensor:
    if meta["layout"] != _STRIDED:
        raise ValueError(f"a tensor of layout {meta['layout']}")
    sizes = [int(size["as_int"]) for size in meta["sizes"]]
    kind = SCALAR_TYPES[meta["dtype"]]
    if not data:
        if all(sizes):
            raise ValueError("a tensor without its numbers")
        return torch.zeros(sizes, dtype=kind)
    flat = torch.frombuffer(bytearray(data), dtype=kind)
    # Torch refuses sizes and strides that reach beyond the numbers.
    strides = [int(stride["as_int"]) for stride in meta["strides"]]
    return torch.as_strided(flat, sizes, strides, int(meta["storage_offset"]["as_int"]))


def _is_sound(tensor: Tensor) -> bool:
    """As for ONNX: no NaN; infinity only as a lone bound or in a mask of 0 and -infinity."""
    if bool(torch.isfinite(tensor).all()):
        return True
    is_mask = bool(((tensor == 0) | (tensor == float("-inf"))).all())
    return not bool(torch.isnan(tensor).any()) and (tensor.numel() == 1 or (tensor.dim() > 1 and is_mask))
