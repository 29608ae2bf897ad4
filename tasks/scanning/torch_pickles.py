"""PyTorch in pickles: tensors over storages that the file holds, and nothing that calls back into a loader."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tasks.scanning.finding import Refused, Severity, unreadable
from tasks.scanning.limits import MAX_STORAGES
from tasks.scanning.pickle_rules import VALUE, Rule, expect, integers, is_imported, is_made, is_sizes
from tasks.scanning.pickle_values import DictValue, Imported, ListValue, Made, SetValue, Value

TENSOR, STORAGE = "torch.Tensor", "torch.storage"
_LOCATION = re.compile(r"(cpu|meta|cuda|mps|xpu|hpu|npu|privateuseone|lazy|xla)(:\d{1,4})?")
_STORAGE_BYTES = {
    **dict.fromkeys(("Byte", "Char", "Bool", "QInt8", "QUInt8", "QUInt4x2", "QUInt2x4"), 1),
    **dict.fromkeys(("Short", "Half", "BFloat16"), 2),
    **dict.fromkeys(("Int", "Float", "QInt32"), 4),
    **dict.fromkeys(("Long", "Double", "ComplexFloat"), 8),
    "ComplexDouble": 16,
}
_DTYPE_BYTES = {
    **dict.fromkeys(("uint8", "int8", "bool", "qint8", "quint8", "float8_e4m3fn", "float8_e5m2"), 1),
    **dict.fromkeys(("float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu"), 1),
    **dict.fromkeys(("int16", "uint16", "float16", "bfloat16"), 2),
    **dict.fromkeys(("int32", "uint32", "float32", "qint32", "complex32"), 4),
    **dict.fromkeys(("int64", "uint64", "float64", "complex64"), 8),
    "complex128": 16,
}
_LAYOUTS = ("strided", "sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc")
_SCHEMES = ("per_tensor_affine", "per_channel_affine", "per_channel_affine_float_qparams")
_PLAIN = (int, float, str, bool, type(None))


@dataclass
class Storages:
    """What a checkpoint says of its storages, by key: bytes in all and an item, as its pickle names them."""

    has_views: bool
    sizes: dict[str, int] = field(default_factory=dict)
    item_bytes: dict[str, int] = field(default_factory=dict)

    def load(self, name: Value) -> Value:
        """A persistent id: ('storage', type, key, location, items), and in old files what it is a view of."""
        length = 6 if self.has_views else 5
        if not isinstance(name, tuple) or len(name) != length or name[0] != "storage":
            raise Refused("pickle-persistent-id", "a persistent id that is no storage", Severity.CRITICAL)
        _, kind, key, location, count = name[:5]
        item_bytes = _storage_bytes(kind)
        if item_bytes is None or not isinstance(key, str) or type(count) is not int or count < 0:
            raise Refused("pickle-persistent-id", "a storage of unknown type or size", Severity.CRITICAL)
        if not isinstance(location, str) or not _LOCATION.fullmatch(location):
            raise Refused("pickle-persistent-id", f"a storage on {location!r}, which is no device")
        if self.has_views and name[5] is not None:
            raise Refused("pickle-persistent-id", "a storage that is a view of another")
        size = count * item_bytes
        self.item_bytes[key] = item_bytes
        if self.sizes.setdefault(key, size) != size or len(self.sizes) > MAX_STORAGES:
            raise unreadable(f"storage {key} has two sizes", "tensor-size")
        return Made(STORAGE, (item_bytes, size))


def _storage_bytes(kind: Value) -> int | None:
    if not isinstance(kind, Imported):
        return None
    if str(kind) == "torch.storage.UntypedStorage":
        return 1
    name = kind.name.removesuffix("Storage")
    return _STORAGE_BYTES.get(name) if kind.module == "torch" and name != kind.name else None


def _tensor(callee: Imported, arguments: tuple[Value, ...]) -> Value:
    """(storage, offset, sizes, strides[, requires grad, hooks[, metadata]]); _v3 has its type before the last."""
    expect(len(arguments) in (4, 6, 7), callee, "a storage and a shape")
    _check_view(callee, arguments, None)
    expect(_no_hooks(arguments[5:]), callee, "no hooks")
    return Made(TENSOR)


def _tensor_v3(callee: Imported, arguments: tuple[Value, ...]) -> Value:
    expect(len(arguments) in (7, 8) and _dtype_bytes(arguments[6]) is not None, callee, "a storage, a shape and a type")
    _check_view(callee, arguments, _dtype_bytes(arguments[6]))
    expect(_no_hooks((arguments[5], *arguments[7:])), callee, "no hooks")
    return Made(TENSOR)


def _quantized(callee: Imported, arguments: tuple[Value, ...]) -> Value:
    expect(len(arguments) == 7, callee, "a storage, a shape and a scheme")
    _check_view(callee, arguments, None)
    scheme = arguments[4]
    ok = isinstance(scheme, tuple) and all(
        isinstance(one, _PLAIN) or is_made(one, TENSOR) or (isinstance(one, Imported) and one.name in _SCHEMES)
        for one in scheme
    )
    expect(ok and _no_hooks(arguments[6:]), callee, "a storage, a shape and a scheme")
    return Made(TENSOR)


def _check_view(callee: Imported, arguments: tuple[Value, ...], item_bytes: int | None) -> None:
    """Every item of the view lies within the storage."""
    storage, offset, sizes, strides = arguments[:4]
    expect(is_made(storage, STORAGE) and type(offset) is int and offset >= 0, callee, "a storage of the file")
    expect(is_sizes(sizes) and is_sizes(strides), callee, "sizes and strides")
    fact = storage.fact if isinstance(storage, Made) else None
    own_bytes, size = fact if isinstance(fact, tuple) else (1, 0)
    shape, steps = integers(sizes), integers(strides)
    expect(len(shape) == len(steps), callee, "a stride for each size")
    last = 0 if 0 in shape else 1 + sum((n - 1) * step for n, step in zip(shape, steps, strict=True))
    start = offset if isinstance(offset, int) else 0
    width = item_bytes or (own_bytes if isinstance(own_bytes, int) else 1)
    if not isinstance(size, int) or ((start + last) * width > size and last):
        raise Refused("tensor-size", f"a tensor of shape {shape} that reaches past its storage")


def _parameter(callee: Imported, arguments: tuple[Value, ...]) -> Value:
    ok = len(arguments) == 3 and is_made(arguments[0], TENSOR) and isinstance(arguments[1], bool)
    expect(ok and _no_hooks(arguments[2:]), callee, "a tensor, a flag and no hooks")
    return Made(TENSOR)


def _sparse(callee: Imported, arguments: tuple[Value, ...]) -> Value:
    ok = len(arguments) == 2 and isinstance(arguments[0], Made | Imported) and isinstance(arguments[1], tuple)
    expect(ok and _are_parts(arguments[1]), callee, "a layout and tensors")
    return Made(TENSOR)


def _are_parts(value: Value) -> bool:
    return not isinstance(value, tuple) or all(
        isinstance(one, _PLAIN) or is_made(one, TENSOR, "torch.Size") or (isinstance(one, tuple) and _are_parts(one))
        for one in value
    )


def _meta(callee: Imported, arguments: tuple[Value, ...]) -> Value:
    ok = len(arguments) == 4 and _dtype_bytes(arguments[0]) is not None and is_sizes(arguments[1])
    expect(ok and is_sizes(arguments[2]), callee, "a type and a shape")
    return Made(TENSOR)


def _size(callee: Imported, arguments: tuple[Value, ...]) -> Value:
    ok = len(arguments) <= 1 and all(is_sizes(one) or isinstance(one, ListValue) for one in arguments)
    expect(ok and math.prod(len(integers(one)) for one in arguments) <= 64, callee, "sizes")
    return Made("torch.Size")


def _device(callee: Imported, arguments: tuple[Value, ...]) -> Value:
    ok = 1 <= len(arguments) <= 2 and isinstance(arguments[0], str) and _LOCATION.fullmatch(arguments[0]) is not None
    expect(ok and all(type(one) is int for one in arguments[1:]), callee, "a device")
    return Made("torch.device")


def _layout(callee: Imported, arguments: tuple[Value, ...]) -> Value:
    expect(len(arguments) == 1 and arguments[0] in [f"torch.{name}" for name in _LAYOUTS], callee, "a layout")
    return Made("torch.layout")


def _no_hooks(values: tuple[Value, ...]) -> bool:
    """Hooks are functions that run later; metadata is a plain dictionary or none."""
    return all(
        one is None or is_made(one, "collections.OrderedDict") or isinstance(one, DictValue | SetValue)
        for one in values
    )


def _dtype_bytes(value: Value) -> int | None:
    return _DTYPE_BYTES.get(value.name) if isinstance(value, Imported) and value.module == "torch" else None


def is_dtype(value: Value) -> bool:
    """One of PyTorch's number types."""
    return is_imported(value, *(f"torch.{name}" for name in _DTYPE_BYTES))


RULES: Mapping[tuple[str, str], Rule] = {
    ("torch._utils", "_rebuild_tensor"): Rule(_tensor),
    ("torch._utils", "_rebuild_tensor_v2"): Rule(_tensor),
    ("torch._utils", "_rebuild_tensor_v3"): Rule(_tensor_v3),
    ("torch._utils", "_rebuild_qtensor"): Rule(_quantized),
    ("torch._utils", "_rebuild_parameter"): Rule(_parameter),
    ("torch._utils", "_rebuild_sparse_tensor"): Rule(_sparse),
    ("torch._utils", "_rebuild_sparse_csr_tensor"): Rule(_sparse),
    ("torch._utils", "_rebuild_meta_tensor_no_storage"): Rule(_meta),
    ("torch", "Size"): Rule(_size),
    ("torch", "device"): Rule(_device),
    ("torch.serialization", "_get_layout"): Rule(_layout),
    ("torch.storage", "UntypedStorage"): VALUE,
    **{("torch", f"{name}Storage"): VALUE for name in _STORAGE_BYTES},
    **{("torch", name): VALUE for name in (*_DTYPE_BYTES, *_LAYOUTS, *_SCHEMES)},
}
