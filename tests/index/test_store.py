"""Versions appear whole, never change, and one of them is current."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index import (
    Build,
    BusyError,
    ExactEngine,
    IndexFormatError,
    IndexStore,
    Item,
    Manifest,
    NoCurrentVersionError,
    UnknownVersionError,
    build_index,
)
from index.errors import CurrentVersionError
from index.loading import read_manifest
from index.pointer import pointing
from tests.index.vectors import shop, unit_rows


def build_of(n: int) -> Build:
    rows = unit_rows(n)
    return Build(
        encoder_version="mini-1",
        items=shop(n),
        vectors=rows,
        popularity=np.zeros(n, np.float32),
        engine=ExactEngine(rows),
        recall_at_10=1.0,
        recall_at_100=1.0,
        started_s=time.monotonic(),
    )


def test_an_empty_store_has_no_versions_and_none_current(store: IndexStore) -> None:
    assert store.versions() == []
    assert store.current() is None
    with pytest.raises(NoCurrentVersionError, match="rillstream index build"):
        store.open()


def test_what_was_published_is_what_is_opened(store: IndexStore, published: Manifest) -> None:
    snapshot = store.open()
    assert snapshot.manifest == published == store.manifest()
    assert (snapshot.version, snapshot.encoder_version) == (published.version, "mini-1")
    assert len(snapshot) == published.count == 200
    items, rows = shop(200), unit_rows(200)
    order = [int(item_id.removeprefix("item-")) for item_id in snapshot.catalogue.ids]
    assert sorted(order) == list(range(200))
    np.testing.assert_allclose(snapshot.vectors, rows[order], atol=1e-7)
    assert snapshot.catalogue.titles == [items[i].title for i in order]
    found = snapshot.search(rows, 1).positions[:, 0]
    assert [snapshot.catalogue.ids[p] for p in found] == [item.item_id for item in items]


@pytest.mark.parametrize("engine", ["exact", "hnsw", "ivfpq"])
def test_ids_may_be_long_and_of_any_script(store: IndexStore, engine: str) -> None:
    long = "茶碗🍵ß\u0301" * 200
    ids = [f"{long}{i}" for i in range(40)] + [" ", "\u200b", "a\nb", "0" * 5_000]
    items = [Item(item_id=item_id, title="t") for item_id in ids]
    rows = unit_rows(len(ids))
    build_index(store, items, rows, encoder_version="mini-1", engine=engine)
    snapshot = store.open()
    found = snapshot.search(rows, 1).positions[:, 0]
    assert [snapshot.catalogue.ids[position] for position in found] == ids
    assert snapshot.catalogue.positions(ids).tolist() == found.tolist()


def test_a_published_version_is_not_current_until_it_is_made_so(store: IndexStore) -> None:
    first, second = store.publish(build_of(3)), store.publish(build_of(4))
    assert store.current() is None
    store.set_current(second.version)
    assert len(store.open()) == 4
    store.set_current(first.version)
    assert len(store.open()) == 3
    assert len(store.open(second.version)) == 4


def test_who_has_seen_another_pointer_does_not_move_it(store: IndexStore) -> None:
    """A rollback while a build was running is the later word."""
    first, second, third = (store.publish(build_of(n)).version for n in (3, 4, 5))
    seen = store.pointer()
    store.set_current(first, seen=seen)
    with pytest.raises(BusyError, match=f"{first} was made current.*index rollback {third}"):
        store.set_current(third, seen=seen)
    assert store.current() == first
    seen = store.pointer()
    store.set_current(second)
    (store.root / "CURRENT").write_bytes(b"")
    with pytest.raises(BusyError, match="nothing was made current"):
        store.set_current(third, seen=seen)
    store.set_current(third, seen=store.pointer())  # broken as it was: a build is the way out
    assert store.current() == third


def test_versions_are_listed_newest_first(store: IndexStore) -> None:
    made = [store.publish(build_of(n)).version for n in (1, 2, 3)]
    assert [manifest.version for manifest in store.versions()] == made[::-1]


@pytest.mark.parametrize("name", ["nope", "..", "../store", "/etc", "", ".unfinished-1", "CURRENT"])
def test_an_unknown_version_is_refused_by_its_name(store: IndexStore, name: str) -> None:
    known = store.publish(build_of(1)).version
    store.set_current(known)
    for use in (store.open, store.verify, store.set_current, store.manifest):
        with pytest.raises(UnknownVersionError, match=known):
            use(name)
    assert store.current() == known


@pytest.mark.parametrize("pointer", [b"", b"../../etc", b"\xff\xfe", b"a\nb", b"x" * 500])
def test_a_pointer_that_names_nothing_is_refused(store: IndexStore, pointer: bytes) -> None:
    store.publish(build_of(1))
    (store.root / "CURRENT").write_bytes(pointer)
    with pytest.raises(IndexFormatError, match="pointer"):
        store.open()


def test_a_build_that_fails_leaves_nothing_behind(store: IndexStore) -> None:
    build = build_of(5)
    with pytest.raises(AttributeError):
        store.publish(replace(build, items=[None] * 5))  # type: ignore[list-item]
    assert list(store.root.iterdir()) == []


def test_what_a_killed_build_left_is_cleared_after_a_day(store: IndexStore) -> None:
    store.root.mkdir()
    old, recent = store.root / ".unfinished-old", store.root / ".unfinished-recent"
    for folder in (old, recent):
        folder.mkdir()
        (folder / "vectors.npy").write_bytes(b"half")
    pointer = store.root / ".unfinished-pointer"
    pointer.write_bytes(b"")
    yesterday = time.time() - 25 * 3600
    for path in (old / "vectors.npy", old, pointer):
        os.utime(path, (yesterday, yesterday))
    store.publish(build_of(1))
    assert not old.exists()
    assert not pointer.exists()
    assert recent.exists()


def test_files_of_a_version_cannot_be_written_to(store: IndexStore, published: Manifest) -> None:
    for path in (store.root / published.version).iterdir():
        assert path.stat().st_mode & 0o222 == 0


def test_a_version_lists_all_its_files(store: IndexStore, published: Manifest) -> None:
    names = {path.name for path in (store.root / published.version).iterdir()}
    arrays = {"centroids.npy", "codebook.npy", "codes.npy", "lists.npy"}
    engine_files = {"hnsw": {"index.faiss", "groups.npy"}, "ivfpq": arrays}.get(
        published.engine, set()
    )
    assert names == {"manifest.json", "items.parquet", "vectors.npy", "hashes.npy"} | engine_files
    assert names - {"manifest.json"} == set(published.files)


def test_readers_always_see_one_version_or_the_other(store: IndexStore) -> None:
    versions = [store.publish(build_of(n)).version for n in (1, 2)]
    store.set_current(versions[0])
    done = threading.Event()
    seen: set[str | None] = set()

    def read() -> None:
        while not done.is_set():
            seen.add(store.current())

    reader = threading.Thread(target=read)
    reader.start()
    for i in range(100):
        store.set_current(versions[i % 2])
    done.set()
    reader.join()
    assert seen == set(versions)


def test_a_snapshot_outlives_the_removal_of_its_version(
    store: IndexStore, published: Manifest
) -> None:
    snapshot = store.open()
    folder = store.root / published.version
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert len(snapshot.search(unit_rows(3), 5).positions) == 3
    assert np.isfinite(snapshot.vectors).all()


@pytest.fixture
def removed_meanwhile(store: IndexStore, monkeypatch: pytest.MonkeyPatch) -> str:
    """A version that somebody removes while its first file is hashed; another one is current."""
    version, now = (store.publish(build_of(n)).version for n in (3, 4))
    store.set_current(now)
    digest = hashlib.file_digest

    def remove_first(file: Any, name: str) -> Any:
        if (store.root / version).is_dir():
            assert store.remove(version)
        return digest(file, name)

    monkeypatch.setattr("index.loading.hashlib.file_digest", remove_first)
    return version


def test_a_version_that_is_removed_while_it_is_opened_is_whole(
    store: IndexStore, removed_meanwhile: str
) -> None:
    assert len(store.open(removed_meanwhile)) == 3
    assert not (store.root / removed_meanwhile).exists()


def test_a_version_that_is_removed_while_it_is_verified_does_not_become_current(
    store: IndexStore, removed_meanwhile: str
) -> None:
    now = store.current()
    with pytest.raises(UnknownVersionError, match=removed_meanwhile):
        store.set_current(removed_meanwhile)
    assert store.current() == now


@pytest.mark.parametrize("look", [IndexStore.open, IndexStore.verify])
def test_a_version_that_goes_while_its_files_are_opened_is_no_damaged_one(
    store: IndexStore, monkeypatch: pytest.MonkeyPatch, look: Callable[[IndexStore, str], object]
) -> None:
    version, now = (store.publish(build_of(n)).version for n in (3, 4))
    store.set_current(now)

    def goes(folder: Path) -> Manifest:
        manifest = read_manifest(folder)
        if folder.name == version:
            assert store.remove(version)
        return manifest

    monkeypatch.setattr("index.loading.read_manifest", goes)
    with pytest.raises(UnknownVersionError, match=f"{version}.*there are: {now}"):
        look(store, version)


def test_who_opens_the_current_version_while_it_goes_gets_the_next_one(
    store: IndexStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that started while another version was made current ended with an error."""
    old, new = (store.publish(build_of(n)).version for n in (3, 4))
    store.set_current(old)
    ensured = IndexStore._ensured

    def goes(self: IndexStore, version: str) -> Path:
        if store.current() == old:
            store._point(new)
            assert store._discard(store.root / old)
        return ensured(self, version)

    monkeypatch.setattr(IndexStore, "_ensured", goes)
    assert store.open().version == new
    assert store.manifest().version == new


