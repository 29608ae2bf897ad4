"""Model files of formats without pickles that run code, reach other files or lie about their size, by file name."""

import io
import json
import struct
from collections.abc import Mapping, Sequence

import h5py
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.tasks.scanning.hostile_archives import SYSTEM, zipped
from tests.tasks.scanning.saved_models import MODULE, SAVES, message, meta_graph, renamed

NPY = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"


def npy(header: str = NPY, data: bytes = bytes(24)) -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def safetensors(header: str | Mapping[str, object], data: bytes = bytes(8)) -> bytes:
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(start: int, end: int, shape: Sequence[int] = (4,), kind: str = "U8") -> dict[str, object]:
    return {"dtype": kind, "shape": list(shape), "data_offsets": [start, end]}


def gguf(
    pairs: Mapping[str, str] = {"general.architecture": "llama"},
    tensors: Sequence[tuple[str, Sequence[int], int, int]] = (("w", (32,), 0, 0),),
    data: bytes = bytes(128),
    counts: tuple[int, int] | None = None,
) -> bytes:
    """Texts by key; tensors as name, sizes, type and offset."""
    made = b"GGUF" + struct.pack("<IQQ", 3, *(counts or (len(tensors), len(pairs))))
    for key, value in pairs.items():
        made += struct.pack("<Q", len(key)) + key.encode() + struct.pack("<IQ", 8, len(value)) + value.encode()
    for name, sizes, kind, offset in tensors:
        made += struct.pack("<Q", len(name)) + name.encode() + struct.pack(f"<I{len(sizes)}Q", len(sizes), *sizes)
        made += struct.pack("<IQ", kind, offset)
    return made.ljust(-(-len(made) // 32) * 32, b"\0") + data


def template(text: str) -> bytes:
    return gguf({"tokenizer.chat_template": text}, (), b"")


def keras(config: Mapping[str, object], **members: bytes) -> bytes:
    return zipped({"metadata.json": b"{}", "config.json": json.dumps(config).encode(), **members})


def layer(name: str, /, module: str | None = "keras.layers", **config: object) -> dict[str, object]:
    return {"module": module, "class_name": name, "config": config, "registered_name": None}


def sequential(*layers: Mapping[str, object]) -> dict[str, object]:
    return {"module": "keras", "class_name": "Sequential", "config": {"name": "s", "layers": list(layers)}}


def hdf5(config: Mapping[str, object] | None = None) -> tuple[io.BytesIO, h5py.File]:
    made = io.BytesIO()
    file = h5py.File(made, "w")
    if config is not None:
        file.attrs["model_config"] = json.dumps(config).encode()
    file.create_group("model_weights").create_dataset("kernel", data=np.ones((3, 2), np.float32))
    return made, file


def graph_of(
    nodes: Sequence[onnx.NodeProto], weights: Sequence[TensorProto] = (), functions: Sequence[onnx.FunctionProto] = ()
) -> onnx.ModelProto:
    io_ = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 2]) for name in ("x", "y")]
    made = helper.make_graph(list(nodes), "g", io_[:1], io_[1:], list(weights))
    return helper.make_model(
        made, opset_imports=[helper.make_opsetid("", 20)], functions=list(functions), ir_version=10
    )


def weight(**external: str) -> TensorProto:
    made = numpy_helper.from_array(np.ones(2, np.float32), "w")
    if external:
        made.ClearField("raw_data")
        made.data_location = TensorProto.EXTERNAL
        for key, value in external.items():
            made.external_data.add(key=key, value=value)
    return made


RELU = helper.make_node("Relu", ["x"], ["y"])
ADD = helper.make_node("Add", ["x", "w"], ["y"])


def _one(operator: str, domain: str) -> bytes:
    return graph_of([helper.make_node(operator, ["x"], ["y"], domain=domain)]).SerializeToString()


def _external(**places: str) -> bytes:
    return graph_of([ADD], [weight(**places)]).SerializeToString()


def _two_places() -> TensorProto:
    made = weight(location="/etc/passwd")
    made.external_data.add(key="location", value="w.bin")
    return made


def _in_branch(node: onnx.NodeProto, weights: Sequence[TensorProto] = ()) -> bytes:
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])
    branch = helper.make_graph([node], "b", [], [out], list(weights))
    deep = helper.make_graph(
        [helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)], "d", [], [out]
    )
    return graph_of([helper.make_node("If", ["c"], ["y"], then_branch=deep, else_branch=deep)]).SerializeToString()


