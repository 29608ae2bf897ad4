"""What served then: of each name the last switch by that time, unless it was a cut-out."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from assay.lineage.served import served
from assay.lineage.store import LineageStore
from assay.settings import Settings

START = datetime(2026, 11, 21, tzinfo=UTC)
switches = st.lists(
    st.tuples(st.sampled_from(["adult", "mnist", "spam"]), st.integers(0, 6), st.sampled_from(["deploy", "cut_out"])),
    max_size=12,
)


@pytest.fixture
def lineage(database_url: str) -> Iterator[LineageStore]:
    with contextlib.closing(LineageStore.open(Settings(database_url=SecretStr(database_url)))) as store:
        yield store


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(switches, st.integers(-1, 7))
def test_served_is_what_going_through_all_switches_finds(
    lineage: LineageStore, told: list[tuple[str, int, str]], minute: int
) -> None:
    _switch(lineage, told)
    found = [(row.name, row.version, row.since, row.until) for row in served(lineage, _at(minute))]
    assert found == _by_hand(told, minute)
    for name in ("adult", "mnist", "spam", "other"):
        assert [row.name for row in served(lineage, _at(minute), name)] == [row[0] for row in found if row[0] == name]


def _by_hand(told: list[tuple[str, int, str]], minute: int) -> list[tuple[str, str, datetime, datetime | None]]:
    found = []
    for name in sorted({name for name, _, _ in told}):
        own = sorted((at, seq, step) for seq, (other, at, step) in enumerate(told) if other == name)
        before, after = [s for s in own if s[0] <= minute], [s for s in own if s[0] > minute]
        if before and before[-1][2] != "cut_out":
            at, seq, _ = before[-1]
            found.append((name, str(seq), _at(at), _at(after[0][0]) if after else None))
    return found


def _switch(lineage: LineageStore, told: list[tuple[str, int, str]]) -> None:
    with lineage.database.transaction() as connection:
        connection.execute("TRUNCATE assay_lineage.servings")
        for seq, (name, minute, step) in enumerate(told):
            connection.execute(
                "INSERT INTO assay_lineage.servings VALUES (%s, %s, %s, %s, '', '', '', %s)",
                (seq, name, step, str(seq), _at(minute)),
            )


def _at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)
