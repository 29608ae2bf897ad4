"""Walks the opcodes of one pickle and keeps its stack and memo, without doing any of what they say.

What an import is used for is what decides: every import, call, new object, state and persistent id is put to the
allow-list (`pickle_policy`), and a step whose subject cannot be told is refused. Where unpicklers disagree
(frames, opcodes that no current library writes, memo entries far ahead), the pickle is refused too.
"""

import itertools
import pickle
import re
from collections.abc import Callable, Mapping
from typing import Protocol

from tasks.scanning.finding import MAX_FINDINGS, Finding, Refused, Severity, finding, unreadable
from tasks.scanning.limits import MAX_PICKLE_DEPTH, MAX_PICKLE_OBJECTS, MAX_TEXT_ARGUMENT
from tasks.scanning.pickle_policy import (
    Context,
    appended,
    called,
    import_finding,
    is_allowed,
    newly_made,
    put_items,
    with_state,
)
from tasks.scanning.pickle_stream import PickleStream
from tasks.scanning.pickle_values import Blob, DictValue, Imported, ListValue, Made, SetValue, Unknown, Value

_HIGHEST_PROTOCOL = 5
_LIKELY_MODULE = re.compile(r"[\w.\-]+")


class FarEnough(Exception):
    """What may be a pickle has gone on as one for so long that it is."""


class Follower(Protocol):
    """What a reader does with the bytes right behind an object it has just made, as joblib does for arrays."""

    def __call__(self, made: Made, machine: "PickleMachine") -> Value: ...


