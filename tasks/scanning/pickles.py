"""Pickles: plain ones, joblib's with arrays between the opcodes, and PyTorch's files from before its zip format."""

import contextlib
import copy
from collections.abc import Iterator
from dataclasses import dataclass

from tasks.scanning.finding import Finding, Refused, finding, unreadable
from tasks.scanning.learners import ARRAY_WRAPPER
from tasks.scanning.limits import GUESS_STEPS, MAX_PICKLE_NESTED, MAX_PICKLE_OBJECTS, MAX_STORAGES
from tasks.scanning.look import Look
from tasks.scanning.numpy_pickles import array_bytes, item_bytes_of, made_array
from tasks.scanning.pickle_machine import FarEnough, PickleMachine, broken
from tasks.scanning.pickle_policy import Context, import_finding, is_allowed
from tasks.scanning.pickle_rules import is_imported
from tasks.scanning.pickle_stream import PickleStream
from tasks.scanning.pickle_values import DictValue, ListValue, Made, Value
from tasks.scanning.region import Region
from tasks.scanning.torch_pickles import Storages

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001
_ALIGNMENT = 16
_GUESS = Context(is_guess=True, steps=GUESS_STEPS)


def is_pickle(region: Region) -> bool:
    """Whether an unpickler would get anywhere: run a step that calls, or reach the end with nothing behind it.

    Text can be a pickle, and a file of any other format can begin as one.
    """
    head = region.read(0, 2)
    stream = PickleStream(region)
    has_imported = False
    while stream.left:
        machine = PickleMachine(stream, _GUESS)
        try:
            value = machine.run()
        except FarEnough:
            return True
        except (Refused, ValueError):
            return machine.has_called or (head[:1] == b"\x80" and has_imported)
        has_imported |= bool(machine.imports)
        if machine.has_called or value == _LEGACY_MAGIC:
            return True
        # A text may begin with a letter and a full stop; with a protocol in front it is none.
        if not stream.left or has_imported or head[:1] == b"\x80":
            return True
    return False


def begins_as_pickle(region: Region) -> bool:
    """A protocol's opcode in front: a pickle, if a broken one, where nothing else claims the content."""
    head = region.read(0, 2)
    return len(head) == 2 and head[0] == 0x80 and head[1] <= 5


def scan_pickle(region: Region, _: Look) -> Iterator[Finding]:
    """A file that holds one pickle and nothing behind it, or one of PyTorch's old files."""
    stream = PickleStream(region)
    walked = _walk(stream, Context(), _ArrayReader())
    yield from walked.findings
    if walked.value == _LEGACY_MAGIC and walked.is_whole:
        yield from _rest_of_legacy(region, stream)
    elif walked.is_whole and stream.left:
        yield finding("trailing-bytes", f"{stream.left} bytes after the pickle's end")


def scan_member(region: Region, storages: Storages) -> Iterator[Finding]:
    """The one pickle of PyTorch's zip format; `storages` learns what it says of them."""
    stream = PickleStream(region)
    walked = _walk(stream, Context(persistent=storages.load))
    yield from walked.findings
    if walked.is_whole and stream.left:
        yield finding("trailing-bytes", f"{stream.left} bytes after the pickle's end")


@dataclass(frozen=True)
class _Walked:
    """is_whole: the pickle was followed to its STOP, refused steps or none."""

    findings: list[Finding]
    value: Value = None
    is_whole: bool = False


def _walk(stream: PickleStream, context: Context, reader: "_ArrayReader | None" = None) -> _Walked:
    machine = PickleMachine(stream, context, reader)
    try:
        return _Walked(machine.findings, machine.run(), is_whole=True)
    except Refused as refused:
        return _Walked([*machine.findings, refused.finding])
    except ValueError as error:
        return _Walked([*machine.findings, broken(f"{type(error).__name__} at byte {stream.position}")])


