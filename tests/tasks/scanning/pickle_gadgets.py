"""Pickles that do more than hold data, by file name; each is written opcode by opcode and never loaded."""

import io
import os
import pickle
import pickletools
import struct
from collections.abc import Mapping

import joblib
import numpy as np


class _Call:
    """Pickles as a call of `callee` with `arguments`."""

    def __init__(self, callee: object, *arguments: object) -> None:
        self.callee, self.arguments = callee, arguments

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.callee, self.arguments


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def named(module: str, name: str) -> bytes:
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"


def call(module: str, name: str, arguments: bytes = text("true") + b"\x85", protocol: int = 2) -> bytes:
    return b"\x80" + bytes([protocol]) + named(module, name) + arguments + b"R."


def stack_named(*pushes: bytes) -> bytes:
    return b"\x80\x04" + b"".join(pushes) + b"\x93" + text("true") + b"\x85R."


def made(module: str, name: str, state: bytes) -> bytes:
    return b"\x80\x02" + named(module, name) + b")\x81" + state + b"b."


_FOREST = ("sklearn.ensemble._forest", "RandomForestClassifier")
_OS = text("os") + text("system")
_BENIGN = pickle.dumps({"weights": [1.0, 2.0]}, 2)
_SYSTEM = call("posix", "system")


def _extension() -> bytes:
    return b"\x80\x02\x82\x01" + text("true") + b"\x85R."


def _numpy_object_scalar() -> bytes:
    dtype = named("numpy", "dtype") + text("O8") + b"\x89\x88\x87R"
    return b"\x80\x02" + named("numpy.core.multiarray", "scalar") + dtype + b"C\x04abcd" + b"\x86R."


def _joblib_and_pickle_differ() -> bytes:
    """An inner pickle whose memo, read on by a plain unpickler, names os.system where joblib sees OrderedDict."""
    file = io.BytesIO()
    joblib.dump({"os": "system", "a": np.array(["x"], dtype=object)}, file)
    data = file.getvalue()
    start = data.rindex(b"\x80")
    end = start + next(at for code, _, at in pickletools.genops(data[start:]) if code.name == "STOP" and at) + 1
    # Inner memo: "x", "collections", "OrderedDict". Outer memo: the dictionary, "os", "system", …
    words = b"\x8c\x01x\x94\x8c\x0bcollections\x94\x8c\x0bOrderedDict\x94000"
    return data[:start] + b"\x80\x04" + words + b"h\x01h\x02\x93)R." + data[end:]


_FLOAT = (
    named("numpy", "dtype")
    + text("f8")
    + b"\x89\x88\x87R(K\x03"
    + text("<")
    + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
)
_ARRAY = named("numpy.core.multiarray", "_reconstruct") + named("numpy", "ndarray") + b"K\x00\x85C\x01b\x87R"
_STATE = b"(K\x01K\x01\x85" + _FLOAT + b"\x89C\x08abcdefghtb"[:-1]


def _type_changed_in_use() -> bytes:
    """Eight bytes as a void item; then the type they share becomes one of an object: the bytes are its address."""
    void = named("numpy", "dtype") + text("V8") + b"\x89\x88\x87Rq\x05(K\x03" + text("|") + b"NNNK\x08K\x01K\x00tb"
    objects = (
        named("numpy", "dtype")
        + text("O8")
        + b"\x89\x88\x87R(K\x03"
        + text("|")
        + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb"
    )
    fields = b"(K\x03" + text("|") + b"N" + text("a") + b"\x85}" + text("a") + objects + b"K\x00\x86sK\x08K\x01K\x1btb"
    return b"\x80\x02" + _ARRAY + b"(K\x01K\x01\x85" + void + b"\x89C\x08abcdefghtb0h\x05" + fields + b"."


