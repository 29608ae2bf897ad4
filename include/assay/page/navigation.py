"""The ways through the pages, in one list: a new page adds its line here."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Section:
    """path: below the application's root. per_model: whether it is about one model, whose name then ends the path."""

    title: str
    path: str
    per_model: bool = False

    def is_at(self, title: str) -> bool:
        """Whether the page of that title is in this section."""
        return title.startswith(self.title)


SECTIONS = (
    Section("Gate board", "/"),
    Section("Search", "/search"),
    Section("Timeline", "/model/", per_model=True),
    Section("Lineage", "/lineage?ref=model/", per_model=True),
    Section("Control map", "/controls?ref=model/", per_model=True),
)
