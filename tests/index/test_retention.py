"""Old versions go, but never the current one, and never one that a process has open."""

from __future__ import annotations

import errno
import gc
import multiprocessing
import os
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index import IndexStore, UnknownVersionError, build_index
from index.retention import prune
from tests.index.damage import rewrite
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


def broken(store: IndexStore, version: str, how: str) -> Path:
    """A version whose manifest cannot be believed; nobody has written to it since last week."""
    folder = store.root / version
    manifest = folder / "manifest.json"
    if how == "missing":
        manifest.unlink()
    else:
        rewrite(manifest, lambda raw: {"empty": b"", "half": raw[:99]}[how])
    last_week(folder)
    return folder


def last_week(folder: Path) -> None:
    moment = time.time() - 7 * 24 * 3600
    for path in (*folder.iterdir(), folder):
        os.utime(path, (moment, moment))


@pytest.mark.parametrize("how", ["missing", "empty", "half"])
def test_what_cannot_be_read_goes_when_enough_newer_ones_can(store: IndexStore, how: str) -> None:
    """It stayed for ever: a folder as large as a version, which nobody could serve."""
    made = versions(store, 4)
    folder = broken(store, made[1], how)
    assert [error.version for error in store.versions_and_unreadable()[1]] == [made[1]]
    assert prune(store, 4) == prune(store, 3) == []
    assert prune(store, 2) == [made[0], made[1]]
    assert not folder.exists()
    assert there(store) == made[2:]


def test_what_cannot_be_read_counts_for_no_version(store: IndexStore) -> None:
    made = versions(store, 4)
    broken(store, made[2], "half")
    assert prune(store, 2) == [made[0]]
    assert there(store) == [made[1], made[3]]


def test_what_cannot_be_read_stays_while_it_is_current_or_open(store: IndexStore) -> None:
    made = versions(store, 4)
    snapshot = store.open(made[1])
    store.set_current(made[0])
    for version in made[:2]:
        broken(store, version, "half")
    assert prune(store, 1) == [made[2]]
    assert all((store.root / version).is_dir() for version in made[:2])
    assert len(snapshot) == 2


def test_what_somebody_has_just_written_to_stays_for_a_day(store: IndexStore) -> None:
    """An old version comes back from a backup, file by file."""
    made = versions(store, 3)
    folder = broken(store, made[0], "missing")
    os.utime(folder / "vectors.npy")
    assert prune(store, 1) == [made[1]]
    assert folder.is_dir()
    last_week(folder)
    assert prune(store, 1) == [made[0]]


def test_folders_that_no_build_has_made_stay(store: IndexStore) -> None:
    made = versions(store, 2)
    notes = store.root / "20200101T120000.000Z-0123abcd"
    app = store.root / "app"
    files = [store.root / "backup" / "notes.txt", notes / "notes.txt", app / "manifest.json"]
    for file in files:
        file.parent.mkdir()
        file.write_text("{}")
        last_week(file.parent)
    unreadable = [error.version for error in store.versions_and_unreadable()[1]]
    assert unreadable == [notes.name, app.name]
    assert prune(store, 1) == [made[0]]
    assert all(file.is_file() for file in files)


def test_a_version_of_a_newer_program_stays(store: IndexStore) -> None:
    """Of two machines one has been updated: the other one's build removed its versions."""
    made = versions(store, 3)
    newer = re.compile(rb'"format": \d+')
    rewrite(store.root / made[0] / "manifest.json", lambda raw: newer.sub(b'"format": 9', raw))
    last_week(store.root / made[0])
    (error,) = store.versions_and_unreadable()[1]
    assert "its format is 9" in str(error)
    assert prune(store, 1) == [made[1]]
    assert (store.root / made[0]).is_dir()


def test_a_version_on_a_disk_that_cannot_be_read_now_stays(
    store: IndexStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = versions(store, 3)
    last_week(store.root / made[0])
    opened = Path.open

    def away(self: Path, *args: Any, **options: Any) -> Any:
        if self == store.root / made[0] / "manifest.json":
            raise OSError(errno.EIO, "Input/output error", str(self))
        return opened(self, *args, **options)

    monkeypatch.setattr(Path, "open", away)
    assert prune(store, 1) == [made[1]]
    assert (store.root / made[0]).is_dir()
