"""JSON that two readers could read differently, or that is made to hurt, is refused at once."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.digests import canonical_json
from assay.errors import SpecError
from assay.lineage.strict_json import DEEPEST, parse_array, parse_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_what_is_json_comes_back(value: object) -> None:
    assert parse_json(canonical_json(value)) == value  # type: ignore[arg-type]


@given(st.lists(JSON, max_size=5), st.sampled_from(["", " ", "\n\t"]))
def test_an_array_is_its_elements(values: list[object], space: str) -> None:
    told = f"{space},{space}".join(canonical_json(value).decode() for value in values)  # type: ignore[arg-type]
    assert list(parse_array(f"{space}[{space}{told}{space}]{space}".encode())) == values


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b'{"a": 1, "a": 2}', "'a' more than once"),
        (b'[{"b": {"a": 1, "c": 0, "a": 1}}]', "'a' more than once"),
        (b'{"a": NaN}', "NaN"),
        (b"[-Infinity]", "Infinity"),
        (b"{} {}", "after it"),
        (b'"\xff"', "UTF-8"),
        (b"\xef\xbb\xbf{}", "expected JSON"),
        (b"[" * (DEEPEST + 2) + b"]" * (DEEPEST + 2), "nested at most"),
        (b"[" * 1_000_000, "expected JSON"),
        (b"9" * 5_000, "expected JSON"),
        (b"", "expected JSON"),
    ],
    ids=range(11),
)
def test_what_readers_could_read_differently_is_refused(text: bytes, reason: str) -> None:
    with pytest.raises(SpecError, match=reason):
        parse_json(text)


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[", b"[1", b"[1,", b"[1,]", b"[,1]", b"[1 2]", b"[1] 2", b"[1]]", b'[{"a":1,"a":1}]']
)
def test_what_is_no_array_is_refused(text: bytes) -> None:
    with pytest.raises(SpecError):
        list(parse_array(text))


@given(st.binary(max_size=60))
def test_no_bytes_make_the_parser_fail_otherwise(text: bytes) -> None:
    for parse in (parse_json, lambda told: list(parse_array(told))):
        try:
            parse(text)
        except SpecError as error:
            assert str(error)


@pytest.mark.parametrize(
    "text",
    [
        b"{" + b",".join(b'"%d":1' % number for number in range(300_000)) + b',"7":1}',
        b"[" + b"[]," * 1_000_000 + b"[]]",
        b'"' + b"\\" * 3_999_998 + b'"',
        b" " * 4_000_000,
        b"[" + b" " * 4_000_000,
    ],
    ids=["many keys, one twice", "many arrays", "many escapes", "space", "space in an array"],
)
def test_hostile_text_of_the_greatest_size_is_answered_in_seconds(text: bytes) -> None:
    started = time.perf_counter()
    for parse in (parse_json, lambda told: list(parse_array(told))):
        try:
            parse(text)
        except SpecError:
            continue
    assert time.perf_counter() - started < 20
