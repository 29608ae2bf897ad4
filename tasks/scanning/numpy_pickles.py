"""NumPy and SciPy in pickles: arrays and their types, scalars, random states, sparse matrices.

An array's bytes must be as many as its shape and type ask for.
"""

import math
import re
from collections.abc import Callable, Mapping

from tasks.scanning.finding import Refused, Severity
from tasks.scanning.pickle_rules import OBJECT, VALUE, Rule, expect, integers, is_imported, is_made, is_sizes
from tasks.scanning.pickle_values import Blob, DictValue, Imported, ListValue, Made, Value

ARRAY, DTYPE = "numpy.ndarray", "numpy.dtype"
_SUBTYPES = (ARRAY, "numpy.matrix", "numpy.ma.core.MaskedArray", "numpy.ma.MaskedArray")
_CODES = re.compile(r"[<>|=]?([?bBhHiIlLqQefdgFDGpP]|[?biufcSUVmM](\d{0,9})(\[[\w/]+\])?|O8?)")
_BYTES = {"?": 1, "b": 1, "B": 1, "h": 2, "H": 2, "i": 4, "I": 4, "l": 8, "L": 8, "q": 8, "Q": 8, "e": 2, "f": 4}
_BYTES |= {"d": 8, "g": 16, "F": 8, "D": 16, "G": 32, "p": 8, "P": 8}
_GENERATORS = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")
_CORES = ("numpy.core", "numpy._core")


def item_bytes_of(value: Value) -> tuple[int | None, bool]:
    """Bytes an item and whether items are Python objects, of a dtype that is done; (None, True) where unknown."""
    size, has_objects, is_done = _type_of(value)
    return (size, has_objects) if is_done else (None, True)


def _type_of(value: Value) -> tuple[int | None, bool, bool]:
    """As above, and whether the type has been given its state, after which nothing may change it."""
    if is_made(value, DTYPE) and isinstance(value, Made) and isinstance(value.fact, tuple):
        size, has_objects, is_done = value.fact
        return (size if isinstance(size, int) else None), bool(has_objects), bool(is_done)
    return None, True, False


def array_bytes(shape: Value, dtype: Value) -> int | None:
    """Bytes of an array of plain items; None where they cannot be told."""
    size, has_objects = item_bytes_of(dtype)
    return None if size is None or has_objects or not is_sizes(shape) else size * math.prod(integers(shape))


def made_array() -> Made:
    """An array whose bytes have been looked at."""
    return Made(ARRAY, fact=True)


def parse_code(code: str) -> tuple[int | None, bool] | None:
    """Bytes an item and whether they are objects, of a type string such as `<f8`; None for no such string."""
    match = _CODES.fullmatch(code)
    if match is None:
        return None
    letter, digits = match[1][0], match[2]
    if letter == "O":
        return 8, True
    if digits:
        return int(digits) * (4 if letter == "U" else 1), False
    if digits is not None and letter in "SUV":
        return 0, False
    return (8, False) if letter in "mM" else (_BYTES.get(letter), False)


def _dtype(callee: Imported, arguments: tuple[Value, ...]) -> Value:
    code = arguments[0] if arguments else None
    if isinstance(code, Imported):
        parsed: tuple[int | None, bool] | None = (None, True)
    else:
        parsed = parse_code(code) if isinstance(code, str) else None
    expect(parsed is not None and len(arguments) <= 3, callee, "the code of a type")
    expect(all(isinstance(flag, bool | int) for flag in arguments[1:]), callee, "the code of a type")
    return Made(DTYPE, (*(parsed or (None, True)), False))


def _build_dtype(target: Made, state: Value) -> None:
    """(version, byte order, subarray, names, fields, bytes, alignment, flags[, metadata])."""
    if not isinstance(state, tuple) or len(state) not in (8, 9):
        raise Refused("pickle-state", "gives a numpy.dtype a state of another shape")
    subarray, fields, size = state[2], state[4], state[5]
    known, has_objects, is_done = _type_of(target)
    # An array shares its type: to change one later would turn the array's bytes into addresses of objects.
    if is_done:
        raise Refused("pickle-state", "changes a type of numbers that is in use", Severity.CRITICAL)
    total = size if type(size) is int and size >= 0 else known
    if fields is not None and not (isinstance(fields, DictValue) and _are_plain(fields, total)):
        raise Refused("pickle-array", "a record of objects, or with fields outside of it", Severity.CRITICAL)
    has_objects = has_objects and fields is None
    if subarray is not None:
        has_objects = True  # not told: such an array is refused where its bytes are counted
    target.fact = (total, has_objects, True)


