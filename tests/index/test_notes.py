"""Pointing and removing in a store without locks: the pointer never names what is gone."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import combinations
from typing import Any

import fsspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index import UnknownVersionError
from index.errors import CurrentVersionError
from index.notes import clear_old, held, removing
from index.object_store import ObjectStore

FIRST, SECOND, THIRD = (f"2026010{n}T120000.000Z-0123abc{n}" for n in (1, 2, 3))


class KilledError(BaseException):
    """As kill -9: whoever is told so does nothing any more."""


class Actor(ObjectStore):
    """An object store whose every step waits for its turn, and may be the last one."""

    def __init__(self, url: str, wait: Callable[[], None], lives: int) -> None:
        super().__init__(url)
        self._wait = wait
        self._lives = lives

    def _turn(self) -> None:
        self._lives -= 1
        if self._lives < 0:
            raise KilledError
        self._wait()

    def read(self, *args: Any) -> bytes | None:
        self._turn()
        return super().read(*args)

    def files(self) -> list[str]:
        self._turn()
        return super().files()

    def touch(self, path: str) -> None:
        self._turn()
        super().touch(path)

    def remove_file(self, path: str) -> None:
        self._turn()
        super().remove_file(path)

    def set_current(self, version: str) -> None:
        self._turn()
        super().set_current(version)

    def remove(self, name: str, first: str = "manifest.json") -> None:
        self.remove_file(f"{name}/{first}")
        self._turn()
        super().remove_file(f"{name}/vectors.npy")


def point(store: ObjectStore, version: str) -> None:
    with held(store, version):
        store.set_current(version)


def remove(store: ObjectStore, version: str) -> None:
    with removing(store, version):
        store.remove(version)


@pytest.fixture
def url() -> Iterator[str]:
    place = f"memory://{uuid.uuid4().hex}"
    fill(place)
    yield place
    fsspec.filesystem("memory").rm(place, recursive=True)


def fill(url: str) -> None:
    fs, root = fsspec.url_to_fs(url)
    for version in (FIRST, SECOND, THIRD):
        for name in ("manifest.json", "vectors.npy"):
            fs.pipe_file(f"{root}/{version}/{name}", b"{}")
    fs.pipe_file(f"{root}/CURRENT", f"{FIRST}\n".encode())


def names_what_is_there(url: str) -> bool:
    current = ObjectStore(url).current()
    return current is not None and files(url, current) == ["manifest.json", "vectors.npy"]


def files(url: str, version: str) -> list[str]:
    fs, root = fsspec.url_to_fs(url)
    return sorted(path.rpartition("/")[2] for path in fs.find(f"{root}/{version}"))


class Turns:
    """Lets one actor after the other take a step, as a schedule says; then all that are left."""

    def __init__(self, schedule: list[int]) -> None:
        self._schedule = schedule
        self._changed = threading.Condition()
        self._waiting: set[int] = set()
        self._running: set[int] = set()
        self._next: int | None = None

    def play(self, acts: list[Callable[[Callable[[], None]], None]]) -> None:
        """Run all acts; each is given what it calls before a step."""
        self._running = set(range(len(acts)))
        threads = [threading.Thread(target=self._run, args=(i, act)) for i, act in enumerate(acts)]
        for thread in threads:
            thread.start()
        with self._changed:
            while self._running:
                assert self._changed.wait_for(lambda: self._waiting == self._running, 30)
                if not self._running:
                    break
                among = sorted(self._waiting)
                chosen = among[(self._schedule.pop(0) if self._schedule else 0) % len(among)]
                self._waiting.discard(chosen)
                self._next = chosen
                self._changed.notify_all()
        for thread in threads:
            thread.join()

    def _run(self, number: int, act: Callable[[Callable[[], None]], None]) -> None:
        def wait() -> None:
            with self._changed:
                self._waiting.add(number)
                self._changed.notify_all()
                assert self._changed.wait_for(lambda: self._next == number, 30)
                self._next = None

        with suppress(KilledError, UnknownVersionError, CurrentVersionError):
            act(wait)
        with self._changed:
            self._running.discard(number)
            self._changed.notify_all()


def test_of_one_who_points_and_one_who_removes_one_gives_way_or_both_do(url: str) -> None:
    """All orders in which their steps can come."""
    n_pointed = n_removed = 0
    for first_steps in combinations(range(11), 5):
        fill(url)
        schedule = [0 if step in first_steps else 1 for step in range(11)]
        Turns(schedule).play(
            [
                lambda wait: point(Actor(url, wait, 99), SECOND),
                lambda wait: remove(Actor(url, wait, 99), SECOND),
            ]
        )
        assert names_what_is_there(url)
        pointed, removed = ObjectStore(url).current() == SECOND, ObjectStore(url).is_gone(SECOND)
        assert not (pointed and removed)
        n_pointed += pointed
        n_removed += removed
    assert n_pointed > 20
    assert n_removed > 20


@settings(deadline=None, max_examples=500)
@given(
    asked=st.lists(
        st.tuples(
            st.sampled_from([point, remove]),
            st.sampled_from([FIRST, SECOND]),
            st.sampled_from([1, 2, 3, 4, 5, 99, 99, 99, 99, 99]),
        ),
        min_size=3,
        max_size=4,
    ),
    schedule=st.lists(st.integers(0, 11), min_size=25, max_size=25),
)
def test_in_whatever_order_steps_come_the_pointer_names_what_is_there(
    asked: list[tuple[Callable[[ObjectStore, str], None], str, int]], schedule: list[int]
) -> None:
    """Some of those who point and remove are killed on the way, too."""
    url = f"memory://{uuid.uuid4().hex}"
    fill(url)

    def act(what: Callable[[ObjectStore, str], None], version: str, lives: int) -> Any:
        return lambda wait: what(Actor(url, wait, lives), version)

    Turns(schedule).play([act(*each) for each in asked])
    assert names_what_is_there(url)
    fsspec.filesystem("memory").rm(url, recursive=True)


def killed(
    url: str, what: Callable[[ObjectStore, str], None], version: str, after_steps: int
) -> None:
    with suppress(KilledError):
        what(Actor(url, lambda: None, after_steps), version)


@pytest.fixture
def a_day_later(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    return lambda: monkeypatch.setattr("index.object_store._ABANDONED_AFTER_S", -5.0)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_who_is_killed_before_pointing_keeps_the_version_for_a_day(
    url: str, steps: int, a_day_later: Callable[[], None]
) -> None:
    killed(url, point, SECOND, steps)
    store = ObjectStore(url)
    assert store.current() == FIRST
    with pytest.raises(CurrentVersionError, match="being made current"):
        remove(store, SECOND)
    point(store, SECOND)  # who comes next may
    point(store, FIRST)
    a_day_later()
    remove(store, SECOND)
    assert store.is_gone(SECOND)


def test_who_is_killed_after_pointing_has_pointed(
    url: str, a_day_later: Callable[[], None]
) -> None:
    killed(url, point, SECOND, 4)
    store = ObjectStore(url)
    assert store.current() == SECOND
    point(store, THIRD)
    with pytest.raises(CurrentVersionError, match="being made current"):
        remove(store, SECOND)
    a_day_later()
    remove(store, SECOND)
    assert names_what_is_there(url)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_who_is_killed_before_removing_leaves_a_version_that_is_served_and_not_made_current(
    url: str, steps: int, a_day_later: Callable[[], None]
) -> None:
    killed(url, remove, SECOND, steps)
    store = ObjectStore(url)
    assert not store.is_gone(SECOND)
    with pytest.raises(UnknownVersionError, match=r"being removed.*rillstream index list"):
        point(store, SECOND)
    assert store.current() == FIRST
    a_day_later()
    point(store, SECOND)
    assert names_what_is_there(url)


def test_who_removes_old_versions_finishes_what_another_began(url: str) -> None:
    killed(url, remove, SECOND, 3)
    remove(ObjectStore(url), SECOND)
    assert files(url, SECOND) == []


def test_a_version_whose_removal_was_begun_is_not_there(url: str) -> None:
    killed(url, remove, SECOND, 4)
    store = ObjectStore(url)
    assert files(url, SECOND)
    with pytest.raises(UnknownVersionError, match=r"being removed|removed a moment ago"):
        point(store, SECOND)
    assert store.current() == FIRST


def test_notes_go_when_they_have_served(url: str) -> None:
    store = ObjectStore(url)
    point(store, SECOND)
    with pytest.raises(CurrentVersionError, match="is current"):
        remove(store, SECOND)
    remove(store, FIRST)
    assert files(url, FIRST) == []
    assert store.files() == ["CURRENT"]


def test_what_the_killed_have_left_goes_a_day_later(
    url: str, a_day_later: Callable[[], None]
) -> None:
    killed(url, remove, SECOND, 5)
    killed(url, point, THIRD, 2)
    store = ObjectStore(url)
    store.touch("notes.txt")
    clear_old(store)
    assert len(store.files()) == 4
    a_day_later()
    clear_old(store)
    assert sorted(store.files()) == ["CURRENT", "notes.txt"]


def test_notes_of_a_name_are_not_those_of_a_longer_one(url: str) -> None:
    """``a`` and ``a-b`` are names that somebody may give by hand."""
    fs, root = fsspec.url_to_fs(url)
    fs.pipe_file(f"{root}/{SECOND}-b/manifest.json", b"{}")
    store = ObjectStore(url)
    with removing(store, f"{SECOND}-b"):
        point(store, SECOND)
    assert store.current() == SECOND


def test_a_note_of_unknown_age_counts(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    killed(url, remove, SECOND, 3)
    store = ObjectStore(url)
    fs, _ = fsspec.url_to_fs(url)
    monkeypatch.setattr(type(fs), "modified", fsspec.AbstractFileSystem.modified)
    monkeypatch.setattr("index.object_store._ABANDONED_AFTER_S", -5.0)
    with pytest.raises(UnknownVersionError, match="being removed"):
        point(store, SECOND)


def test_who_gives_way_takes_its_own_note_away_only(url: str) -> None:
    store = ObjectStore(url)
    with removing(store, SECOND):
        with suppress(ZeroDivisionError), removing(store, SECOND):
            raise ZeroDivisionError
        with pytest.raises(UnknownVersionError, match="being removed"):
            point(store, SECOND)
