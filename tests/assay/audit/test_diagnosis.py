"""Any list of entries against what was signed for: the differences, and nothing but the differences, are named."""

from hypothesis import given
from hypothesis import strategies as st

from assay.audit.diagnosis import diagnose
from assay.audit.findings import Kind

logs = st.integers(1, 30).map(lambda size: [bytes([number]) * 32 for number in range(size)])
NEW = b"\xff" * 32


def kinds(found, signed):
    return [(kind, place) for kind, place, _ in diagnose(found, signed)]


@given(logs)
def test_equal_lists_have_no_difference(log):
    assert diagnose(log, log) == []


@given(logs, st.data())
def test_one_changed_entry_is_an_edit_there(log, data):
    place = data.draw(st.integers(0, len(log) - 1))
    assert kinds([*log[:place], NEW, *log[place + 1 :]], log) == [(Kind.EDITED, place)]


@given(logs, st.data())
def test_one_removed_entry_is_named_whether_or_not_the_others_close_up(log, data):
    place = data.draw(st.integers(0, len(log) - 1))
    kind = Kind.REMOVED if place < len(log) - 1 else Kind.TAIL_DROPPED
    assert kinds([*log[:place], None, *log[place + 1 :]], log) == [(kind, place)]
    assert kinds([*log[:place], *log[place + 1 :], None], log) == [(kind, place)]


@given(logs, st.data())
def test_one_new_entry_is_an_insertion_there(log, data):
    place = data.draw(st.integers(0, len(log)))
    assert kinds([*log[:place], NEW, *log[place:]], [*log, None]) == [(Kind.INSERTED, place)]


@given(logs, st.data())
def test_one_entry_told_again_is_a_replay_at_the_second_place(log, data):
    place = data.draw(st.integers(0, len(log) - 1))
    assert kinds([*log, log[place]], [*log, None]) == [(Kind.REPLAYED, len(log))]


@given(logs, st.data())
def test_two_swapped_entries_are_both_named(log, data):
    one, other = sorted(data.draw(st.tuples(*[st.integers(0, len(log) - 1)] * 2)))
    swapped = list(log)
    swapped[one], swapped[other] = log[other], log[one]
    assert kinds(swapped, log) == ([(Kind.REORDERED, one), (Kind.REORDERED, other)] if one != other else [])


@given(logs, st.randoms())
def test_any_other_list_is_different(log, chance):
    shuffled = list(log)
    chance.shuffle(shuffled)
    assert bool(diagnose(shuffled, log)) == (shuffled != log)