class _ArrayReader:
    """joblib's arrays: their bytes follow the wrapper's state, behind a count of padding bytes and the padding."""

    def __init__(self) -> None:
        self._nested = 0
        self._remembered = 0

    def __call__(self, made: Made, machine: PickleMachine) -> Value:
        if made.of != ARRAY_WRAPPER:
            return made
        # joblib reads from the file and Python's unpickler from its frame: at a frame's end both are at one place.
        if machine.frame_end > machine.stream.position or not isinstance(made.fact, DictValue):
            raise unreadable("an array inside a frame", "bad-pickle")
        facts = made.fact.items
        if not is_imported(facts.get("subclass"), "numpy.ndarray", "numpy.matrix"):
            raise Refused("pickle-array", "an array of an unknown class")
        if item_bytes_of(facts.get("dtype"))[1]:
            self._read_objects(machine)
        else:
            self._skip_numbers(facts, machine.stream)
        machine.frame_end = machine.stream.position
        return made_array()

    def _skip_numbers(self, facts: dict[str, Value], stream: PickleStream) -> None:
        size = array_bytes(facts.get("shape"), facts.get("dtype"))
        if size is None:
            raise Refused("pickle-array", "an array whose size cannot be told")
        # Without padding in front, a plain unpickler would go on with the array's bytes as opcodes; no count of
        # padding bytes below 16 is an opcode.
        if facts.get("numpy_array_alignment_bytes") != _ALIGNMENT:
            raise Refused("pickle-array", "an array as joblib before 1.1 wrote it; save it again")
        padding = stream.unsigned(1)
        if padding > _ALIGNMENT:
            raise Refused("pickle-array", f"{padding} bytes of padding where at most {_ALIGNMENT} are expected")
        stream.skip(padding + size)

    def _read_objects(self, machine: PickleMachine) -> None:
        """A pickle of its own inside the pickle."""
        self._nested += 1
        start = machine.stream.position
        inner = PickleMachine(machine.stream, Context())
        try:
            inner.run()
        finally:
            machine.findings.extend(inner.findings)
            machine.has_called |= inner.has_called
        if inner.has_memoized:
            self._remembered += len(machine.memo)
            machine.findings.extend(_read_on(machine, inner, start))
        if self._nested > MAX_PICKLE_NESTED or self._remembered > MAX_PICKLE_OBJECTS:
            raise unreadable(f"more than {MAX_PICKLE_NESTED} object arrays", "too-large")


def _read_on(outer: PickleMachine, inner: PickleMachine, start: int) -> list[Finding]:
    """What a plain unpickler would import from an inner pickle that the outer memo gives other names to.

    It goes on with the memo it has, where joblib starts anew. Benign files end in an error there, with the names
    that the inner pickle spells out; any other name was put there for this reading.
    """
    again = PickleMachine(inner.stream.at(start), Context(is_guess=True), memo=copy.deepcopy(outer.memo))
    with contextlib.suppress(Refused, ValueError):
        again.run()
    known = {imported.name for imported in inner.imports}
    return [import_finding(one) for one in again.imports if not is_allowed(one) and one.name not in known]


def _rest_of_legacy(region: Region, stream: PickleStream) -> Iterator[Finding]:
    """Protocol version, system, object and storage keys as pickles, then the storages' items behind their count."""
    storages = Storages(has_views=True)
    contexts = (Context(), Context(), Context(persistent=storages.load), Context(keep=MAX_STORAGES))
    values: list[Value] = []
    for context in contexts:
        walked = _walk(stream, context)
        yield from walked.findings
        if not walked.is_whole:
            return
        values.append(walked.value)
    version, system, _, keys = values
    if (
        version != _LEGACY_PROTOCOL
        or not isinstance(system, DictValue)
        or system.items.get("little_endian") is not True
    ):
        yield finding("bad-pickle", "an old PyTorch file of another protocol or byte order")
    elif not isinstance(keys, ListValue) or len(keys.items) != keys.count or set(keys.items) != set(storages.sizes):
        yield finding("tensor-size", "the storages are not those that the object names")
    else:
        yield from _legacy_storages(region, stream.position, [str(key) for key in keys.items], storages)


def _legacy_storages(region: Region, position: int, keys: list[str], storages: Storages) -> Iterator[Finding]:
    for key in keys:
        count = int.from_bytes(region.exactly(position, 8), "little", signed=True)
        size, item_bytes = storages.sizes[key], storages.item_bytes[key]
        if count * item_bytes != size or position + 8 + size > region.size:
            yield finding("tensor-size", f"storage {key}: {count} items of {item_bytes} bytes, {size} bytes expected")
            return
        position += 8 + size
    if position != region.size:
        yield finding("trailing-bytes", f"{region.size - position} bytes after the last storage")
