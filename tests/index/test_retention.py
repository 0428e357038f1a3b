"""Old versions go, but never the current one, and never one that a process has open."""

from __future__ import annotations

import gc
import multiprocessing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index import IndexStore, UnknownVersionError, build_index
from index.retention import prune
from tests.index.vectors import shop, unit_rows


def versions(store: IndexStore, n: int) -> list[str]:
    """Names of n versions, oldest first."""
    return [
        build_index(store, shop(i + 1), unit_rows(i + 1), encoder_version="m").version
        for i in range(n)
    ]


def there(store: IndexStore) -> list[str]:
    return [manifest.version for manifest in reversed(store.versions())]


def test_the_newest_are_kept(store: IndexStore) -> None:
    made = versions(store, 4)
    assert prune(store, 2) == [made[1], made[0]]
    assert there(store) == made[2:]
    assert prune(store, 2) == []


def test_the_current_version_is_kept_however_old(store: IndexStore) -> None:
    made = versions(store, 4)
    store.set_current(made[0])
    prune(store, 1)
    assert there(store) == [made[0], made[3]]
    with pytest.raises(ValueError, match="is current"):
        store.remove(made[0])


def test_a_version_that_somebody_goes_back_to_meanwhile_is_kept(
    store: IndexStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rollback in that moment ended the build that tidied, as an unexpected error."""
    made = versions(store, 4)
    remove = IndexStore.remove

    def rolled_back_meanwhile(self: IndexStore, version: str) -> bool:
        if version == made[2]:
            store.set_current(made[1])
            remove(self, made[0])
        return remove(self, version)

    monkeypatch.setattr(IndexStore, "remove", rolled_back_meanwhile)
    assert prune(store, 1) == [made[2]]
    assert (store.current(), there(store)) == (made[1], [made[1], made[3]])


def hold(root: Path, version: str, connection: Any) -> None:
    snapshot = IndexStore(root).open(version)
    connection.send("open")
    connection.recv()
    connection.send(bool(np.isfinite(snapshot.vectors).all()))


def test_a_version_that_another_process_has_open_is_kept_until_it_ends(store: IndexStore) -> None:
    made = versions(store, 3)
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    reader = context.Process(target=hold, args=(store.root, made[0], theirs), daemon=True)
    reader.start()
    assert ours.poll(60)
    ours.recv()
    assert prune(store, 1) == [made[1]]
    assert there(store) == [made[0], made[2]]
    reader.kill()
    reader.join()
    assert prune(store, 1) == [made[0]]


def test_a_version_is_in_use_as_long_as_its_snapshot_lives(store: IndexStore) -> None:
    made = versions(store, 2)
    snapshot = store.open(made[0])
    gc.collect()
    assert not store.remove(made[0])
    del snapshot
    gc.collect()
    assert store.remove(made[0])
    assert list(store.root.glob(".unfinished*")) == []


def test_the_version_before_the_current_one_is_the_next_older(store: IndexStore) -> None:
    made = versions(store, 3)
    assert store.before_current() == made[1]
    store.set_current(made[1])
    assert store.before_current() == made[0]
    store.set_current(made[0])
    with pytest.raises(UnknownVersionError, match="older"):
        store.before_current()


def test_at_least_one_is_kept(store: IndexStore) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        prune(store, 0)