class PickleMachine:
    """One pickle, from its first opcode to STOP.

    findings: what was refused so far. imports, has_called: what was imported and whether a step ran code; kept even
    where the pickle turns out to be broken further on, since an unpickler would have run it by then.
    """

    def __init__(
        self,
        stream: PickleStream,
        context: Context,
        follow: Follower | None = None,
        memo: Mapping[int, Value] | None = None,
    ) -> None:
        self.stream = stream
        self.context = context
        self.findings: list[Finding] = []
        self.has_called = False
        self.has_memoized = False
        self.imports: set[Imported] = set()
        self.frame_end = 0
        self._follow = follow
        self._stack: list[Value] = []
        self._below: list[list[Value]] = []
        self._memo: dict[int, Value] = dict(memo or {})

    def run(self) -> Value:
        """The value the pickle stands for. Raises Refused where it is broken or cannot be followed."""
        stream, handlers = self.stream, _HANDLERS
        for _ in itertools.repeat(None) if self.context.steps is None else range(self.context.steps):
            start = stream.position
            code = stream.read(1)[0]
            handler = handlers.get(code)
            if handler is None:
                raise unreadable(f"byte {code:#04x} at {start} is no opcode that current libraries write", "bad-pickle")
            handler(self)
            if start < self.frame_end < stream.position:
                raise unreadable(f"the opcode at {start} reaches over the end of its frame", "bad-pickle")
            if code == _STOP:
                return self._stop()
        raise FarEnough

    @property
    def memo(self) -> Mapping[int, Value]:
        """What it remembers, by place."""
        return self._memo

    def _stop(self) -> Value:
        value = self._pop()
        if self._stack or self._below or self.frame_end > self.stream.position:
            raise unreadable("something is left over when the pickle stops", "bad-pickle")
        return value

    # The stack

    def _pop(self) -> Value:
        if not self._stack:
            raise unreadable(f"nothing on the stack at {self.stream.position}", "bad-pickle")
        return self._stack.pop()

    def _top(self) -> Value:
        if not self._stack:
            raise unreadable(f"nothing on the stack at {self.stream.position}", "bad-pickle")
        return self._stack[-1]

    def _to_mark(self) -> list[Value]:
        if not self._below:
            raise unreadable(f"no mark on the stack at {self.stream.position}", "bad-pickle")
        items, self._stack = self._stack, self._below.pop()
        return items

    def mark(self) -> None:
        if len(self._below) >= MAX_PICKLE_DEPTH:
            raise unreadable(f"more than {MAX_PICKLE_DEPTH} marks open at once", "too-deep")
        self._below.append(self._stack)
        self._stack = []

    def push(self, value: Value) -> None:
        if len(self._stack) >= MAX_PICKLE_OBJECTS:
            raise unreadable(f"more than {MAX_PICKLE_OBJECTS} objects on the stack", "too-large")
        self._stack.append(value)

    def pop(self) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._to_mark()

    def pop_mark(self) -> None:
        self._to_mark()

    def duplicate(self) -> None:
        self.push(self._top())

    # The memo

    def put(self, index: int) -> None:
        # CPython's unpickler makes room for every index up to this one: a far one takes all memory.
        if index > 2 * len(self._memo) + MAX_TEXT_ARGUMENT or len(self._memo) >= MAX_PICKLE_OBJECTS:
            raise unreadable(f"remembers an object at {index}, with {len(self._memo)} before it", "too-large")
        self._memo[index] = self._top()

    def memoize(self) -> None:
        self.has_memoized = True
        self.put(len(self._memo))

    def get(self, index: int) -> None:
        if index not in self._memo:
            raise unreadable(f"asks for object {index}, which was not remembered", "bad-pickle")
        self.push(self._memo[index])

    # Framing

    def protocol(self) -> None:
        protocol = self.stream.unsigned(1)
        if protocol > _HIGHEST_PROTOCOL:
            raise unreadable(f"protocol {protocol}; the highest known is {_HIGHEST_PROTOCOL}", "bad-pickle")

    def frame(self) -> None:
        size = self.stream.unsigned(8)
        if self.stream.position - 9 < self.frame_end or size > self.stream.left:
            raise unreadable("frames overlap or reach past the end", "bad-pickle")
        self.frame_end = self.stream.position + size

    # Values

    def text(self, width: int) -> None:
        count = self.stream.unsigned(width)
        if count > MAX_TEXT_ARGUMENT:
            self.push(Blob(self.stream.count_characters(count), is_text=True))
        else:
            self.push(self.stream.read(count).decode("utf-8", "surrogatepass"))

    def blob(self, width: int) -> None:
        count = self.stream.unsigned(width)
        data = self.stream.payload(count)
        self.push(Blob(count) if data is None else data)

    def byte_array(self) -> None:
        count = self.stream.unsigned(8)
        self.stream.skip(count)
        self.push(Blob(count))

    def old_text(self, width: int) -> None:
        """Python 2's `str`: text or bytes, as the reader's `encoding` has it."""
        count = self.stream.unsigned(width)
        data = self.stream.payload(count)
        self.push(Blob(count, is_text=True) if data is None else data.decode("latin-1"))

    def long(self, width: int) -> None:
        count = int.from_bytes(self.stream.read(width), "little", signed=True)
        if count < 0:
            raise unreadable("an integer of negative length", "bad-pickle")
        data = self.stream.payload(count)
        self.push(Blob(count) if data is None else int.from_bytes(data, "little", signed=True))

    def line_text(self) -> str | None:
        line = self.stream.line()
        return None if line is None else line.decode("utf-8", "surrogatepass")

    def line_integer(self) -> None:
        line = self.stream.line()
        if line in (b"00", b"01"):
            self.push(line == b"01")
        else:
            self.push(_integer(line))

    def line_long(self) -> None:
        line = self.stream.line()
        self.push(_integer(line.removesuffix(b"L") if line is not None else None))

    def line_float(self) -> None:
        line = self.stream.line()
        if line is None or not set(line) <= set(b"0123456789+-.eEinfaINFA"):
            raise unreadable("a line that is no number", "bad-pickle")
        self.push(float(line))

    def line_unicode(self) -> None:
        line = self.stream.line()
        self.push(Blob(None, is_text=True) if line is None else line.decode("raw-unicode-escape"))

    def line_string(self) -> None:
        line = self.stream.line()
        if line is None:
            self.push(Blob(None, is_text=True))
        elif len(line) >= 2 and line[:1] == line[-1:] and line[:1] in (b"'", b'"'):
            # Only plain text is kept: an escape could spell a name that is not seen here.
            self.push(line[1:-1].decode("latin-1") if b"\\" not in line else Blob(None, is_text=True))
        else:
            raise unreadable("a string without its quotes", "bad-pickle")

    def tuple_of(self, count: int) -> None:
        if len(self._stack) < count:
            raise unreadable(f"nothing on the stack at {self.stream.position}", "bad-pickle")
        items = tuple(self._stack[len(self._stack) - count :])
        del self._stack[len(self._stack) - count :]
        self.push(items)

    def tuple_to_mark(self) -> None:
        self.push(tuple(self._to_mark()))

    def list_to_mark(self) -> None:
        made = ListValue()
        made.add(self._to_mark(), self.context.keep)
        self.push(made)

    def dict_to_mark(self) -> None:
        items, made = self._to_mark(), DictValue()
        self._put_pairs(made, items)
        self.push(made)

    def set_to_mark(self) -> None:
        self._to_mark()
        self.push(SetValue())

    def append(self) -> None:
        value = self._pop()
        self._step(appended, self._top(), [value], self.context)

    def appends(self) -> None:
        items = self._to_mark()
        self._step(appended, self._top(), items, self.context)

    def add_items(self) -> None:
        self._to_mark()
        if not isinstance(self._top(), SetValue):
            self._refuse(Refused("pickle-items", "adds items to what is no set"))

    def set_item(self) -> None:
        value, key = self._pop(), self._pop()
        self._put_pairs(self._top(), [key, value])

    def set_items(self) -> None:
        items = self._to_mark()
        self._put_pairs(self._top(), items)

    def _put_pairs(self, target: Value, items: list[Value]) -> None:
        if len(items) % 2:
            raise unreadable("a key without a value", "bad-pickle")
        self._step(put_items, target, items)

    # What runs code

    def global_by_line(self) -> None:
        module, name = self.line_text(), self.line_text()
        self._import(module, name)

    def global_from_stack(self) -> None:
        name, module = self._pop(), self._pop()
        self._import(module, name)

    def _import(self, module: Value, name: Value) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise Refused("pickle-import", "imports a name that is put together on the way", Severity.CRITICAL)
        if self.context.is_guess and not _LIKELY_MODULE.fullmatch(module):
            raise unreadable(f"{module} names no module", "bad-pickle")
        made = Imported(module, name)
        self.imports.add(made)
        if is_allowed(made):
            self.push(made)
        else:
            self._note(import_finding(made))
            self.push(Unknown())

    def reduce(self) -> None:
        arguments, callee = self._pop(), self._pop()
        self.has_called |= isinstance(callee, Imported | Unknown)
        self.push(self._step(called, callee, arguments))

    def new(self) -> None:
        arguments, kind = self._pop(), self._pop()
        self.has_called |= isinstance(kind, Imported | Unknown)
        self.push(self._step(newly_made, kind, arguments))

    def build(self) -> None:
        state, target = self._pop(), self._pop()
        # What a refused import came to is refused already; a state adds nothing to it.
        result = target if isinstance(target, Unknown) else self._step(with_state, target, state)
        if self._follow is not None and isinstance(result, Made):
            result = self._follow(result, self)
        self.push(result)

    def persistent(self) -> None:
        name = self._pop()
        if self.context.persistent is None:
            raise Refused("pickle-persistent-id", "a persistent id, which stands for anything its reader likes")
        self.push(self._step(self.context.persistent, name))

    def instance(self) -> None:
        self.global_by_line()
        self._to_mark()
        self.has_called = True
        self.refuse_opcode("INST")

    def old_object(self) -> None:
        if any(isinstance(item, Imported | Unknown) for item in self._to_mark()[:1]):
            self.has_called = True
        self.refuse_opcode("OBJ")

    def refuse_opcode(self, name: str) -> None:
        raise Refused("pickle-opcode", f"opcode {name}, which no current library writes", Severity.CRITICAL)

    def stop_here(self) -> None:
        """STOP: `run` sees to it."""

    def _step(self, judge: Callable[..., Value], *arguments: object) -> Value:
        try:
            return judge(*arguments)
        except Refused as refused:
            self._refuse(refused)
            return Unknown()

    def _refuse(self, refused: Refused) -> None:
        self._note(refused.finding)

    def _note(self, found: Finding) -> None:
        if found not in self.findings:
            self.findings.append(found)
        if len(self.findings) >= MAX_FINDINGS:
            raise Refused("too-many-findings", "and more of that kind")


