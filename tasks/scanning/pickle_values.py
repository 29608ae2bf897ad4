"""What a pickle's stack holds while it is walked: as much of each value as tells whether a step is safe."""

from dataclasses import dataclass, field
from typing import TypeAlias

from tasks.scanning.limits import MAX_KEPT_ITEMS


@dataclass(frozen=True)
class Blob:
    """Bytes or long text that were not read; `size` in bytes, or characters of text; None where not counted."""

    size: int | None
    is_text: bool = False


@dataclass(frozen=True)
class Imported:
    """A name that the pickle imports. What may be done with it is asked where it is done."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass
class Made:
    """An object made by an allowed step. `fact` is what later steps need of it, such as an array's bytes an item."""

    of: str
    fact: "Value" = None


@dataclass(frozen=True)
class Unknown:
    """What came of a refused step."""


@dataclass
class ListValue:
    """Its length, and as many of the first items as whoever reads it asks for."""

    items: list["Value"] = field(default_factory=list)
    count: int = 0

    def add(self, values: list["Value"], keep: int) -> None:
        self.count += len(values)
        self.items.extend(values[: max(0, keep - len(self.items))])


@dataclass
class DictValue:
    """The first entries with text keys. has_dunder: some key could stand in for a method that Python calls itself."""

    items: dict[str, "Value"] = field(default_factory=dict)
    count: int = 0
    has_dunder: bool = False
    is_state: bool = False

    def put(self, key: "Value", value: "Value") -> None:
        self.count += 1
        if isinstance(key, str):
            self.has_dunder |= key.startswith("__")
            if key in self.items or len(self.items) < MAX_KEPT_ITEMS:
                self.items[key] = value

    @property
    def is_whole(self) -> bool:
        """Every entry is kept."""
        return self.count == len(self.items)


@dataclass
class SetValue:
    """A set; its members are looked at one by one and not kept."""


Value: TypeAlias = (
    bool
    | int
    | float
    | str
    | bytes
    | tuple["Value", ...]
    | Blob
    | Imported
    | Made
    | Unknown
    | ListValue
    | DictValue
    | SetValue
    | None
)
