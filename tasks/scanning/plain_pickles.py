"""Python's own types in pickles: containers, numbers, dates. What they are called with is looked at, always."""

from collections.abc import Mapping

from tasks.scanning.finding import Refused, Severity
from tasks.scanning.pickle_rules import OBJECT, VALUE, Rule, expect, is_imported
from tasks.scanning.pickle_values import Blob, DictValue, Imported, ListValue, Made, SetValue, Unknown, Value

MAPPINGS = frozenset({"collections.OrderedDict", "collections.defaultdict", "collections.Counter"})
# A dictionary whose entries are its attributes too.
BUNCH = "sklearn.utils._bunch.Bunch"
_BUILTINS = ("builtins", "__builtin__")
_FACTORIES = ("list", "dict", "set", "int", "float", "str", "bool", "tuple")
_DEFAULT_FACTORIES = [f"{module}.{name}" for module in _BUILTINS for name in _FACTORIES]
_NUMBERS = (int, float, bool, type(None))


def class_and_arguments(callee: Imported, arguments: tuple[Value, ...]) -> tuple[Value, tuple[Value, ...]]:
    """What `copyreg._reconstructor(cls, object, None)` and `copyreg.__newobj__(cls, *args)` make."""
    if callee.name == "__newobj__":
        return (arguments[0] if arguments else None), arguments[1:]
    expect(len(arguments) == 3, callee, "a class, object and None")
    kind, base, content = arguments
    is_plain = is_imported(base, "builtins.object", "__builtin__.object") and content is None
    is_bunch = is_imported(base, "builtins.dict", "__builtin__.dict") and is_imported(kind, BUNCH)
    is_bunch = is_bunch and isinstance(content, DictValue) and not content.has_dunder
    expect(is_plain or is_bunch, callee, "a class, object and None")
    return kind, ()


def _ordered(callee: Imported, arguments: tuple[Value, ...]) -> Value:
    expect(not arguments or (len(arguments) == 1 and isinstance(arguments[0], ListValue)), callee, "a list of pairs")
    return Made(str(callee))


def _counter(callee: Imported, arguments: tuple[Value, ...]) -> Value:
    expect(len(arguments) <= 1 and all(isinstance(one, DictValue) for one in arguments), callee, "a dictionary")
    return Made(str(callee))


def _default(callee: Imported, arguments: tuple[Value, ...]) -> Value:
    ok = (
        not arguments
        or arguments == (None,)
        or is_imported(arguments[0], "collections.OrderedDict", *_DEFAULT_FACTORIES)
    )
    expect(ok and len(arguments) <= 1, callee, "the type of a container or number")
    return Made(str(callee))


def _encoded(callee: Imported, arguments: tuple[Value, ...]) -> Value:
    """`_codecs.encode(text, "latin1")`: how bytes are written below protocol 3."""
    expect(len(arguments) == 2 and arguments[1] in ("latin1", "latin-1"), callee, "a text and latin1")
    text = arguments[0]
    if isinstance(text, str):
        return text.encode("latin-1", "replace")
    expect(isinstance(text, Blob) and text.is_text, callee, "a text and latin1")
    return Blob(text.size) if isinstance(text, Blob) else Unknown()


def _bytes(callee: Imported, arguments: tuple[Value, ...]) -> Value:
    if not arguments:
        return b""
    data = arguments[0]
    # A number would ask for that many bytes.
    expect(isinstance(data, bytes | Blob | str), callee, "bytes")
    expect(len(arguments) == 1 or arguments[1:] in (("latin1",), ("latin-1",)), callee, "bytes")
    if isinstance(data, str):
        return data.encode("latin-1", "replace")
    return data if isinstance(data, bytes) else Blob(data.size if isinstance(data, Blob) else None)


def _set(callee: Imported, arguments: tuple[Value, ...]) -> Value:
    expect(
        all(isinstance(one, ListValue | tuple | SetValue) for one in arguments) and len(arguments) <= 1,
        callee,
        "a list",
    )
    return SetValue()


def _numbers(callee: Imported, arguments: tuple[Value, ...]) -> Value:
    expect(all(isinstance(one, (_NUMBERS, Made)) for one in arguments), callee, "numbers")
    return Made(str(callee))


def _plain(callee: Imported, arguments: tuple[Value, ...]) -> Value:
    expect(
        all(isinstance(one, (*_NUMBERS, str, bytes, Made)) for one in arguments),
        callee,
        "plain values",
    )
    return Made(str(callee))


def _empty(callee: Imported, arguments: tuple[Value, ...]) -> Value:
    expect(not arguments, callee, "none")
    return Made(str(callee))


def _reconstructed(callee: Imported, arguments: tuple[Value, ...]) -> Value:
    raise Refused("pickle-call", f"calls {callee}", Severity.CRITICAL)  # `called` sees to it before it gets here


RULES: Mapping[tuple[str, str], Rule] = {
    ("collections", "OrderedDict"): Rule(_ordered, is_made=True),
    ("collections", "defaultdict"): Rule(_default),
    ("collections", "Counter"): Rule(_counter),
    ("_codecs", "encode"): Rule(_encoded),
    ("copyreg", "_reconstructor"): Rule(_reconstructed),
    ("copy_reg", "_reconstructor"): Rule(_reconstructed),
    ("copyreg", "__newobj__"): Rule(_reconstructed),
    ("datetime", "datetime"): Rule(_plain),
    ("datetime", "date"): Rule(_plain),
    ("datetime", "time"): Rule(_plain),
    ("datetime", "timedelta"): Rule(_plain),
    ("datetime", "timezone"): Rule(_plain),
    ("decimal", "Decimal"): Rule(_plain),
    ("fractions", "Fraction"): Rule(_plain),
    ("pathlib", "PosixPath"): Rule(_plain),
    ("pathlib", "PurePosixPath"): Rule(_plain),
    ("pathlib", "WindowsPath"): Rule(_plain),
    ("argparse", "Namespace"): OBJECT,
    ("types", "SimpleNamespace"): Rule(_empty),
    **{(module, name): VALUE for module in _BUILTINS for name in ("object", *_FACTORIES) if name != "set"},
    **{(module, name): Rule(_bytes) for module in _BUILTINS for name in ("bytes", "bytearray")},
    **{(module, name): Rule(_set) for module in _BUILTINS for name in ("set", "frozenset")},
    **{(module, name): Rule(_numbers) for module in _BUILTINS for name in ("slice", "complex", "range", "xrange")},
}
