"""A text as words and the spaces between them, and edits of single words."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

_WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class Edit:
    """`word` in the place of the word at `place`; nothing, ``, for a deletion; before it when `is_new`."""

    place: int
    word: str
    is_new: bool = False

    @property
    def is_deletion(self) -> bool:
        return not self.word


@dataclass(frozen=True)
class Wording:
    """words: runs without a space. spaces: before each word, and after the last; one more than words."""

    words: tuple[str, ...]
    spaces: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Self:
        return cls(tuple(_WORD.findall(text)), tuple(_WORD.split(text)))

    def edited(self, edits: Iterable[Edit]) -> str:
        """The text with these edits; at most one of a word, and any number before it."""
        words, spaces = list(self.words), list(self.spaces)
        new: dict[int, list[str]] = {}
        for edit in edits:
            if edit.is_new:
                new.setdefault(edit.place, []).append(edit.word)
            elif edit.is_deletion:
                words[edit.place] = spaces[edit.place if edit.place else 1] = ""
            else:
                words[edit.place] = edit.word
        for place, inserted in new.items():
            if place < len(words):
                words[place] = " ".join([*inserted, words[place]])
            else:
                spaces[-1] = "".join(f" {word}" for word in inserted) + spaces[-1]
        return "".join(part for pair in zip(spaces, [*words, ""], strict=True) for part in pair)

    def without(self, first: int, last: int) -> str:
        """The text without the words from `first` on and before `last`."""
        return self.edited(Edit(place, "") for place in range(first, last))
