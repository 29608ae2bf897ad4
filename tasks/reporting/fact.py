"""A value together with where it stands in the report's document, so that no number is shown without its source."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from assay.json_types import Json


@dataclass(frozen=True)
class Fact:
    """value: None where nothing is said. pointer: JSON Pointer (RFC 6901) into the document that the page carries."""

    value: Json
    pointer: str = ""

    @property
    def is_there(self) -> bool:
        return self.value is not None

    @property
    def number(self) -> float | None:
        """None for all but numbers; a truth value is none."""
        is_number = isinstance(self.value, int | float) and not isinstance(self.value, bool)
        return float(self.value) if is_number else None  # type: ignore[arg-type]  # it is a number

    @property
    def text(self) -> str:
        """ "" for all but texts."""
        return self.value if isinstance(self.value, str) else ""

    def at(self, *keys: str | int) -> Self:
        """What stands below; a fact without value where nothing does, whatever the shape."""
        found = self
        for key in keys:
            found = type(self)(_below(found.value, key), f"{found.pointer}/{_escaped(key)}")
        return found

    def items(self) -> list[tuple[str, Self]]:
        """Of a mapping, in its order; none of anything else."""
        keys = list(self.value) if isinstance(self.value, Mapping) else []
        return [(key, self.at(key)) for key in keys]

    def each(self) -> list[Self]:
        """Of a list; none of anything else."""
        is_list = isinstance(self.value, Sequence) and not isinstance(self.value, str)
        return [self.at(place) for place in range(len(self.value))] if is_list else []  # type: ignore[arg-type]

    def leaves(self) -> Iterator[Self]:
        """Every value below that holds no other."""
        below = [fact for _, fact in self.items()] or self.each()
        if not below:
            yield self
        for fact in below:
            yield from fact.leaves()


def _below(value: Json, key: str | int) -> Json:
    if isinstance(value, Mapping):
        return value.get(str(key))
    if isinstance(value, Sequence) and not isinstance(value, str) and isinstance(key, int) and 0 <= key < len(value):
        return value[key]
    return None


def _escaped(key: str | int) -> str:
    return str(key).replace("~", "~0").replace("/", "~1")
