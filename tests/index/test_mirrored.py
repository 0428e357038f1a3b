"""An object store: a version is there whole or not at all, and is verified before it is served."""

from __future__ import annotations

import errno
import os
import shutil
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest

from index import (
    BusyError,
    IndexFormatError,
    IndexStore,
    Manifest,
    NoCurrentVersionError,
    StoreUnavailableError,
    UnknownVersionError,
    build_index,
)
from index.difference import difference
from index.errors import CurrentVersionError
from index.loading import opened
from index.mirrored import MirroredStore
from index.object_store import ObjectStore
from index.retention import prune
from index.version_rows import version_rows
from tests.index.vectors import shop, unit_rows


@pytest.fixture(params=["memory", "file", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "file":
        yield f"file://{tmp_path}/objects/shop"
        return
    if request.param == "s3":
        yield request.getfixturevalue("bucket") + "/shop"
        return
    place = f"memory://{uuid.uuid4().hex}/shop"
    yield place
    fsspec.filesystem("memory").rm(place, recursive=True)


@pytest.fixture
def builder(url: str, tmp_path: Path) -> MirroredStore:
    return MirroredStore(tmp_path / "builder", url)


@pytest.fixture
def reader(url: str, tmp_path: Path) -> MirroredStore:
    """On another machine: nothing is in its folder yet."""
    return MirroredStore(tmp_path / "reader", url)


def build(store: IndexStore, n: int = 60, engine: str = "hnsw") -> Manifest:
    return build_index(store, shop(n), unit_rows(n), encoder_version="mini-1", engine=engine)


def objects(url: str, version: str) -> tuple[fsspec.AbstractFileSystem, str]:
    fs, root = fsspec.url_to_fs(url)
    return fs, f"{root}/{version}"


def change(url: str, manifest: Manifest, name: str, raw: bytes) -> None:
    fs, folder = objects(url, manifest.version)
    if url.startswith("file:"):
        fs.chmod(f"{folder}/{name}", 0o644)
    fs.pipe_file(f"{folder}/{name}", raw)


def test_what_one_machine_publishes_another_serves(
    builder: MirroredStore, reader: MirroredStore
) -> None:
    with pytest.raises(NoCurrentVersionError, match="rillstream index build"):
        reader.open()
    made = build(builder)
    snapshot = reader.open()
    assert snapshot.manifest == made == reader.manifest()
    assert reader.versions() == builder.versions() == [made]
    queries = unit_rows(5)
    here, there = builder.open().search(queries, 7), snapshot.search(queries, 7)
    np.testing.assert_array_equal(here.positions, there.positions)
    assert reader.verify(made.version) == []


def test_the_pointer_goes_back_and_forth(builder: MirroredStore, reader: MirroredStore) -> None:
    first, second = build(builder, 20), build(builder, 30)
    assert reader.current() == second.version
    assert builder.before_current() == first.version
    builder.set_current(first.version)
    assert (reader.current(), len(reader.open())) == (first.version, 20)


def test_a_pointer_that_another_machine_has_moved_stays(
    builder: MirroredStore, reader: MirroredStore
) -> None:
    first, second = build(builder, 20, "exact"), build(builder, 30, "exact")
    seen = builder.pointer()
    reader.set_current(first.version)
    with pytest.raises(BusyError, match=first.version):
        builder.set_current(second.version, seen=seen)
    assert builder.current() == first.version
    builder.set_current(second.version, seen=builder.pointer())
    assert reader.current() == second.version


@pytest.mark.parametrize("name", ["index.faiss", "vectors.npy", "items.parquet", "hashes.npy"])
@pytest.mark.parametrize("damage", ["flipped", "cut", "swapped", "missing"])
def test_damage_on_the_way_is_refused_and_the_old_version_serves_on(
    builder: MirroredStore, reader: MirroredStore, url: str, name: str, damage: str
) -> None:
    old = build(builder, 40)
    snapshot = reader.open()
    new = build(builder, 60)
    fs, folder = objects(url, new.version)
    raw = fs.cat_file(f"{folder}/{name}")
    if damage == "missing":
        fs.rm_file(f"{folder}/{name}")
    else:
        flipped = bytes([raw[0] ^ 1]) + raw[1:]
        other = (builder.root / old.version / name).read_bytes()
        change(url, new, name, {"flipped": flipped, "cut": raw[:-3], "swapped": other}[damage])
    expected = StoreUnavailableError if damage == "missing" else IndexFormatError
    with pytest.raises(expected, match=r"SHA-256|bytes|No such file|" + name):
        reader.open()
    assert not (reader.root / new.version).exists()
    assert {path.name for path in reader.root.iterdir()} == {old.version, ".fetching"}
    assert len(snapshot.search(unit_rows(3), 5).positions) == 3
    assert any(name in problem for problem in builder.verify(new.version))


def spoil(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"x")


@pytest.mark.parametrize("name", ["index.faiss", "vectors.npy", "manifest.json", "missing"])
def test_a_copy_that_is_damaged_here_is_fetched_again(
    builder: MirroredStore, reader: MirroredStore, name: str
) -> None:
    """A disk that loses bytes would keep a worker from ever starting again."""
    made = build(builder)
    serving = reader.open()
    folder = reader.root / made.version
    if name == "missing":
        (folder / "vectors.npy").unlink()
    else:
        spoil(folder / name)
    snapshot = reader.open()
    assert snapshot.manifest == made
    queries = unit_rows(4)
    np.testing.assert_array_equal(
        snapshot.search(queries, 5).positions, builder.open().search(queries, 5).positions
    )
    assert reader.verify(made.version) == []
    assert len(serving.search(queries, 5).positions) == 4  # its files are its own
    assert {path.name for path in reader.root.iterdir()} == {made.version, ".fetching"}


def test_verify_says_what_is_damaged_here_and_a_rollback_mends_it(
    builder: MirroredStore, reader: MirroredStore
) -> None:
    old, new = build(builder, 20, "exact").version, build(builder, 30, "exact").version
    reader.manifest(old)
    spoil(reader.root / old / "hashes.npy")
    assert any("hashes.npy" in problem for problem in reader.verify(old))
    reader.set_current(old)
    assert reader.verify(old) == []
    spoil(reader.root / old / "items.parquet")
    assert len(difference(reader, old, new).added) == 10
    spoil(reader.root / old / "vectors.npy")
    assert sum(len(rows.items) for rows in version_rows(reader, old)) == 20


def test_a_copy_that_has_no_other_is_refused(builder: MirroredStore, reader: MirroredStore) -> None:
    made = build(builder, 5, "exact").version
    reader.manifest(made)
    build(builder, 6, "exact")
    builder.remove(made)
    spoil(reader.root / made / "vectors.npy")
    with pytest.raises(IndexFormatError, match=r"vectors.npy"):
        reader.open(made)


def test_a_copy_stays_where_the_other_is_damaged_too(
    builder: MirroredStore, reader: MirroredStore, url: str
) -> None:
    made = build(builder, 5, "exact")
    reader.manifest()
    spoil(reader.root / made.version / "items.parquet")
    change(url, made, "vectors.npy", b"x")
    with pytest.raises(IndexFormatError, match=r"vectors.npy"):
        reader.open()
    names = {path.name for path in (reader.root / made.version).iterdir()}
    assert {"items.parquet", "vectors.npy", "manifest.json"} < names


def test_several_workers_that_find_damage_at_once_fetch_it_once(
    builder: MirroredStore, reader: MirroredStore, url: str
) -> None:
    made = build(builder)
    reader.open()
    spoil(reader.root / made.version / "vectors.npy")
    found: list[int] = []

    def start() -> None:
        found.append(len(MirroredStore(reader.root, url).open()))

    workers = [threading.Thread(target=start) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert found == [60] * 6
    assert {path.name for path in reader.root.iterdir()} == {made.version, ".fetching"}


def test_a_version_without_a_manifest_is_not_there(
    builder: MirroredStore, reader: MirroredStore, url: str
) -> None:
    made = build(builder)
    fs, folder = objects(url, made.version)
    fs.rm_file(f"{folder}/manifest.json")
    assert reader.versions() == []
    with pytest.raises(UnknownVersionError):
        reader.open()


def test_what_an_interrupted_upload_left_goes_with_a_later_one(
    builder: MirroredStore, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day later: until then it may be the upload of another machine."""
    half, whole = build(builder, 5, "exact"), build(builder, 6, "exact")
    fs, folder = objects(url, half.version)
    fs.rm_file(f"{folder}/manifest.json")
    build(builder, 7, "exact")
    assert len(fs.find(folder)) == len(half.files)
    monkeypatch.setattr("index.object_store._ABANDONED_AFTER_S", -5.0)
    newest = build(builder, 8, "exact")
    fs.invalidate_cache()
    assert not fs.find(folder)
    with pytest.raises(FileNotFoundError):
        fs.ls(folder)
    assert {whole.version, newest.version} <= {found.version for found in builder.versions()}


def test_folders_of_others_are_no_interrupted_uploads(
    builder: MirroredStore, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fs, root = fsspec.url_to_fs(url)
    others = ("backup/vectors.npy", "20260101T120000.000Z-0123abcd/notes/vectors.npy")
    for path in others:
        fs.makedirs(f"{root}/{path}".rpartition("/")[0], exist_ok=True)
        fs.pipe_file(f"{root}/{path}", b"x")
    monkeypatch.setattr("index.object_store._ABANDONED_AFTER_S", -5.0)
    made = build(builder, 5, "exact")
    assert builder.current() == made.version
    fs.invalidate_cache()
    assert all(fs.exists(f"{root}/{path}") for path in others)


def test_a_driver_that_knows_no_times_is_no_obstacle(
    builder: MirroredStore, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = build(builder, 5, "exact")
    fs, folder = objects(url, half.version)
    fs.rm_file(f"{folder}/manifest.json")
    monkeypatch.setattr(type(fs), "modified", fsspec.AbstractFileSystem.modified)
    made = build(builder, 6, "exact")
    assert builder.current() == made.version
    assert fs.find(folder)


@pytest.mark.parametrize("pointer", [b"", b"../../etc\n", b"\xff"])
def test_half_a_pointer_is_refused(
    builder: MirroredStore, reader: MirroredStore, url: str, pointer: bytes
) -> None:
    build(builder)
    fs, root = fsspec.url_to_fs(url)
    fs.pipe_file(f"{root}/CURRENT", pointer)
    with pytest.raises(IndexFormatError, match="CURRENT"):
        reader.open()


@pytest.mark.parametrize("way_out", ["build", "rollback"])
def test_a_broken_pointer_is_mended_by_a_build_and_by_going_to_a_version(
    builder: MirroredStore, reader: MirroredStore, url: str, way_out: str
) -> None:
    """The error names both, and both ended with the same error."""
    old = build(builder, 5, "exact")
    fs, root = fsspec.url_to_fs(url)
    fs.pipe_file(f"{root}/CURRENT", b"\0\0\0")
    if way_out == "build":
        mended = build(builder, 6, "exact")
    else:
        mended = old
        reader.set_current(old.version)  # nothing of it is in this machine's folder yet
    assert reader.open().manifest == mended


def test_several_workers_of_a_machine_fetch_at_once(
    builder: MirroredStore, url: str, tmp_path: Path
) -> None:
    build(builder)
    found: list[int] = []

    def fetch() -> None:
        found.append(len(MirroredStore(tmp_path / "reader", url).open()))

    workers = [threading.Thread(target=fetch) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert found == [60] * 6
    assert len(list((tmp_path / "reader").iterdir())) == 2  # the version and the lock


def test_old_versions_go_there_too(builder: MirroredStore, reader: MirroredStore) -> None:
    made = [build(builder, n, "exact").version for n in (5, 6, 7)]
    assert prune(builder, 1) == [made[1], made[0]]
    assert [manifest.version for manifest in reader.versions()] == [made[2]]
    with pytest.raises(UnknownVersionError):
        reader.open(made[0])


def test_what_cannot_be_read_there_goes_with_old_versions_a_day_later(
    builder: MirroredStore, reader: MirroredStore, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [build(builder, n, "exact") for n in (5, 6, 7)]
    change(url, made[0], "manifest.json", b"\0" * 100)
    reader.set_current(made[2].version)
    assert [error.version for error in reader.versions_and_unreadable()[1]] == [made[0].version]
    assert prune(reader, 1) == [made[1].version]
    monkeypatch.setattr("index.object_store._ABANDONED_AFTER_S", -5.0)
    assert prune(reader, 2) == []
    assert prune(reader, 1) == [made[0].version]
    fs, folder = objects(url, made[0].version)
    fs.invalidate_cache()
    assert not fs.find(folder)
    assert reader.open().manifest == made[2]


def test_a_cache_does_not_keep_for_ever_what_the_store_has_forgotten(
    builder: MirroredStore, reader: MirroredStore
) -> None:
    """A worker fetches version after version, and nobody else tidies its machine."""
    own = build(IndexStore(reader.root), 4, "exact").version  # was never in the object store
    gone, held, kept = (build(builder, n, "exact").version for n in (5, 6, 7))
    for version in (gone, kept):
        reader.open(version)
    snapshot = reader.open(held)
    builder.remove(gone)
    builder.remove(held)
    newest = build(builder, 8, "exact").version
    assert (reader.root / gone).is_dir()
    reader.open()
    there = {manifest.version for manifest in IndexStore(reader.root).versions()}
    assert there == {own, held, kept, newest}
    assert len(snapshot.search(unit_rows(1), 6).positions[0]) == 6


def one_forgotten(builder: MirroredStore, reader: MirroredStore) -> tuple[str, str]:
    """A version that the reader has and the object store has no more, and the one after it."""
    old = build(builder, 5, "exact").version
    reader.open()
    new = build(builder, 6, "exact").version
    builder.remove(old)
    return old, new


def test_what_is_forgotten_makes_room_before_the_next_version_comes(
    builder: MirroredStore, reader: MirroredStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full of old versions would never take a new one."""
    old, new = one_forgotten(builder, reader)
    download, there = ObjectStore.download, list[bool]()

    def looked(self: ObjectStore, *args: Any) -> None:
        there.append((reader.root / old).exists())
        download(self, *args)

    monkeypatch.setattr(ObjectStore, "download", looked)
    assert reader.open().version == new
    assert there == [False]


def test_asking_after_a_version_that_is_not_there_fetches_and_removes_nothing(
    builder: MirroredStore, reader: MirroredStore
) -> None:
    old, _ = one_forgotten(builder, reader)
    (reader.root.parent / "shop").mkdir(exist_ok=True)
    for name in ("20990101T000000.000Z-00000000", "../shop"):
        for ask in (reader.verify, reader.manifest, reader.set_current):
            with pytest.raises(UnknownVersionError):
                ask(name)
    with pytest.raises(UnknownVersionError):
        reader.remove("../shop")
    assert (reader.root.parent / "shop").is_dir()
    assert {each.version for each in IndexStore(reader.root).versions()} == {old}


def test_looking_whether_a_version_is_there_still_fetches_nothing(
    builder: MirroredStore, reader: MirroredStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It came again only to be told that the copy before was damaged."""
    version = build(builder, 5, "exact").version
    reader.open()
    spoil(reader.root / version / "items.parquet")

    def goes(folder: Path) -> Any:
        try:
            return opened(folder)
        finally:
            shutil.rmtree(folder)

    monkeypatch.setattr("index.store.opened", goes)
    assert reader.verify(version)
    assert IndexStore(reader.root).versions() == []


def test_what_another_process_tidies_at_the_same_time_is_not_waited_for(
    builder: MirroredStore, reader: MirroredStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was fetched again under the lock that is held while it is tidied: for ever."""
    old, new = one_forgotten(builder, reader)

    def is_gone(folder: Path) -> bool:
        folder.rename(folder.with_name(".unfinished-of-another"))
        return False

    ensured = MirroredStore._ensured

    def goes(self: MirroredStore, version: str) -> Path:
        if version == old:
            raise AssertionError("asked for what is being tidied away")
        return ensured(self, version)

    monkeypatch.setattr("index.store.in_use", is_gone)
    monkeypatch.setattr(MirroredStore, "_ensured", goes)
    assert reader.open().version == new


def test_the_folder_of_a_builder_keeps_nothing_that_nobody_can_serve(
    builder: MirroredStore, reader: MirroredStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each night's version stayed for ever where another machine prunes, or an upload failed."""
    old = build(builder, 5, "exact").version
    kept = build(builder, 6, "exact").version
    reader.remove(old)
    put = ObjectStore.put

    def falls_silent(self: ObjectStore, *args: Any) -> None:
        raise StoreUnavailableError("silent")

    monkeypatch.setattr(ObjectStore, "put", falls_silent)
    with pytest.raises(StoreUnavailableError):
        build(builder, 7, "exact")
    assert builder.current() == kept
    assert len(IndexStore(builder.root).versions()) == 3
    monkeypatch.setattr(ObjectStore, "put", put)
    newest = build(builder, 8, "exact").version
    assert {each.version for each in IndexStore(builder.root).versions()} == {kept, newest}


def test_what_is_being_uploaded_is_not_tidied_away(
    builder: MirroredStore, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = MirroredStore(builder.root, url)  # of the same machine
    old, _ = build(builder, 5, "exact"), build(builder, 6, "exact")
    put = ObjectStore.put

    def slowly(self: ObjectStore, folder: Path, *args: Any) -> None:
        for path in (builder.root / old.version, *(builder.root / old.version).iterdir()):
            path.chmod(0o755)
        shutil.rmtree(builder.root / old.version)
        worker.manifest(old.version)  # fetched, and the folder tidied
        put(self, folder, *args)

    monkeypatch.setattr(ObjectStore, "put", slowly)
    made = build(builder, 7, "exact")
    monkeypatch.undo()
    assert len(worker.open()) == made.count == 7


def test_other_files_beside_the_versions_are_not_in_the_way(
    builder: MirroredStore, reader: MirroredStore, url: str
) -> None:
    """Also what is left of a pointer whose writer was killed."""
    made = build(builder, 5, "exact")
    fs, root = fsspec.url_to_fs(url)
    for name in ("notes.txt", "CURRENT.0123abcd"):
        fs.pipe_file(f"{root}/{name}", b"x")
    assert reader.versions() == [made]
    assert prune(reader, 1) == []
    assert len(reader.open()) == 5


def test_two_machines_may_remove_the_same_version(
    builder: MirroredStore, reader: MirroredStore
) -> None:
    old = build(builder, 5, "exact").version
    build(builder, 6, "exact")
    reader.manifest(old)  # is in both folders
    assert builder.remove(old)
    assert reader.remove(old)
    assert not (reader.root / old).exists()


def test_what_only_a_folder_has_does_not_become_current(
    builder: MirroredStore, reader: MirroredStore
) -> None:
    """Another machine has removed it: nobody else could fetch what the pointer names."""
    old = build(builder, 5, "exact").version
    new = build(builder, 6, "exact").version
    snapshot = reader.open(old)
    builder.remove(old)
    with pytest.raises(UnknownVersionError, match=f"{old}.*{new}"):
        reader.set_current(old)
    assert builder.current() == reader.current() == new
    assert len(snapshot) == 5


def test_what_another_machine_makes_current_is_not_removed(
    builder: MirroredStore, reader: MirroredStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pointer named what was gone, and no worker could start any more."""
    old, now = build(builder, 5, "exact").version, build(builder, 6, "exact").version
    reader.manifest(old)
    point = ObjectStore.set_current

    def removed_meanwhile(self: ObjectStore, version: str) -> None:
        with pytest.raises(CurrentVersionError, match="being made current"):
            reader.remove(old)
        point(self, version)

    monkeypatch.setattr(ObjectStore, "set_current", removed_meanwhile)
    builder.set_current(old)
    assert prune(reader, 1) == []
    assert len(reader.open()) == 5
    assert reader.remove(now)


def test_what_another_machine_removes_does_not_become_current(
    builder: MirroredStore, reader: MirroredStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, now = build(builder, 5, "exact").version, build(builder, 6, "exact").version
    remove = ObjectStore.remove

    def pointed_meanwhile(self: ObjectStore, version: str, *first: str) -> None:
        with pytest.raises(UnknownVersionError, match="being removed"):
            builder.set_current(old)
        remove(self, version, *first)

    monkeypatch.setattr(ObjectStore, "remove", pointed_meanwhile)
    assert reader.remove(old)
    with pytest.raises(UnknownVersionError, match=f"{old}.*{now}"):
        builder.set_current(old)
    assert len(reader.open()) == 6


def test_notes_of_the_killed_go_with_a_later_upload(
    builder: MirroredStore, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = build(builder, 5, "exact").version
    fs, root = fsspec.url_to_fs(url)
    note = f"{root}/.removing-{made}-{uuid.uuid4().hex}"
    fs.pipe_file(note, b"")
    build(builder, 6, "exact")
    assert fs.exists(note)
    with pytest.raises(UnknownVersionError, match="being removed"):
        builder.set_current(made)
    monkeypatch.setattr("index.object_store._ABANDONED_AFTER_S", -5.0)
    build(builder, 7, "exact")
    fs.invalidate_cache()
    assert not fs.exists(note)


def test_what_is_removed_while_it_is_fetched_is_unknown_and_not_a_store_that_is_away(
    builder: MirroredStore, reader: MirroredStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, _ = build(builder, 5, "exact").version, build(builder, 6, "exact")
    download = ObjectStore.download

    def removed_meanwhile(self: ObjectStore, *args: Any) -> None:
        assert builder.remove(old)
        download(self, *args)

    monkeypatch.setattr(ObjectStore, "download", removed_meanwhile)
    with pytest.raises(UnknownVersionError, match=old):
        reader.open(old)


def test_a_full_disk_is_a_store_to_be_asked_again(
    builder: MirroredStore, reader: MirroredStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker refuses for good what cannot be loaded; this can, when there is room again."""
    made = build(builder, 5, "exact")

    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr("index.mirrored.sync", full)
    with pytest.raises(StoreUnavailableError, match="No space left"):
        reader.open()
    assert {path.name for path in reader.root.iterdir()} == {".fetching"}
    monkeypatch.undo()
    assert reader.open().manifest == made


def test_a_link_whose_disk_is_gone_makes_room_for_a_copy(
    builder: MirroredStore, reader: MirroredStore, tmp_path: Path
) -> None:
    made = build(builder, 5, "exact")
    reader.root.mkdir()
    (reader.root / made.version).symlink_to(tmp_path / "gone")
    assert reader.open().manifest == made


def test_a_rollback_finds_its_way_when_the_store_has_lost_the_current_version(
    builder: MirroredStore, url: str
) -> None:
    first, second = build(builder, 5, "exact").version, build(builder, 6, "exact")
    fs, folder = objects(url, second.version)
    fs.rm_file(f"{folder}/manifest.json")
    assert builder.before_current() == first
    builder.set_current(first)
    assert builder.current() == first


def test_a_manifest_that_is_damaged_there_is_no_sound_version(
    builder: MirroredStore, url: str
) -> None:
    made = build(builder, 5, "exact")
    change(url, made, "manifest.json", b"{}")
    assert any("manifest" in problem for problem in builder.verify(made.version))
    fs, folder = objects(url, made.version)
    fs.rm_file(f"{folder}/manifest.json")
    assert any("manifest" in problem for problem in builder.verify(made.version))


def test_what_a_killed_fetch_left_goes_a_day_later(
    builder: MirroredStore, reader: MirroredStore
) -> None:
    """Nobody builds in the folder of a worker, so nobody else would tidy it."""
    build(builder, 5, "exact")
    old, recent = reader.root / ".unfinished-old", reader.root / ".unfinished-recent"
    for folder in (old, recent):
        folder.mkdir(parents=True)
        (folder / "vectors.npy").write_bytes(b"half")
    a_day_ago = time.time() - 25 * 3600
    for path in (old / "vectors.npy", old):
        os.utime(path, (a_day_ago, a_day_ago))
    reader.open()
    assert not old.exists()
    assert recent.exists()


def test_what_was_fetched_outlasts_a_loss_of_power(
    builder: MirroredStore, reader: MirroredStore, synced: set[int]
) -> None:
    """The rename is durable: files that are not would be refused at every start from then on."""
    made = build(builder, 20)
    synced.clear()
    reader.manifest()
    folder = reader.root / made.version
    assert {path.name for path in folder.iterdir() if path.stat().st_ino not in synced} == set()
    assert folder.stat().st_ino in synced


def test_a_protocol_without_a_driver_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match=r"nosuch://x cannot be used"):
        MirroredStore(tmp_path, "nosuch://x")


def test_a_store_that_is_away_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    store = MirroredStore(tmp_path / "root", f"file://{tmp_path}/file/below")
    with pytest.raises(StoreUnavailableError, match="below"):
        build(store, 3, "exact")


def test_an_error_of_the_driver_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    with pytest.raises(StoreUnavailableError, match=r"s3://shop/index: .*credentials"):
        MirroredStore(tmp_path / "root", "s3://shop/index").current()
