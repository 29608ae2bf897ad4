import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import SpecError
from assay.row_content import Likeness, normalised_text, row_digests


def digests(values: object, kind: pa.DataType, likeness: Likeness) -> list[bytes]:
    return row_digests(pa.RecordBatch.from_arrays([pa.array(values, kind)], ["x"]), ["x"], likeness)


def test_an_image_served_as_floats_is_the_image_collected_as_bytes() -> None:
    nested = pa.list_(pa.list_(pa.uint8(), 2), 2)
    collected = digests([[[1, 2], [3, 4]], [[5, 6], [7, 8]]], nested, Likeness.SAME_INPUT)
    served = digests([[1, 2, 3, 4], [5, 6, 7, 8]], pa.list_(pa.float32()), Likeness.SAME_INPUT)
    assert collected == served
    as_bytes, as_floats = (digests([[1, 2]], pa.list_(kind), Likeness.EXACT) for kind in (pa.uint8(), pa.float32()))
    assert as_bytes != as_floats


def test_ragged_lists_keep_their_borders() -> None:
    nested = pa.list_(pa.list_(pa.int64()))
    first, second, third = digests([[[1], [2, 3]], [[1, 2]], [[1, 2, 3]]], nested, Likeness.SAME_INPUT)
    assert first == third != second


def test_float64_and_the_float32_it_is_served_as_are_one_input() -> None:
    assert digests([0.1, -0.0], pa.float64(), Likeness.SAME_INPUT) == digests(
        [0.1, 0.0], pa.float32(), Likeness.SAME_INPUT
    )


def test_a_missing_number_is_not_zero() -> None:
    missing, zero = digests([None, 0.0], pa.float64(), Likeness.SAME_INPUT)
    assert missing != zero


def test_near_copies_of_a_text_are_one_and_others_are_not() -> None:
    first, copy, other = digests(["Win $500\n NOW", "win  $9 now", "win $9 later"], pa.string(), Likeness.NEAR)
    assert first == copy != other
    assert len(set(digests(["Win $500 NOW", "win $9 now"], pa.string(), Likeness.SAME_INPUT))) == 2


@given(st.text())
def test_normalising_is_done_once(text: str) -> None:
    assert normalised_text(normalised_text(text)) == normalised_text(text)


@given(st.lists(st.tuples(st.text(), st.text()), min_size=2, max_size=5, unique=True))
def test_cells_do_not_run_into_each_other(cells: list[tuple[str, str]]) -> None:
    batch = pa.RecordBatch.from_pydict({"a": [a for a, _ in cells], "b": [b for _, b in cells]})
    assert len(set(row_digests(batch, ["a", "b"], Likeness.EXACT))) == len(cells)


def test_rows_without_columns_are_refused() -> None:
    with pytest.raises(SpecError, match="at least one column"):
        row_digests(pa.RecordBatch.from_pydict({"a": [1]}), [], Likeness.EXACT)


@pytest.mark.parametrize("kind", [pa.bool_(), pa.int64(), pa.float32(), pa.decimal128(22, 2)])
def test_missing_values_of_any_number_type_have_a_digest_of_their_own(kind: pa.DataType) -> None:
    values = pa.array([0, None, 1]).cast(kind)
    batch = pa.RecordBatch.from_arrays([values], ["x"])
    assert all(len(set(row_digests(batch, ["x"], likeness))) == 3 for likeness in Likeness)
