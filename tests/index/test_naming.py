"""Names order versions as they were published, whatever the clock said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import IndexStore, Manifest, build_index, writing
from index.mirrored import MirroredStore
from index.naming import age, is_of_build, name_after
from index.retention import prune
from tests.index.vectors import shop, unit_rows

DIGEST = "0123abcd" * 8
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@given(st.lists(st.integers(-(10**10), 10**10), max_size=30))
def test_each_name_is_later_than_all_before_it(clock_ms: list[int]) -> None:
    """Also within a millisecond, and after the clock was set back by months."""
    names: list[str] = []
    for ms in clock_ms:
        names.append(name_after(names, NOON + timedelta(milliseconds=ms), DIGEST))
    assert all(map(is_of_build, names))
    assert names == sorted(set(names))
    assert names == sorted(names, key=lambda name: age(name, 0))


def test_a_name_is_the_time_by_a_clock_that_goes_on() -> None:
    first = name_after([], NOON, DIGEST)
    assert first == "20260101T120000.000Z-0123abcd"
    later = NOON + timedelta(seconds=90, microseconds=1_999)
    assert name_after([first], later, DIGEST) == "20260101T120130.001Z-0123abcd"


@pytest.mark.parametrize(
    "name",
    [
        "spring",
        "99999999T999999.999Z-0123abcd",
        "99991231T235959.999Z-0123abcd",  # nothing is later: every build ended with an error
        "x" * 100,
        "",
    ],
)
def test_a_name_that_no_build_has_given_moves_no_clock(name: str) -> None:
    assert name_after([name], NOON, DIGEST) == "20260101T120000.000Z-0123abcd"


def test_a_name_that_no_build_has_given_is_as_old_as_its_build() -> None:
    at_noon_ms = int(NOON.timestamp() * 1000)
    older, newer = (name_after([], NOON + timedelta(hours=n), DIGEST) for n in (-1, 1))
    assert age(older, 0) < age("spring", at_noon_ms) < age(newer, 0)
    assert age("spring", 2**63) > age(newer, 0)


class Clock:
    """In the place of ``datetime``: tells what it is set to."""

    def __init__(self) -> None:
        self.at = NOON

    def now(self, zone: Any) -> datetime:
        assert zone is UTC
        return self.at


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(writing, "datetime", clock)
    return clock


def build(store: IndexStore, n: int) -> Manifest:
    return build_index(store, shop(n), unit_rows(n), encoder_version="mini-1", engine="exact")


@pytest.fixture(params=["folder", "memory"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> IndexStore:
    if request.param == "folder":
        return IndexStore(tmp_path / "store")
    return MirroredStore(tmp_path / "store", f"memory://{tmp_path.name}/shop")


def test_what_is_built_after_the_clock_was_set_back_is_the_newest(
    any_store: IndexStore, clock: Clock
) -> None:
    """Retention took it for the oldest, which goes first."""
    first = build(any_store, 3)
    clock.at -= timedelta(hours=1)
    second, third = build(any_store, 4), build(any_store, 5)
    assert any_store.versions() == [third, second, first]
    assert any_store.before_current() == second.version
    any_store.set_current(first.version)
    assert prune(any_store, 1) == [second.version]
    assert any_store.versions() == [third, first]
    # How old its vectors are is another question, and the clock's answer is the only one.
    assert third.created_at_ms == first.created_at_ms - 3_600_000
