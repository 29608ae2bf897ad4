"""The reference page says what the types say."""

from pathlib import Path

from assay.spec_reference import reference
from assay.spec_shape import all_fields

PAGE = Path(__file__).parents[2] / "docs/reference/spec.md"


def test_page_is_the_one_the_types_generate() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), "python -m assay.spec_reference > docs/reference/spec.md"


def test_every_key_is_in_the_page() -> None:
    text = reference()
    assert {str(path[-1]) for path in all_fields() if f"| `{path[-1]}` |" not in text} == set()