def _function(node: onnx.NodeProto, domain: str = "local") -> bytes:
    opsets = [helper.make_opsetid("", 20)]
    made = helper.make_function(domain, "F", ["x"], ["y"], [node], opsets)
    return graph_of([helper.make_node("F", ["x"], ["y"], domain=domain)], functions=[made]).SerializeToString()


def _constant(tensor: TensorProto) -> bytes:
    return graph_of([helper.make_node("Constant", [], ["y"], value=tensor)]).SerializeToString()


def _sized(dims: Sequence[int], raw: bytes) -> TensorProto:
    made = TensorProto(name="w", data_type=TensorProto.FLOAT, raw_data=raw)
    made.dims.extend(dims)
    return made


def _merged() -> bytes:
    """A second graph field, which Protocol Buffers merges into the first."""
    evil = onnx.ModelProto()
    evil.graph.node.append(helper.make_node("Run", ["x"], ["y"], domain="evil"))
    return graph_of([RELU]).SerializeToString() + evil.SerializeToString()


def _closed(made: tuple[io.BytesIO, h5py.File]) -> bytes:
    made[1].close()
    return made[0].getvalue()


def _hdf5_with_external_link() -> bytes:
    made, file = hdf5()
    file["elsewhere"] = h5py.ExternalLink("/etc/secrets.h5", "/w")
    return _closed((made, file))


def _hdf5_with_external_data() -> bytes:
    made, file = hdf5()
    file.create_dataset("w", (4,), "f4", external=[("/etc/passwd", 0, 16)])
    return _closed((made, file))


def _hdf5_virtual() -> bytes:
    made, file = hdf5()
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("/etc/other.h5", "w", (4,))
    file.create_virtual_dataset("w", layout)
    return _closed((made, file))


def _hdf5_pickled_attribute() -> bytes:
    made, file = hdf5()
    file.attrs["FILTERS"] = b"cos\nsystem\n(S'true'\ntR."
    return _closed((made, file))


def _hdf5_plugin() -> bytes:
    data = bytearray(_closed(hdf5_compressed()))
    at = bytes(data).index(struct.pack("<HHHH", 1, 8, 1, 1))  # deflate, its name, flags and one value
    struct.pack_into("<H", data, at, 32_100)
    return bytes(data)


def hdf5_compressed() -> tuple[io.BytesIO, h5py.File]:
    made, file = hdf5()
    file.create_dataset("w", data=np.ones((100, 20), np.float32), compression="gzip")
    return made, file


_LAMBDA = layer("Lambda", function=["4wEAAA==", None, None])
_PLAIN = sequential(layer("Dense", units=2))
_TWICE = b'{"class_name": "Lambda", "class_name": "Dense"}'
_ENTRY = json.dumps(entry(0, 8, (8,)))
_ZIP = zipped({"data.pkl": SYSTEM})
_PARQUET_FOOTER = b"arrow.py_extension_type"
_LAYER = message(1, b"_tf_keras_layer") + message(3, b"{}")
_FUNCTION = message(10, message(1, b"nowhere"))
_CALL = message(1, b"a") + message(2, b"PartitionedCall") + message(5, message(1, b"f") + message(2, _FUNCTION))
_SWAPPED = message(1, message(1, b"save")) + message(3, message(1, b"a") + message(2, b"SaveV2"))
_SWAPPED += message(5, message(1, b"api_implements") + message(2, message(2, b"same")))