def in_a_thread(action: Callable[[], object], errors: list[Exception]) -> threading.Thread:
    """Begun, and given a while; what it raises is kept."""

    def act() -> None:
        try:
            action()
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=act)
    thread.start()
    thread.join(0.3)
    return thread


def test_what_is_being_removed_does_not_become_current(
    store: IndexStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The removal had looked at the pointer a moment before: it named what was gone."""
    now, version = (store.publish(build_of(n)).version for n in (3, 4))
    store.set_current(now)
    errors: list[Exception] = []
    threads: list[threading.Thread] = []

    def pointed_meanwhile(folder: Path) -> bool:
        threads.append(in_a_thread(lambda: store.set_current(version), errors))
        return False

    monkeypatch.setattr("index.store.in_use", pointed_meanwhile)
    assert store.remove(version)
    threads[0].join()
    assert [type(error) for error in errors] == [UnknownVersionError]
    assert store.current() == now
    assert len(store.open()) == 3


def test_what_is_being_made_current_is_not_removed(
    store: IndexStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, version = (store.publish(build_of(n)).version for n in (3, 4))
    store.set_current(now)
    errors: list[Exception] = []
    threads: list[threading.Thread] = []
    point = IndexStore._point

    def removed_meanwhile(self: IndexStore, version: str) -> None:
        threads.append(in_a_thread(lambda: store.remove(version), errors))
        point(self, version)

    monkeypatch.setattr(IndexStore, "_point", removed_meanwhile)
    store.set_current(version)
    threads[0].join()
    assert [type(error) for error in errors] == [CurrentVersionError]
    assert len(store.open()) == 4


def lock_and_wait(root: Path, connection: Any) -> None:
    with pointing(root):
        connection.send("locked")
        connection.recv()


def test_who_is_killed_while_pointing_is_in_nobodys_way(store: IndexStore) -> None:
    version = store.publish(build_of(3)).version
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    other = context.Process(target=lock_and_wait, args=(store.root, theirs), daemon=True)
    other.start()
    assert ours.poll(60)
    errors: list[Exception] = []
    pointing = in_a_thread(lambda: store.set_current(version), errors)
    assert store.current() is None
    other.kill()
    other.join()
    pointing.join()
    assert (errors, store.current()) == ([], version)


def test_a_rollback_finds_its_way_when_the_current_version_was_deleted_by_hand(
    store: IndexStore,
) -> None:
    first, second, third = (store.publish(build_of(n)).version for n in (3, 4, 5))
    store.set_current(second)
    shutil.rmtree(store.root / second)
    with pytest.raises(UnknownVersionError, match=f"there are: {first}, {third}; .*index rollback"):
        store.open()
    assert store.before_current() == first
    store.set_current(first)
    assert len(store.open()) == 3
    shutil.rmtree(store.root / first)
    assert store.before_current() == third  # none is older
    shutil.rmtree(store.root / third)
    with pytest.raises(UnknownVersionError, match="older"):
        store.before_current()


def test_of_a_linked_version_the_link_goes_and_nothing_else(
    store: IndexStore, tmp_path: Path
) -> None:
    """Its name went, and a link of another name stayed for ever."""
    version, now = (store.publish(build_of(n)).version for n in (3, 4))
    store.set_current(now)
    elsewhere = tmp_path / "large disk"
    (store.root / version).rename(elsewhere)
    (store.root / version).symlink_to(elsewhere)
    assert len(store.open(version)) == 3
    assert store.remove(version)
    assert {path.name for path in store.root.iterdir()} == {now, "CURRENT", ".pointing"}
    assert (elsewhere / "manifest.json").is_file()


def test_a_link_that_was_left_goes_after_a_day(store: IndexStore, tmp_path: Path) -> None:
    store.root.mkdir()
    elsewhere = tmp_path / "large disk"
    elsewhere.mkdir()
    old, broken = store.root / ".unfinished-old", store.root / ".unfinished-broken"
    old.symlink_to(elsewhere)
    broken.symlink_to(tmp_path / "nothing")
    yesterday = time.time() - 25 * 3600
    for path in (elsewhere, old, broken):
        os.utime(path, (yesterday, yesterday), follow_symlinks=False)
    store.publish(build_of(1))
    assert not old.is_symlink()
    assert not broken.is_symlink()
    assert elsewhere.is_dir()


def test_two_builders_publish_at_once(store: IndexStore) -> None:
    errors: list[BaseException] = []

    def build(n: int) -> None:
        try:
            build_index(store, shop(n), unit_rows(n), encoder_version="mini-1")
        except BaseException as error:  # shown by the assertion below
            errors.append(error)

    builders = [threading.Thread(target=build, args=(n,)) for n in range(10, 18)]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join()
    assert errors == []
    assert sorted(manifest.count for manifest in store.versions()) == list(range(10, 18))
    assert store.current() in {manifest.version for manifest in store.versions()}


def test_the_root_may_be_given_as_text(tmp_path: Path) -> None:
    assert IndexStore(str(tmp_path)).root == tmp_path