def _are_plain(fields: DictValue, total: int | None) -> bool:
    """Every field, as (type, offset[, title]), is of numbers and lies within the item."""
    if not fields.is_whole or total is None:
        return False
    for field in fields.items.values():
        if not isinstance(field, tuple) or len(field) not in (2, 3):
            return False
        (size, has_objects), offset = item_bytes_of(field[0]), field[1]
        if size is None or has_objects or not isinstance(offset, int) or not 0 <= offset <= total - size:
            return False
    return True


def _reconstruct(callee: Imported, arguments: tuple[Value, ...]) -> Value:
    ok = len(arguments) == 3 and is_imported(arguments[0], *_SUBTYPES) and arguments[2] in (b"b", "b")
    # The shape is the state's to say; one here would be room asked for.
    expect(ok and arguments[1] == (0,), callee, "an array class, (0,) and b")
    return Made(ARRAY)


def _masked(callee: Imported, arguments: tuple[Value, ...]) -> Value:
    ok = len(arguments) == 4 and all(is_imported(kind, *_SUBTYPES) for kind in arguments[:2])
    expect(ok and arguments[2:] in (((0,), "b"), ((0,), b"b")), callee, "two array classes, (0,) and b")
    return Made("numpy.ma.core.MaskedArray")


def _build_array(target: Made, state: Value) -> None:
    """(version, shape, dtype, is Fortran, bytes or list)."""
    if target.fact is not None:
        raise Refused("pickle-state", "changes an array that has its content", Severity.CRITICAL)
    target.fact = True
    if not isinstance(state, tuple) or len(state) != 5:
        raise Refused("pickle-state", "gives a numpy.ndarray a state of another shape")
    _check_content(state[1], state[2], state[4])


def _build_masked(target: Made, state: Value) -> None:
    """(version, shape, dtype, is Fortran, bytes, mask, fill value)."""
    if target.fact is not None:
        raise Refused("pickle-state", "changes an array that has its content", Severity.CRITICAL)
    target.fact = True
    if not isinstance(state, tuple) or len(state) != 7:
        raise Refused("pickle-state", "gives a masked array a state of another shape")
    _check_content(state[1], state[2], state[4])


def _from_buffer(callee: Imported, arguments: tuple[Value, ...]) -> Value:
    expect(len(arguments) in (4, 5), callee, "bytes, type, shape and order")
    if not is_sizes(arguments[2]) or item_bytes_of(arguments[1])[1]:
        raise Refused("pickle-array", "an array of objects where numbers are expected", Severity.CRITICAL)
    _check_content(arguments[2], arguments[1], arguments[0])
    return made_array()


def _check_content(shape: Value, dtype: Value, data: Value) -> None:
    if not is_sizes(shape) or not is_made(dtype, DTYPE):
        raise Refused("pickle-array", "an array whose shape or type cannot be told")
    size, has_objects = item_bytes_of(dtype)
    if isinstance(data, ListValue):
        if not has_objects:
            raise Refused("pickle-array", "a list where an array's bytes are expected")
        return
    if has_objects or not isinstance(data, bytes | Blob):
        raise Refused("pickle-array", "an array whose content cannot be told")
    found = len(data) if isinstance(data, bytes) else data.size
    expected = None if size is None else size * math.prod(integers(shape))
    if None not in (found, expected) and found != expected:
        raise Refused("pickle-array", f"an array of {expected} bytes by its shape, {found} by its content")


def _scalar(callee: Imported, arguments: tuple[Value, ...]) -> Value:
    expect(len(arguments) == 2 and isinstance(arguments[1], bytes | Blob), callee, "a type of numbers and its bytes")
    expect(not item_bytes_of(arguments[0])[1], callee, "a type of numbers and its bytes")
    return Made("numpy.scalar")


def _random(callee: Imported, arguments: tuple[Value, ...]) -> Value:
    """The bit generator by its name or class, and nothing but NumPy's own way to make one by name."""
    ok = all(
        one in _GENERATORS
        or is_imported(one, "numpy.random._pickle.__bit_generator_ctor", *_GENERATOR_CLASSES)
        or is_made(one, "numpy.random._pickle.__bit_generator_ctor")
        for one in arguments
    )
    expect(ok and len(arguments) <= 2, callee, "one of NumPy's bit generators")
    return Made(str(callee))