MODELS: Mapping[str, bytes] = {
    # NPY
    "object_array.npy": npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", SYSTEM),
    "object_field.npy": npy("{'descr': [('a', '<f4'), ('b', '|O')], 'fortran_order': False, 'shape': (1,), }", SYSTEM),
    "short.npy": npy(data=bytes(20)),
    "gadget_behind.npy": npy() + SYSTEM,
    "code_in_header.npy": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (__import__('os').getpid(),), }"),
    "negative_shape.npy": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-2, -3), }"),
    "huge_header.npy": b"\x93NUMPY\x02\x00" + struct.pack("<I", 1 << 31) + b"{",
    "nested_header.npy": npy("(" * 4_000 + ")" * 4_000, b""),
    # safetensors
    "header_past_end.safetensors": struct.pack("<Q", 10_000) + b"{}",
    "huge_header.safetensors": struct.pack("<Q", 99_000_000_000) + b"{}" + bytes(100),
    "overlap.safetensors": safetensors({"a": entry(0, 4), "b": entry(2, 6), "c": entry(6, 8, (2,))}),
    "same_bytes.safetensors": safetensors({"a": entry(0, 8, (8,)), "b": entry(0, 8, (8,))}),
    "gap.safetensors": safetensors({"a": entry(0, 2, (2,)), "b": entry(6, 8, (2,))}),
    "beyond.safetensors": safetensors({"a": entry(0, 4), "b": entry(4, 4_000, (3_996,))}),
    "trailing.safetensors": safetensors({"a": entry(0, 8, (8,))}, bytes(8) + SYSTEM),
    "other_size.safetensors": safetensors({"a": entry(0, 8, (4,), "F32")}),
    "overflow.safetensors": safetensors({"a": entry(0, 8, (1 << 62, 4), "F32")}),
    "negative.safetensors": safetensors({"a": entry(-8, 0, (8,))}),
    "unknown_type.safetensors": safetensors({"a": entry(0, 8, (8,), "OBJECT")}),
    "duplicate_key.safetensors": safetensors(f'{{"a": {_ENTRY}, "a": {_ENTRY}}}'),
    "metadata.safetensors": safetensors({"__metadata__": {"a": {"b": 1}}, "a": entry(0, 8, (8,))}),
    "no_json.safetensors": safetensors("{not json", b""),
    "zip_in_the_tensor.safetensors": safetensors({"a": entry(0, len(_ZIP), (len(_ZIP),))}, _ZIP),
    # GGUF
    "absurd_counts.gguf": gguf(counts=(1 << 60, 1 << 60)),
    "absurd_keys.gguf": gguf(counts=(1, 50_000)),
    "absurd_dimensions.gguf": gguf(tensors=[("w", (1 << 62, 1 << 62), 0, 0)]),
    "past_the_end.gguf": gguf(tensors=[("w", (320,), 0, 0)]),
    "offset_past_the_end.gguf": gguf(tensors=[("w", (32,), 0, 1 << 40)]),
    "overlap.gguf": gguf(tensors=[("a", (32,), 0, 0), ("b", (32,), 0, 0)]),
    "unknown_type.gguf": gguf(tensors=[("w", (32,), 999, 0)]),
    "trailing.gguf": gguf() + SYSTEM,
    "duplicate_tensor.gguf": gguf(tensors=[("w", (16,), 0, 0), ("w", (16,), 0, 64)]),
    "huge_text.gguf": b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 50),
    "truncated.gguf": gguf()[:60],
    "big_endian.gguf": b"GGUF" + struct.pack(">IQQ", 3, 0, 0),
    "template_class.gguf": template("{{ ''.__class__.__mro__[1].__subclasses__() }}"),
    "template_item.gguf": template("{{ ''['__class__'] }}"),
    "template_joined.gguf": template("{{ ''['__cl' ~ 'ass__'] }}"),
    "template_attr.gguf": template("{{ ''|attr('x') }}"),
    "template_globals.gguf": template("{{ cycler.__init__.__globals__.os.popen('true').read() }}"),
    "template_lipsum.gguf": template("{{ lipsum }}"),
    "template_escape.gguf": template("{{ ''['\\x5f\\x5fclass\\x5f\\x5f'] }}"),
    "template_format.gguf": template("{{ ''[('%c%cclass%c%c'|format(95, 95, 95, 95))] }}"),
    "template_include.gguf": template("{% include '/etc/passwd' %}"),
    "template_set.gguf": template("{% set a = '_' %}{{ ''[a ~ a ~ 'class' ~ a ~ a] }}"),
    "template_cut.gguf": template("{% set u = 'a_b'[1:2] %}{% set k = u ~ u ~ 'class' ~ u ~ u %}{{ ''[k] }}"),
    "template_every_other.gguf": template("{% set k = ' _ _cxlxaxsxsx_x_'[1::2] %}{{ ''[k] }}"),
    "template_in_a_loop.gguf": template("{% set u = 'a_b'[1] %}{% for k in [u ~ u ~ 'x'] %}{{ ''[k] }}{% endfor %}"),
    "template_by_macro.gguf": template(
        "{% macro m(k) %}{{ ''[k] }}{% endmacro %}{% set u = 'a_b'[1] %}{{ m(u ~ u ~ 'class' ~ u ~ u) }}"
    ),
    "template_namespace.gguf": template("{% set ns = namespace(k='a_b'[1] * 2 ~ 'class') %}{{ ''[ns.k] }}"),
    "template_map.gguf": template("{% set k = 'a' ~ 'b' %}{{ [''] | map(attribute=k) | list }}"),
    "template_map_filter.gguf": template("{{ [''] | map('attr', k) | list }}"),
    "template_broken.gguf": template("{% if %}"),
    # ONNX
    "unknown_domain.onnx": _one("Run", "evil"),
    "unknown_standard_operator.onnx": _one("Exec", ""),
    "python_operator.onnx": _one("PyOp", "ai.onnx.contrib"),
    "cached_context.onnx": _one("EPContext", "com.microsoft"),
    "in_branches.onnx": _in_branch(helper.make_node("Run", [], ["y"], domain="evil")),
    "external_in_branches.onnx": _in_branch(RELU, [weight(location="/etc/passwd")]),
    "in_function.onnx": _function(helper.make_node("Run", ["x"], ["y"], domain="evil")),
    "function_of_own_domain.onnx": _function(RELU),
    "merged_graph.onnx": _merged(),
    "parent_path.onnx": _external(location="../../../etc/passwd"),
    "absolute_path.onnx": _external(location="/etc/passwd"),
    "inner_parent_path.onnx": _external(location="a/../../b.bin"),
    "windows_path.onnx": _external(location="C:\\secrets.bin"),
    "memory_address.onnx": _external(location="*/_ORT_MEM_ADDR_/*", offset="140000000", length="8"),
    "two_places.onnx": graph_of([ADD], [_two_places()]).SerializeToString(),
    "uri_path.onnx": _external(location="file:///etc/passwd"),
    "missing_file.onnx": _external(location="weights.bin", offset="0", length="8"),
    "no_location.onnx": _external(offset="0", length="8"),
    "external_constant.onnx": _constant(weight(location="/etc/passwd")),
    "shape_past_content.onnx": _constant(_sized([1 << 20, 1 << 10], bytes(16))),
    "shape_overflow.onnx": _constant(_sized([1 << 40, 1 << 40], bytes(16))),
    "negative_shape.onnx": _constant(_sized([-1, 4], bytes(16))),
    "empty_huge.onnx": _constant(_sized([1 << 30], b"")),
    "truncated.onnx": graph_of([ADD], [weight()]).SerializeToString()[:-5],
    "gadget_behind.onnx": graph_of([RELU]).SerializeToString() + SYSTEM,
    # Keras and HDF5
    "lambda.keras": keras(sequential(_LAMBDA)),
    "lambda_nested.keras": keras(sequential(layer("TimeDistributed", layer=layer("Bidirectional", layer=_LAMBDA)))),
    "lambda_value.keras": keras(sequential(layer("Dense", activation={"class_name": "__lambda__", "config": {}}))),
    "foreign_module.keras": keras(sequential(layer("system", "os"))),
    "backend_module.keras": keras(sequential(layer("Dense", "keras.src.backend.common.global_state"))),
    "builtins_module.keras": keras(sequential(layer("exec", "builtins"))),
    "keras_utils.keras": keras(sequential(layer("get_file", "keras.utils", fname="x"))),
    "function_get_file.keras": keras(
        sequential({"module": "keras.utils", "class_name": "function", "config": "get_file"})
    ),
    "function_eval.keras": keras(sequential({"module": "builtins", "class_name": "function", "config": "eval"})),
    "unsafe_mode.keras": keras(
        sequential({"module": "keras.config", "class_name": "function", "config": "enable_unsafe_deserialization"})
    ),
    "torch_wrapper.keras": keras(sequential(layer("TorchModuleWrapper", module="UEsDB"))),
    "tfsm.keras": keras(sequential(layer("TFSMLayer", filepath="/srv/saved"))),
    "vocabulary_file.keras": keras(sequential(layer("StringLookup", vocabulary="/etc/passwd"))),
    "registered_class.keras": keras(sequential({**layer("Dense"), "registered_name": "evil>Dense"})),
    "custom_class.keras": keras(sequential(layer("MyLayer", "my_package.layers"))),
    "script_inside.keras": keras(_PLAIN, **{"hook.py": b"import os"}),
    "pickle_inside.keras": keras(_PLAIN, **{"assets/a": SYSTEM}),
    "duplicate_config.keras": zipped({"metadata.json": b"{}", "config.json": _TWICE}),
    "lambda.json": json.dumps(sequential(_LAMBDA)).encode(),
    "lambda.h5": _closed(hdf5(sequential(_LAMBDA))),
    "old_lambda.h5": _closed(hdf5({"class_name": "Sequential", "config": [{"class_name": "Lambda", "config": {}}]})),
    "external_link.h5": _hdf5_with_external_link(),
    "external_data.h5": _hdf5_with_external_data(),
    "virtual.h5": _hdf5_virtual(),
    "pickled_attribute.h5": _hdf5_pickled_attribute(),
    "plugin_filter.h5": _hdf5_plugin(),
    "trailing.h5": _closed(hdf5(_PLAIN)) + SYSTEM,
    "truncated.h5": _closed(hdf5(_PLAIN))[:1_000],
    "user_block.txt": b"text".ljust(512) + _closed(hdf5(sequential(_LAMBDA))),
    # What lies beside models
    "modeling.py": b"import os\n",
    "install.sh": b"true\n",
    "script_without_name": b"#!/usr/bin/env python3\nprint()\n",
    "notebook.ipynb": b'{"cells": []}',
    "library.so": b"\x7fELF" + bytes(60),
    "program.bin": b"\x7fELF\x02\x01\x01" + bytes(60),
    "program.exe": b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0",
    "bytecode.dat": b"\xa7\x0d\x0d\x0a" + bytes(12) + b"\xe3" + bytes(10),
    "config.json": b'{"auto_map": {"AutoModel": "modeling.MyModel"}}',
    "hydra.json": b'{"model": {"_target_": "os.system"}}',
    "hydra.yaml": b"model:\n  _target_: os.system\n",
    "python.yaml": b"a: !!python/object/apply:os.system ['true']\n",
    "page.html": b"<html></html>",
    "page.md": b"# Card\n<script>alert(1)</script>\n",
    "tokenizer_config.json": json.dumps({"chat_template": "{{ ''.__class__ }}"}).encode(),
    "chat_template.jinja": b"{{ cycler.__init__.__globals__ }}",
    "broken.json": b'{"a": ',
    "deep.json": b"[" * 50_000 + b"]" * 50_000,
    "extension.parquet": b"PAR1" + _PARQUET_FOOTER + struct.pack("<I", len(_PARQUET_FOOTER)) + b"PAR1",
    "truncated.parquet": b"PAR1" + bytes(20),
    "empty.bin": b"",
    "zeros.bin": bytes(4_096),
    "random.bin": bytes(range(128, 256)) * 8,
    "lite.tflite": b"\x1c\0\0\0TFL3" + bytes(60),
    "no_graph.pb": b"\x08\x01\x12\x04\x0a\x02\x08\x01",
    "reads_file.pb": renamed("Identity", "ReadFile"),
    "calls_python.pb": renamed("MatMul", "PyFunc"),
    "calls_python_eagerly.pb": renamed("Placeholder", "EagerPyFunc"),
    "graph_in_a_text.pb": renamed("AssignVariableOp", "DatasetFromGraph"),
    "operator_of_a_library.pb": renamed("Softmax", "SoftMax"),
    "restores_anew.pb": renamed("Identity", "SaveV2\0\0"),
    "signature_saves.pb": SAVES,
    "truncated.pb": MODULE[:-3],
    "trailing.pb": MODULE + SYSTEM,
    "keras_layer.pb": MODULE + meta_graph(7, message(1, message(4, _LAYER))),
    "asset_elsewhere.pb": MODULE + meta_graph(6, message(2, b"../../evil.txt")),
    "gradient.pb": MODULE + meta_graph(2, message(2, message(2, message(1, b"a") + message(2, b"b")))),
    "saver_in_the_graph.pb": MODULE + meta_graph(2, message(1, message(1, b"a") + message(2, b"RestoreV2"))),
    "function_as_operator.pb": MODULE + meta_graph(2, message(2, message(1, message(1, message(1, b"Softmax"))))),
    "function_elsewhere.pb": MODULE + meta_graph(2, message(1, _CALL)),
    "swapped_function.pb": MODULE + meta_graph(2, message(2, message(1, _SWAPPED))),
    "control.txt": b"text\x1b]0;title\x07\n",
    "latin.txt": b"caf\xe9\n",
    "text.pt": b"just text\n",
}  # fmt: skip
