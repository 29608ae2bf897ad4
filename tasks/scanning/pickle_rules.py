"""What may be done with one importable name, and how arguments are told apart."""

from collections.abc import Callable
from dataclasses import dataclass

from tasks.scanning.finding import Refused, Severity
from tasks.scanning.pickle_values import Imported, Made, Value


@dataclass(frozen=True)
class Rule:
    """call: the value of an allowed call, or Refused. is_made: objects of the class may be made, empty.

    With neither, the name may only stand as a value, such as a type or a function that a model applies to numbers.
    """

    call: Callable[[Imported, tuple[Value, ...]], Value] | None = None
    is_made: bool = False


VALUE = Rule()
OBJECT = Rule(is_made=True)


def expect(holds: bool, callee: Imported, what: str) -> None:
    """Refuses a call of `callee` unless `holds`; `what` was expected of its arguments."""
    if not holds:
        raise Refused("pickle-arguments", f"calls {callee} with arguments other than {what}", Severity.CRITICAL)


def is_imported(value: Value, *names: str) -> bool:
    """One of the full names, imported."""
    return isinstance(value, Imported) and str(value) in names


def is_made(value: Value, *kinds: str) -> bool:
    """An object of one of the kinds."""
    return isinstance(value, Made) and value.of in kinds


def is_sizes(value: Value) -> bool:
    """A tuple of integers from 0 on."""
    return isinstance(value, tuple) and all(type(size) is int and size >= 0 for size in value)


def integers(value: Value) -> tuple[int, ...]:
    """The integers of a tuple that `is_sizes`."""
    return tuple(size for size in value if isinstance(size, int)) if isinstance(value, tuple) else ()
