"""Encoders beside the versions: a copy is whole and verified, or it is not used."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from index import EncoderFilesError, EncoderFolders

NAMES = ["model.safetensors", "config.json", "1_Pooling/config.json"]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "models" / "shop"
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "pickled.bin").write_bytes(b"never copied")
    for name in NAMES:
        (folder / name).write_bytes(name.encode() * 1_000)
    return folder


@pytest.fixture(params=["folder", "file", "memory", "s3"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[EncoderFolders, EncoderFolders]:
    """Where one is kept, and where it is looked for: the same folder, or another machine's."""
    if request.param == "folder":
        folders = EncoderFolders(tmp_path / "indexes")
        return folders, folders
    if request.param == "s3":
        url = request.getfixturevalue("bucket")
    elif request.param == "file":
        url = f"file://{tmp_path}/objects"
    else:
        url = f"memory://{uuid.uuid4()}"
    return EncoderFolders(tmp_path / "a", url), EncoderFolders(tmp_path / "b", url)


def test_what_was_kept_is_found_whole(
    places: tuple[EncoderFolders, EncoderFolders], model: Path
) -> None:
    ours, theirs = places
    ours.keep("mini-1", model, NAMES)
    (model / NAMES[0]).write_bytes(b"trained again")  # the copy is its own
    ours.keep("mini-2", model, NAMES)
    found = theirs.find("mini-1")
    assert found is not None
    files = sorted(str(path.relative_to(found)) for path in found.rglob("*") if path.is_file())
    assert files == sorted([*NAMES, "encoder.json"])
    assert (found / NAMES[0]).read_bytes() == NAMES[0].encode() * 1_000
    assert theirs.find("mini-3") is None


@pytest.mark.parametrize("damage", ["changed", "missing", "more", "manifest", "renamed"])
def test_what_is_damaged_is_refused_until_it_is_kept_again(
    tmp_path: Path, model: Path, damage: str
) -> None:
    folders = EncoderFolders(tmp_path / "indexes")
    own, name = folders.keep("mini-1", model, NAMES), "mini-1"
    for path in own.rglob("*.*"):
        path.chmod(0o644)
    if damage == "changed":
        raw = bytearray((own / NAMES[0]).read_bytes())
        raw[7] ^= 1
        (own / NAMES[0]).write_bytes(raw)
    elif damage == "missing":
        (own / NAMES[1]).unlink()
    elif damage == "more":
        (own / "other.safetensors").write_bytes(b"would be loaded, too")
    elif damage == "manifest":
        (own / "encoder.json").write_bytes(b'{"encoder_version": "mini-1", "files": {"../x.json":')
    else:
        name = "mini-2"
        own.rename(own.with_name(name))
    with pytest.raises(EncoderFilesError, match=r"mini-. is refused.*index build"):
        folders.find(name)
    folders.keep(name, model, NAMES)
    assert folders.find(name) is not None


@pytest.mark.parametrize(
    "name", ["../up.json", "/etc/a.json", "model.bin", "a/b/c.json", ".x.json"]
)
def test_a_manifest_that_lists_other_files_is_refused(
    tmp_path: Path, model: Path, name: str
) -> None:
    folders = EncoderFolders(tmp_path / "indexes")
    manifest = folders.keep("mini-1", model, NAMES) / "encoder.json"
    manifest.chmod(0o644)
    manifest.write_text(manifest.read_text().replace(NAMES[1], name))
    with pytest.raises(EncoderFilesError, match="it lists"):
        folders.find("mini-1")


@pytest.mark.parametrize("version", ["../up", "", "a/b", ".hidden"])
def test_a_version_is_a_name_and_no_path(tmp_path: Path, version: str) -> None:
    with pytest.raises(EncoderFilesError, match="no name"):
        EncoderFolders(tmp_path).find(version)


