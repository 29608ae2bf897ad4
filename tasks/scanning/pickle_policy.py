"""What a pickle may do: import names of a list, call some with arguments of a kind, make and fill some objects.

Names are compared whole, module and qualified name; nothing is imported to find out what they are. A class on the
list may be made empty and given its attributes; only what has a rule of its own may be called.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from tasks.scanning import learners, numpy_pickles, plain_pickles, torch_pickles
from tasks.scanning.finding import Finding, Refused, Severity, finding
from tasks.scanning.pickle_rules import Rule, is_made
from tasks.scanning.pickle_values import DictValue, Imported, ListValue, Made, Unknown, Value

# Named in the message, so that a person sees at once what they deal with; everything unlisted is refused all the same.
_NOTORIOUS_MODULES = (
    "os posix nt posixpath ntpath subprocess pty commands runpy timeit importlib imp pkgutil code codeop bdb "
    "pdb cProfile profile trace ctypes _ctypes socket ssl http urllib requests httpx aiohttp webbrowser shutil "
    "tempfile pathlib io _io builtins __builtin__ __builtins__ operator _operator functools types marshal "
    "pickle _pickle cPickle dill cloudpickle shelve sys signal threading multiprocessing asyncio concurrent "
    "platform venv pip setuptools doctest unittest test idlelib lib2to3 distutils ensurepip zipimport inspect "
    "gc atexit logging smtplib ftplib telnetlib sqlite3 tarfile zipfile"
)
_NOTORIOUS = frozenset(_NOTORIOUS_MODULES.split())


@dataclass(frozen=True)
class Context:
    """Who reads the pickle. persistent: what a persistent id stands for; None where there can be none.

    is_guess: the content may be no pickle at all. steps: how many opcodes are enough to tell; None for all of them.
    keep: how many items of a list are kept.
    """

    persistent: Callable[[Value], Value] | None = None
    is_guess: bool = False
    steps: int | None = None
    keep: int = 0


def is_allowed(imported: Imported) -> bool:
    """Whether the very name may be imported."""
    return (imported.module, imported.name) in _rules()


def import_finding(imported: Imported) -> Finding:
    """Why an import is refused."""
    if imported.module.partition(".")[0] in _NOTORIOUS:
        return finding("pickle-import", f"imports {imported}, which can run code or reach files", Severity.CRITICAL)
    return finding("pickle-import", f"imports {imported}, which is not on the allow-list")


def called(callee: Value, arguments: Value) -> Value:
    """What an allowed call gives. Raises Refused for any other."""
    if isinstance(callee, Unknown):
        raise Refused("pickle-call", "calls what it must not import", Severity.CRITICAL)
    if not isinstance(callee, Imported):
        raise Refused("pickle-call", "calls what is no imported name", Severity.CRITICAL)
    rule = _rules()[callee.module, callee.name]
    if rule.call is None:
        raise Refused("pickle-call", f"calls {callee}, which may be named and not called", Severity.CRITICAL)
    if not isinstance(arguments, tuple):
        raise Refused("pickle-call", f"calls {callee} with what is no tuple", Severity.CRITICAL)
    if callee.name in ("_reconstructor", "__newobj__"):
        return newly_made(*plain_pickles.class_and_arguments(callee, arguments))
    return rule.call(callee, arguments)


def newly_made(kind: Value, arguments: Value) -> Value:
    """An empty object of an allowed class. Raises Refused for any other, and for arguments."""
    if isinstance(kind, Unknown):
        raise Refused("pickle-call", "makes an object of a class it must not import", Severity.CRITICAL)
    if not isinstance(kind, Imported) or not _rules()[kind.module, kind.name].is_made:
        raise Refused("pickle-call", f"makes an object of {_shown(kind)}", Severity.CRITICAL)
    if arguments != ():
        raise Refused("pickle-call", f"makes a {kind} with arguments", Severity.CRITICAL)
    return Made(str(kind))


def with_state(target: Value, state: Value) -> Value:
    """`target` after it was given `state`. Raises Refused where that could reach more than its own attributes."""
    if not isinstance(target, Made):
        raise Refused("pickle-state", f"sets attributes of {_shown(target)}, which it did not make", Severity.CRITICAL)
    build = _BUILDS.get(target.of)
    if build is not None:
        build(target, state)
    else:
        _set_attributes(target, state)
    return target


def appended(target: Value, items: list[Value], context: Context) -> None:
    """Adds items to a list; any other target would have a method of its own called."""
    if not isinstance(target, ListValue):
        raise Refused("pickle-items", f"appends to {_shown(target)}, which is no list")
    target.add(items, context.keep)


def put_items(target: Value, items: list[Value]) -> None:
    """Sets entries of a dictionary; `items` are keys and values in turn."""
    if isinstance(target, Made) and target.of in plain_pickles.MAPPINGS:
        return
    if is_made(target, plain_pickles.BUNCH):
        target = DictValue(is_state=True)
    if not isinstance(target, DictValue):
        raise Refused("pickle-items", f"sets items of {_shown(target)}, which is no dictionary")
    for key, value in zip(items[::2], items[1::2], strict=True):
        target.put(key, value)
    if target.is_state and target.has_dunder:
        raise Refused("pickle-state", "adds a method to a state that was given away", Severity.CRITICAL)


def _set_attributes(target: Made, state: Value) -> None:
    """The object's own attributes, by name; never a name that Python calls itself, such as `__setstate__`."""
    parts = state if isinstance(state, tuple) and len(state) == 2 else (state,)
    for part in parts:
        if part is None:
            continue
        if not isinstance(part, DictValue):
            raise Refused("pickle-state", f"gives a {target.of} a state that is no dictionary")
        part.is_state = True
        if part.has_dunder:
            raise Refused("pickle-state", f"gives a {target.of} a method of Python's own", Severity.CRITICAL)


@cache
def _rules() -> Mapping[tuple[str, str], Rule]:
    return {**learners.rules(), **plain_pickles.RULES, **numpy_pickles.RULES, **torch_pickles.RULES}


_BUILDS: Mapping[str, Callable[[Made, Value], None]] = {**numpy_pickles.BUILDS, **learners.BUILDS}


def _shown(value: Value) -> str:
    return str(value) if isinstance(value, Imported) else type(value).__name__.removesuffix("Value").lower()