GADGETS: Mapping[str, bytes] = {
    # Well-known names and their aliases
    "os_system.pkl": pickle.dumps(_Call(os.system, "true")),
    "os_protocol_0.pkl": b"cos\nsystem\n(S'true'\ntR.",
    "os_protocol_5.pkl": pickle.dumps(_Call(os.system, "true"), 5),
    "builtins_exec.pkl": call("builtins", "exec"),
    "builtins_eval.pkl": call("__builtin__", "eval"),
    "builtins_import.pkl": call("builtins", "__import__"),
    "builtins_open.pkl": call("builtins", "open"),
    "builtins_getattr.pkl": call("builtins", "getattr", named("os", "path") + text("system") + b"\x86"),
    "subprocess.pkl": call("subprocess", "Popen"),
    "runpy.pkl": call("runpy", "_run_code"),
    "timeit.pkl": call("timeit", "timeit"),
    "webbrowser.pkl": call("webbrowser", "open"),
    "importlib.pkl": call("importlib", "import_module"),
    "operator_attrgetter.pkl": call("operator", "attrgetter"),
    "functools_partial.pkl": call("functools", "partial", named("os", "system") + b"\x85"),
    "types_function.pkl": call("types", "FunctionType"),
    "marshal.pkl": call("marshal", "loads"),
    "pickle_loads.pkl": call("pickle", "loads"),
    "_pickle_loads.pkl": call("_pickle", "loads"),
    "dill.pkl": call("dill._dill", "_create_code"),
    "cloudpickle.pkl": call("cloudpickle.cloudpickle", "_make_function"),
    "pty_spawn.pkl": call("pty", "spawn"),
    "bdb.pkl": call("bdb", "Bdb.run"),
    "cprofile.pkl": call("cProfile", "run"),
    "doctest.pkl": call("doctest", "debug_script"),
    "code.pkl": call("code", "InteractiveInterpreter"),
    "ctypes.pkl": call("ctypes", "CDLL"),
    "pip_main.pkl": call("pip", "main"),
    "shutil_rmtree.pkl": call("shutil", "rmtree"),
    "socket.pkl": call("socket", "create_connection"),
    "asyncio.pkl": call("asyncio.unix_events", "_UnixSubprocessTransport._start"),
    "idlelib.pkl": call("idlelib.pyshell", "ModifiedInterpreter.runcode"),
    # Loaders of libraries that models come with
    "numpy_load.pkl": call("numpy", "load"),
    "numpy_runstring.pkl": call("numpy.testing._private.utils", "runstring"),
    "numpy_f2py.pkl": call("numpy.f2py.crackfortran", "getlincoef"),
    "numpy_distutils.pkl": call("numpy.distutils.exec_command", "exec_command"),
    "torch_load.pkl": call("torch.serialization", "load"),
    "torch_hub.pkl": call("torch.hub", "load"),
    "torch_from_bytes.pkl": call("torch.storage", "_load_from_bytes"),
    "torch_inductor.pkl": call("torch._inductor.codecache", "compile_file"),
    "torch_fx.pkl": call("torch.fx.graph_module", "reduce_graph_module"),
    "joblib_load.pkl": call("joblib", "load"),
    "joblib_old_wrapper.pkl": made("joblib.numpy_pickle_compat", "NDArrayWrapper", b"}"),
    "pandas_read.pkl": call("pandas.io.pickle", "read_pickle"),
    "sklearn_fetch.pkl": call("sklearn.datasets", "fetch_openml"),
    "sklearn_function.pkl": call("sklearn.utils._testing", "check_skip_network"),
    "keras_get_file.pkl": call("keras.utils", "get_file"),
    "logging_config.pkl": call("logging.config", "listen"),
    # Allowed modules reached through
    "dotted_through_numpy.pkl": call("numpy", "f2py.os.system", protocol=4),
    "dotted_through_sklearn.pkl": stack_named(text("sklearn.base"), text("os.system")),
    "dotted_through_allowed_class.pkl": stack_named(
        text(_FOREST[0]), text("RandomForestClassifier.fit.__globals__.__getitem__")
    ),
    "dotted_module_alias.pkl": stack_named(text("torch.serialization"), text("os.system")),
    # What the stack hides
    "stack_global.pkl": stack_named(_OS),
    "memo_swap.pkl": stack_named(text("collections") + b"q\x000" + text("os") + b"q\x000" + b"h\x00" + text("system")),
    "memo_by_text_put.pkl": stack_named(text("os") + b"p0\n0" + text("system") + b"p1\n0" + b"g0\ng1\n"),
    "memoize_shift.pkl": stack_named(text("os") + b"\x94" + text("system") + b"\x94" + b"00" + b"h\x00h\x01"),
    "pop_and_dup.pkl": stack_named(text("os") + text("x") + b"0" + text("system") + b"2" + b"0"),
    "name_from_escape.pkl": stack_named(b"S'o\\x73'\n" + b"S'system'\n"),
    "name_from_unicode_escape.pkl": stack_named(b"V\\u006fs\n" + b"Vsystem\n"),
    "name_from_call.pkl": stack_named(
        named("_codecs", "encode") + text("os") + text("latin1") + b"\x86R" + text("system")
    ),
    "name_with_return.pkl": b"\x80\x02cos\r\nsystem\r\n" + text("true") + b"\x85R.",
    "inst.pkl": b"(X\x04\x00\x00\x00trueios\nsystem\n.",
    "obj.pkl": b"\x80\x02(" + named("os", "system") + text("true") + b"o.",
    "inst_of_allowed.pkl": b"(icollections\nOrderedDict\n.",
    "newobj_ex.pkl": b"\x80\x04" + named("subprocess", "Popen") + b")}\x92.",
    "newobj_with_arguments.pkl": b"\x80\x02" + named(*_FOREST) + text("x") + b"\x85\x81.",
    "extension_registry.pkl": _extension(),
    "persistent_id.pkl": b"\x80\x02" + text("x") + b"Q.",
    "persistent_line.pkl": b"Pos.system\n.",
    "out_of_band.pkl": b"\x80\x05\x97.",
    "import_only.pkl": b"\x80\x02" + named("antigravity", "fly") + b".",
    "call_of_a_result.pkl": b"\x80\x02" + named("collections", "OrderedDict") + b")R" + b")R.",
    # Allowed names, dangerous use
    "reconstructor_of_foreign_class.pkl": call(
        "copy_reg", "_reconstructor", named("subprocess", "Popen") + named("__builtin__", "object") + b"N\x87"
    ),
    "reconstructor_of_other_base.pkl": call(
        "copyreg", "_reconstructor", named(*_FOREST) + named("builtins", "dict") + b"}\x87"
    ),
    "newobj_function.pkl": call("copyreg", "__newobj__", named("os", "system") + b"\x85"),
    "reconstruct_other_class.pkl": call(
        "numpy.core.multiarray", "_reconstruct", named("subprocess", "Popen") + b"K\x00\x85C\x01b\x87"
    ),
    "reconstruct_huge.pkl": call(
        "numpy.core.multiarray", "_reconstruct", named("numpy", "ndarray") + b"J\xff\xff\xff\x7f\x85C\x01b\x87"
    ),
    "object_scalar.pkl": _numpy_object_scalar(),
    "random_state_constructor.pkl": call(
        "numpy.random._pickle", "__randomstate_ctor", text("MT19937") + named("os", "system") + b"\x86"
    ),
    "defaultdict_factory.pkl": call("collections", "defaultdict", named("builtins", "eval") + b"\x85"),
    "bytes_of_many.pkl": call("builtins", "bytearray", b"\x8a\x06\x00\x00\x00\x00\x00\x10\x85"),
    "codec_other.pkl": call("_codecs", "encode", text("x") + text("zlib") + b"\x86"),
    "estimator_called.pkl": call(*_FOREST),
    "score_function_called.pkl": call("sklearn.metrics._classification", "accuracy_score"),
    "tensor_hooks.pkl": call(
        "torch._utils", "_rebuild_tensor_v2", b"NK\x00))\x89" + named("os", "system") + b"t", protocol=2
    ).replace(b"NK", b"(NK", 1),
    "build_on_a_class.pkl": b"\x80\x02" + named(*_FOREST) + b"N}" + text("fit") + named("os", "system") + b"s\x86b.",
    "build_setstate.pkl": made(*_FOREST, b"}" + text("__setstate__") + named("numpy", "exp") + b"s"),
    "build_class.pkl": made(*_FOREST, b"N}" + text("__class__") + named(*_FOREST) + b"s\x86"),
    "state_changed_after.pkl": b"\x80\x02"
    + named(*_FOREST)
    + b")\x81}q\x01b0h\x01"
    + text("__setstate__")
    + named("numpy", "exp")
    + b"s.",
    "type_changed_in_use.pkl": _type_changed_in_use(),
    "array_filled_twice.pkl": b"\x80\x02" + _ARRAY + b"q\x00" + _STATE + b"b0h\x00" + _STATE + b"b.",
    "fields_past_the_item.pkl": b"\x80\x02"
    + named("numpy", "dtype")
    + text("V8")
    + b"\x89\x88\x87R(K\x03"
    + text("|")
    + b"N"
    + text("a")
    + b"\x85}"
    + text("a")
    + _FLOAT
    + b"K\x64\x86sK\x08K\x01K\x10tb.",
    "partial_changes_function.pkl": b"\x80\x02"
    + named("functools", "partial")
    + named("sklearn.utils.validation", "check_array")
    + b"\x85R("
    + named("numpy", "exp")
    + b")}Ntb.",
    "memory_map.pkl": b"\x80\x02" + named("numpy", "memmap") + b".",
    "distribution_template.pkl": made("scipy.stats._distn_infrastructure", "rv_continuous", b"}"),
    "booster_frees_an_address.pkl": made("lightgbm.basic", "Booster", b"}" + text("_handle") + b"J\1\2\3\4s"),
    "append_to_an_object.pkl": b"\x80\x02" + named(*_FOREST) + b")\x81" + text("x") + b"a.",
    "items_of_an_object.pkl": b"\x80\x02" + named(*_FOREST) + b")\x81" + text("a") + text("b") + b"s.",
    "array_of_other_size.pkl": b"\x80\x02"
    + named("numpy.core.multiarray", "_reconstruct")
    + named("numpy", "ndarray")
    + b"K\x00\x85C\x01b\x87R(K\x01M\xff\xff\x85"
    + named("numpy", "dtype")
    + text("f8")
    + b"\x89\x88\x87R\x89C\x04abcdtb.",
    "joblib_and_pickle_differ.joblib": _joblib_and_pickle_differ(),
    # Broken, cut short, or with more behind the end
    "truncated.pkl": _BENIGN[:-4],
    "truncated_gadget.pkl": _SYSTEM[:-1],
    "broken_after_the_call.pkl": _SYSTEM[:-1] + b"\xff\xff",
    "after_stop.pkl": _BENIGN + _SYSTEM,
    "after_stop_text.pkl": pickle.dumps([1], 0) + b"cos\nsystem\n(S'true'\ntR.",
    "after_stop_rubbish.pkl": _BENIGN + b"\x00" * 64,
    "two_benign.pkl": _BENIGN + _BENIGN,
    "frame_overlap.pkl": b"\x80\x04\x95\x02\x00\x00\x00\x00\x00\x00\x00" + text("os") + text("system") + b"\x93.",
    "protocol_9.pkl": b"\x80\x09N.",
    "mark_left.pkl": b"\x80\x02(K\x01.",
    "memo_bomb.pkl": b"\x80\x02Nr\xff\xff\xff\x7f.",
    "deep_marks.pkl": b"\x80\x02" + b"(" * 5_000 + b"N" + b"t" * 5_000 + b".",
    "huge_length.pkl": b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc.",
    "missing_memo.pkl": b"\x80\x02h\x07.",
    # By content, under any name
    "gadget.bin": _SYSTEM,
    "gadget": _SYSTEM,
    "gadget.weights": _SYSTEM,
    "gadget.safetensors": _SYSTEM,
    "gadget.onnx": _SYSTEM,
    "gadget.json": _SYSTEM,
    "README.md": b"cos\nsystem\n(S'true'\ntR.\n# A model card\n",
    "notes.txt": b"N.cos\nsystem\n(S'true'\ntR.",
    "benign_as.safetensors": _BENIGN,
    "benign_as.txt": pickle.dumps({"a": 1}, 0),
}