def test_a_damaged_cache_is_fetched_again(tmp_path: Path, model: Path) -> None:
    url = f"memory://{uuid.uuid4()}"
    EncoderFolders(tmp_path / "a", url).keep("mini-1", model, NAMES)
    theirs = EncoderFolders(tmp_path / "b", url)
    own = theirs.find("mini-1")
    assert own is not None
    (own / NAMES[0]).unlink()
    assert theirs.find("mini-1") == own
    assert (own / NAMES[0]).is_file()


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies in an object store was written more than a day ago."""
    monkeypatch.setattr("index.object_store._ABANDONED_AFTER_S", -5.0)


@pytest.mark.usefixtures("late")
def test_what_no_version_needs_goes_after_a_day(
    places: tuple[EncoderFolders, EncoderFolders], model: Path
) -> None:
    ours, theirs = places
    a_day_ago = time.time() - 25 * 3600
    for version in ("needed", "forgotten", "new"):
        own = ours.keep(version, model, NAMES)
        if version != "new":
            os.utime(own, (a_day_ago, a_day_ago))
    assert ours.prune({"needed"}) == ["forgotten"]
    assert theirs.find("forgotten") is None
    assert theirs.find("needed")
    assert theirs.find("new")


def test_what_a_machine_never_had_goes_from_the_object_store(
    bucket: str, tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each build in a new container left its encoder there for ever."""
    for version in ("needed", "forgotten"):
        EncoderFolders(tmp_path / f"builder of {version}", bucket).keep(version, model, NAMES)
    ours = EncoderFolders(tmp_path / "a", bucket)
    assert ours.prune({"needed"}) == []
    monkeypatch.setattr("index.object_store._ABANDONED_AFTER_S", -5.0)
    assert ours.prune({"needed"}) == ["forgotten"]
    assert ours.find("forgotten") is None
    assert ours.find("needed")


@pytest.mark.parametrize("kept", ["for the first time", "again"])
def test_what_another_machine_has_kept_meanwhile_stays(
    tmp_path: Path, model: Path, kept: str
) -> None:
    """Its build makes a version current that needs it, and that no worker could serve."""
    objects = tmp_path / "objects"
    ours, theirs = (EncoderFolders(tmp_path / each, f"file://{objects}") for each in "ab")
    own = ours.keep("mini-1", model, NAMES)
    a_day_ago = time.time() - 25 * 3600
    for path in (own, *objects.rglob("*")):
        os.utime(path, (a_day_ago, a_day_ago))
    if kept == "for the first time":
        shutil.rmtree(objects)
    theirs.keep("mini-1", model, NAMES)
    assert ours.prune(()) == []
    assert theirs.find("mini-1")


def test_what_gets_its_name_while_others_are_removed_is_no_error(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker fetches an encoder while a build on its machine removes another one."""
    folders = EncoderFolders(tmp_path / "indexes")
    beside = folders.keep("mini-1", model, NAMES).rename(
        tmp_path / "indexes" / ".encoders" / f".unfinished-{uuid.uuid4().hex}"
    )
    stat = Path.stat

    def renamed(path: Path, **how: Any) -> os.stat_result:
        if path == beside and os.path.lexists(beside):
            beside.rename(beside.with_name("mini-1"))
        return stat(path, **how)

    monkeypatch.setattr(Path, "stat", renamed)
    assert folders.prune(()) == []
    assert folders.find("mini-1")


@pytest.mark.usefixtures("late")
def test_two_machines_may_remove_the_same_encoder(
    places: tuple[EncoderFolders, EncoderFolders], model: Path
) -> None:
    ours, theirs = places
    kept = ours.keep("forgotten", model, NAMES)
    fetched = theirs.find("forgotten")
    assert fetched is not None
    a_day_ago = time.time() - 25 * 3600
    for folder in (kept, fetched):
        os.utime(folder, (a_day_ago, a_day_ago))
    assert ours.prune(()) == ["forgotten"]
    assert theirs.prune(()) == ([] if kept == fetched else ["forgotten"])
    assert not fetched.exists()


def test_an_encoder_outlasts_a_loss_of_power(
    places: tuple[EncoderFolders, EncoderFolders], model: Path, synced: set[int]
) -> None:
    ours, theirs = places
    kept = ours.keep("mini-1", model, NAMES)
    for folder in (kept, theirs.find("mini-1")):
        assert folder is not None
        there = [folder, *folder.rglob("*")]
        assert [path for path in there if path.stat().st_ino not in synced] == []
