"""The law of verification: only the log that was signed verifies, and its own beginnings; nothing else does."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.audit.place import Place
from assay.audit.verify_log import verify_log
from assay.checkpoint import Checkpoint
from assay.merkle import Frontier, leaf_hash
from assay.signing import KeyRing
from tests.assay.test_ledger import envelope, report

SIZE = 9


@pytest.fixture(scope="module")
def signed(tmp_path_factory):
    """(keys, the places of a genuine log, a statement signed by a genuine key that the log does not have)."""
    keys = KeyRing.open(tmp_path_factory.mktemp("keys"))
    places, frontier = [], Frontier()
    for number in range(SIZE):
        text = envelope(keys, report(number)).to_bytes()
        nodes, frontier = frontier.completed(leaf_hash(text)), frontier.append(leaf_hash(text))
        note = Checkpoint(frontier.size, frontier.root()).signed(keys)
        places.append(Place(number, text.decode(), note, nodes))
    return keys, places, envelope(keys, report(99)).to_bytes().decode()


def holds(keys, places):
    return verify_log(lambda: sorted(places, key=lambda place: place.seq), keys).ok


def test_the_log_and_its_beginnings_hold(signed):
    keys, places, _ = signed
    assert all(holds(keys, places[:size]) for size in range(SIZE + 1))


parts = st.sampled_from(["envelope", "note", "nodes"])
where = st.integers(0, SIZE - 1)
changes = st.one_of(
    st.tuples(st.just("clear"), where, parts),
    st.tuples(st.just("copy"), where, parts, where),
    st.tuples(st.just("swap"), where, parts, where),
    st.tuples(st.just("empty"), where),
    st.tuples(st.just("forge"), where),
    st.tuples(st.just("forge leaf"), where),
    st.tuples(st.just("drop"), where),
    st.tuples(st.just("renumber"), where, st.integers(-1, SIZE + 1)),
)


def changed(places, change, forged):
    kind, place, *rest = change
    result = {one.seq: one for one in places}
    if place not in result:
        return places
    one = result[place]
    if kind == "drop":
        del result[place]
    elif kind == "empty":
        result[place] = Place(place)
    elif kind == "clear":
        result[place] = replace(one, **{rest[0]: None})
    elif kind == "forge":
        result[place] = replace(one, envelope=forged)
    elif kind == "forge leaf":
        nodes = (leaf_hash(forged.encode()), *(one.nodes or ())[1:])
        result[place] = replace(one, envelope=forged, nodes=nodes)
    elif kind == "renumber":
        del result[place]
        result[rest[0]] = replace(one, seq=rest[0])
    elif rest[1] in result:
        part, other = rest[0], result[rest[1]]
        result[place] = replace(one, **{part: getattr(other, part)})
        if kind == "swap":
            result[rest[1]] = replace(other, **{part: getattr(one, part)})
    return sorted(result.values(), key=lambda one: one.seq)


@settings(max_examples=400)
@given(st.lists(changes, min_size=1, max_size=5))
def test_no_other_list_of_places_verifies(signed, many):
    keys, places, forged = signed
    result = places
    for change in many:
        result = changed(result, change, forged)
    assert holds(keys, result) == (result == places[: len(result)])


def test_entry_taken_out_of_a_bundle_line_is_missed(signed):
    keys, places, _ = signed
    for place in range(SIZE):
        result = [*places[:place], Place(place), *places[place + 1 :]]
        assert not holds(keys, result)


def test_entry_moved_into_the_place_of_a_removed_one_is_missed(signed):
    keys, places, _ = signed
    moved = [places[0], Place(1, places[2].envelope), replace(places[2], envelope=None)]
    assert not holds(keys, moved)


def test_hostile_nesting_is_named_not_stumbled_over(signed):
    keys, places, _ = signed
    assert not holds(keys, [replace(places[0], envelope="[" * 100_000), *places[1:]])
