"""Reads a report as a browser's parser does: texts, elements, and each marked number with the fact it claims to be."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

VOID = {"meta", "img", "br", "input", "link"}


@dataclass
class Page(HTMLParser):
    """elements: (tag, attributes). numbers: (pointer, value, shown). data: what the page carries as JSON."""

    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    numbers: list[tuple[str, str, str]] = field(default_factory=list)
    headings: list[tuple[int, str]] = field(default_factory=list)
    words: str = ""
    styles: str = ""
    data: Any = None

    def __post_init__(self) -> None:
        HTMLParser.__init__(self)
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.elements.append((tag, attributes))
        if tag not in VOID:
            self._open.append(tag)
        if tag == "data":
            self.numbers.append((attributes["data-fact"], attributes["value"], ""))
        if tag[0] == "h" and tag[1:].isdigit():
            self.headings.append((int(tag[1:]), ""))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag, f"</{tag}> closes another element, near {self.getpos()}"

    def handle_data(self, data: str) -> None:
        inside = self._open[-1] if self._open else ""
        if inside == "script":
            self.data = json.loads(data)
        elif inside == "style":
            self.styles += data
        else:
            self.words += data
        if inside == "data":
            pointer, value, shown = self.numbers[-1]
            self.numbers[-1] = (pointer, value, shown + data)
        if self.headings and inside == f"h{self.headings[-1][0]}":
            self.headings[-1] = (self.headings[-1][0], self.headings[-1][1] + data)

    def whole(self) -> "Page":
        assert not self._open, self._open
        return self

    def all(self, tag: str) -> Iterator[dict[str, str]]:
        return (attributes for name, attributes in self.elements if name == tag)

    def section(self, title: str) -> str:
        """The words from one heading of the first page to the next."""
        return self.words.split(title, 1)[1].split("What ", 1)[0]


def read_page(html: bytes) -> Page:
    page = Page()
    page.feed(html.decode())
    page.close()
    return page.whole()


def resolve(document: Any, pointer: str) -> Any:
    """RFC 6901."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        document = document[int(key)] if isinstance(document, list) else document[key]
    return document


def is_rounded(shown: str, value: float) -> bool:
    """Whether `shown` is `value` to the digits that are shown."""
    text = shown.replace("\u202f", "").split(" ")[0]
    number, scale = (text[:-1], 100) if text.endswith("%") else (text, 1)
    if "e" in number or "." not in number:
        return float(number) == float(f"{value * scale:.4g}") or float(number) == value * scale
    return abs(float(number) - value * scale) <= 0.5000001 * 10 ** -len(number.split(".")[1])