def broken(detail: str) -> Finding:
    """A pickle that cannot be followed to its end."""
    return finding("bad-pickle", detail, Severity.UNREADABLE)


def _integer(line: bytes | None) -> Value:
    if line is None:
        return Blob(None)
    digits = line[1:] if line[:1] in (b"-", b"+") else line
    if not digits.isdigit():
        raise unreadable("a line that is no integer", "bad-pickle")
    return int(line)


def _index_by_line(machine: PickleMachine) -> int:
    index = _integer(machine.stream.line())
    if not isinstance(index, int) or index < 0:
        raise unreadable("no place in the memo", "bad-pickle")
    return index


_Handler = Callable[[PickleMachine], None]


def _constant(value: Value) -> _Handler:
    return lambda machine: machine.push(value)


def _refused(name: str) -> _Handler:
    return lambda machine: machine.refuse_opcode(name)


_STOP = pickle.STOP[0]
_HANDLERS: Mapping[int, _Handler] = {
    code[0]: handler
    for code, handler in {
        pickle.MARK: PickleMachine.mark,
        pickle.STOP: PickleMachine.stop_here,
        pickle.POP: PickleMachine.pop,
        pickle.POP_MARK: PickleMachine.pop_mark,
        pickle.DUP: PickleMachine.duplicate,
        pickle.PROTO: PickleMachine.protocol,
        pickle.FRAME: PickleMachine.frame,
        pickle.NONE: _constant(None),
        pickle.NEWTRUE: _constant(True),
        pickle.NEWFALSE: _constant(False),
        pickle.INT: PickleMachine.line_integer,
        pickle.LONG: PickleMachine.line_long,
        pickle.FLOAT: PickleMachine.line_float,
        pickle.STRING: PickleMachine.line_string,
        pickle.UNICODE: PickleMachine.line_unicode,
        pickle.BININT: lambda machine: machine.push(int.from_bytes(machine.stream.read(4), "little", signed=True)),
        pickle.BININT1: lambda machine: machine.push(machine.stream.unsigned(1)),
        pickle.BININT2: lambda machine: machine.push(machine.stream.unsigned(2)),
        pickle.LONG1: lambda machine: machine.push(
            int.from_bytes(machine.stream.read(machine.stream.unsigned(1)), "little", signed=True)
        ),
        pickle.LONG4: lambda machine: machine.long(4),
        pickle.BINFLOAT: lambda machine: machine.push(machine.stream.double()),
        pickle.BINSTRING: lambda machine: machine.old_text(4),
        pickle.SHORT_BINSTRING: lambda machine: machine.old_text(1),
        pickle.BINBYTES: lambda machine: machine.blob(4),
        pickle.SHORT_BINBYTES: lambda machine: machine.blob(1),
        pickle.BINBYTES8: lambda machine: machine.blob(8),
        pickle.BYTEARRAY8: PickleMachine.byte_array,
        pickle.BINUNICODE: lambda machine: machine.text(4),
        pickle.SHORT_BINUNICODE: lambda machine: machine.text(1),
        pickle.BINUNICODE8: lambda machine: machine.text(8),
        pickle.EMPTY_TUPLE: _constant(()),
        pickle.TUPLE1: lambda machine: machine.tuple_of(1),
        pickle.TUPLE2: lambda machine: machine.tuple_of(2),
        pickle.TUPLE3: lambda machine: machine.tuple_of(3),
        pickle.TUPLE: PickleMachine.tuple_to_mark,
        pickle.EMPTY_LIST: lambda machine: machine.push(ListValue()),
        pickle.LIST: PickleMachine.list_to_mark,
        pickle.EMPTY_DICT: lambda machine: machine.push(DictValue()),
        pickle.DICT: PickleMachine.dict_to_mark,
        pickle.EMPTY_SET: lambda machine: machine.push(SetValue()),
        pickle.FROZENSET: PickleMachine.set_to_mark,
        pickle.APPEND: PickleMachine.append,
        pickle.APPENDS: PickleMachine.appends,
        pickle.ADDITEMS: PickleMachine.add_items,
        pickle.SETITEM: PickleMachine.set_item,
        pickle.SETITEMS: PickleMachine.set_items,
        pickle.PUT: lambda machine: machine.put(_index_by_line(machine)),
        pickle.BINPUT: lambda machine: machine.put(machine.stream.unsigned(1)),
        pickle.LONG_BINPUT: lambda machine: machine.put(machine.stream.unsigned(4)),
        pickle.MEMOIZE: PickleMachine.memoize,
        pickle.GET: lambda machine: machine.get(_index_by_line(machine)),
        pickle.BINGET: lambda machine: machine.get(machine.stream.unsigned(1)),
        pickle.LONG_BINGET: lambda machine: machine.get(machine.stream.unsigned(4)),
        pickle.GLOBAL: PickleMachine.global_by_line,
        pickle.STACK_GLOBAL: PickleMachine.global_from_stack,
        pickle.REDUCE: PickleMachine.reduce,
        pickle.NEWOBJ: PickleMachine.new,
        pickle.BUILD: PickleMachine.build,
        pickle.BINPERSID: PickleMachine.persistent,
        pickle.INST: PickleMachine.instance,
        pickle.OBJ: PickleMachine.old_object,
        pickle.NEWOBJ_EX: _refused("NEWOBJ_EX"),
        pickle.EXT1: _refused("EXT1"),
        pickle.EXT2: _refused("EXT2"),
        pickle.EXT4: _refused("EXT4"),
        pickle.PERSID: _refused("PERSID"),
        pickle.NEXT_BUFFER: _refused("NEXT_BUFFER"),
        pickle.READONLY_BUFFER: _refused("READONLY_BUFFER"),
    }.items()
}