def _seed_sequence(callee: Imported, arguments: tuple[Value, ...]) -> Value:
    ok = len(arguments) == 3 and is_imported(arguments[0], "numpy.random.bit_generator.SeedSequence")
    expect(ok and isinstance(arguments[1], int) and isinstance(arguments[2], tuple | None), callee, "a seed sequence")
    return Made("numpy.random.SeedSequence")


def _any_plain_state(_: Made, state: Value) -> None:
    if isinstance(state, Imported):
        raise Refused("pickle-state", "a state that is an imported name")


_GENERATOR_CLASSES = (
    *tuple(f"numpy.random._{name.lower()}.{name}" for name in _GENERATORS[:2]),
    "numpy.random._pcg64.PCG64DXSM",
    "numpy.random._philox.Philox",
    "numpy.random._sfc64.SFC64",
)
# Functions of numbers that models hold as values, to apply to data: they read no file and run no text.
_FUNCTIONS = (
    "abs absolute add arcsinh arctan cbrt clip cos cosh divide exp exp2 expm1 floor ceil identity log log10 log1p log2 "
    "max maximum mean median min minimum multiply negative power rint round sign sin sinh sqrt square std subtract sum "
    "tan tanh true_divide var nan_to_num asarray array ravel"
)
_SCALARS = (
    "bool_ bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 longdouble complex64 "
    "complex128 str_ bytes_ object_ datetime64 timedelta64 int_ intp float_ longlong ulonglong void"
)
_FUNCTION_MODULES = [f"{core}.{part}" for core in _CORES for part in ("_multiarray_umath", "fromnumeric")]
_SPARSE = ("csr", "csc", "coo", "bsr", "dia", "lil", "dok")
RULES: Mapping[tuple[str, str], Rule] = {
    ("numpy", "dtype"): Rule(_dtype),
    **{("numpy", name): VALUE for name in ("ndarray", "matrix", *_FUNCTIONS.split(), *_SCALARS.split())},
    **{(module, name): VALUE for module in _FUNCTION_MODULES for name in _FUNCTIONS.split()},
    **{(f"{core}.multiarray", "_reconstruct"): Rule(_reconstruct) for core in _CORES},
    **{(f"{core}.multiarray", "scalar"): Rule(_scalar) for core in _CORES},
    **{(f"{core}.numeric", "_frombuffer"): Rule(_from_buffer) for core in _CORES},
    ("numpy.ma.core", "MaskedArray"): VALUE,
    ("numpy.ma", "MaskedArray"): VALUE,
    ("numpy.ma.core", "_mareconstruct"): Rule(_masked),
    ("numpy.random._pickle", "__randomstate_ctor"): Rule(_random),
    ("numpy.random._pickle", "__generator_ctor"): Rule(_random),
    ("numpy.random._pickle", "__bit_generator_ctor"): Rule(_random),
    ("numpy.random.bit_generator", "__pyx_unpickle_SeedSequence"): Rule(_seed_sequence),
    ("numpy.random.bit_generator", "SeedSequence"): VALUE,
    **{(name.rpartition(".")[0], name.rpartition(".")[2]): VALUE for name in _GENERATOR_CLASSES},
    **{(f"scipy.sparse._{kind}", f"{kind}_{form}"): OBJECT for kind in _SPARSE for form in ("matrix", "array")},
    **{(f"scipy.sparse.{kind}", f"{kind}_matrix"): OBJECT for kind in _SPARSE},
    ("scipy.interpolate._bsplines", "BSpline"): OBJECT,
    ("scipy.interpolate._interpolate", "interp1d"): OBJECT,
    ("scipy._lib.array_api_compat.numpy._aliases", "asarray"): VALUE,
}
BUILDS: Mapping[str, Callable[[Made, Value], None]] = {
    DTYPE: _build_dtype,
    ARRAY: _build_array,
    "numpy.ma.core.MaskedArray": _build_masked,
    "numpy.random.SeedSequence": _any_plain_state,
    **{
        f"numpy.random._pickle.{name}": _any_plain_state
        for name in ("__randomstate_ctor", "__generator_ctor", "__bit_generator_ctor")
    },
}
