"""A folder of immutable index versions, and a pointer to the current one."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from index.errors import (
    BusyError,
    CurrentVersionError,
    IndexFormatError,
    NoCurrentVersionError,
    UnknownVersionError,
)
from index.in_use import in_use
from index.loading import load, opened, parse_pointer, read_manifest
from index.manifest import POINTER_NAME, VERSION_PATTERN, Manifest
from index.snapshot import Snapshot
from index.writing import Build, sync, write_version

UNFINISHED = ".unfinished-"
# What a killed build left behind; a build that still runs has written to its folder since.
_ABANDONED_AFTER_S = 24 * 3600


@dataclass(frozen=True, slots=True)
class Pointer:
    """What a store's pointer held at a moment, a name or not: to see that nobody has moved it.

    Attributes:
        raw: Its bytes; None = there was none.
    """

    raw: bytes | None


class IndexStore:
    """Versions in ``<root>/<version>/``: manifest.json, items.parquet, vectors.npy, hashes.npy.

    Beside them is what the engine needs (HNSW: index.faiss, groups.npy; IVF-PQ: four arrays; the
    others: nothing). A version appears whole or not at all (it is written beside, then renamed) and
    never changes afterwards. ``<root>/CURRENT`` names one of them and is replaced atomically: a
    reader sees the old name or the new one. Any number of processes may read and publish at once.
    """

    def __init__(self, root: Path | str) -> None:
        """Use this folder, which need not exist yet."""
        self.root = Path(root)

    def versions(self) -> list[Manifest]:
        """Manifests of all versions, newest first, without those that cannot be believed."""
        found = []
        for folder in self._folders():
            try:
                found.append(read_manifest(folder))
            except IndexFormatError:
                continue  # `verify` says what is wrong with it
        return newest_first(found)

    def current(self) -> str | None:
        """The current version's name, None if none was made current yet.

        Raises:
            IndexFormatError: The pointer does not hold a name.
        """
        raw = self.pointer().raw
        return None if raw is None else parse_pointer(raw, "the pointer file")

    def pointer(self) -> Pointer:
        """What says which version is current, as it is now."""
        try:
            return Pointer((self.root / POINTER_NAME).read_bytes())
        except FileNotFoundError:
            return Pointer(None)

    def manifest(self, version: str | None = None) -> Manifest:
        """What a version says of itself; None = the current one.

        Raises:
            NoCurrentVersionError: None is current.
            UnknownVersionError: There is no such version.
            IndexFormatError: Its manifest cannot be believed.
        """
        return read_manifest(self._folder(version))

    def open(self, version: str | None = None, *, ef_search: int | None = None) -> Snapshot:
        """Verify a version and load it; None = the current one.

        Args:
            version: Which one. The SHA-256 of all its files is checked before anything parses them.
            ef_search: Replaces what the manifest says, for HNSW; other engines ignore it.

        Raises:
            NoCurrentVersionError: None is current.
            UnknownVersionError: There is no such version.
            IndexFormatError: It is damaged.
        """
        with self.files(version) as (manifest, files):
            return load(manifest, files, ef_search)

    @contextmanager
    def files(
        self, version: str | None = None, only: Collection[str] | None = None
    ) -> Iterator[tuple[Manifest, Mapping[str, BinaryIO]]]:
        """A version's manifest and its files, each open at its start and verified.

        Args:
            version: Which one; None = the current one.
            only: Names of the files that are wanted; None = all.

        Raises:
            NoCurrentVersionError: None is current.
            UnknownVersionError: There is no such version.
            IndexFormatError: The manifest, or a file that is wanted, is damaged.
        """
        with opened(self._folder(version), only) as found:
            yield found

    def verify(self, version: str) -> list[str]:
        """What is wrong with a version, one sentence each; empty = it loads.

        Raises:
            UnknownVersionError: There is no such version.
        """
        folder = self._folder(version)
        try:
            with opened(folder) as (manifest, files):
                load(manifest, files)
        except IndexFormatError as error:
            return error.problems
        return []

    def publish(self, build: Build) -> Manifest:
        """Write a new version. It does not become current by itself.

        Returns:
            Its manifest.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        self._clear_abandoned()
        folder = self.root / f"{UNFINISHED}{uuid.uuid4().hex}"
        folder.mkdir()
        try:
            manifest = write_version(folder, build)
            folder.rename(self.root / manifest.version)
        except BaseException:  # also Ctrl-C: whatever ends it, nothing half-written stays
            shutil.rmtree(folder, ignore_errors=True)
            raise
        sync(self.root)
        return manifest

    def set_current(self, version: str, *, seen: Pointer | None = None) -> None:
        """Point at another version, newer or older.

        Args:
            version: Which.
            seen: The pointer as it was when the work that led here began; None = it may be any.

        Raises:
            UnknownVersionError: There is no such version.
            IndexFormatError: Its files are damaged; the pointer stays where it is.
            BusyError: Somebody has moved the pointer since it was seen; it stays where it is.
        """
        with self.files(version):
            self._folder(version)  # still there: large files take a while
        if seen is not None and (now := self.pointer()) != seen:
            said = "" if now.raw is None else now.raw.decode("utf-8", "replace").strip()[:100]
            raise BusyError(
                f"{said or 'nothing'} was made current while {version} was built, which is there "
                f"and not current: rillstream index rollback {version} makes it so"
            )
        self._point(version)

    def _point(self, version: str) -> None:
        """Replace the pointer."""
        beside = self.root / f"{UNFINISHED}{uuid.uuid4().hex}"
        with beside.open("x", encoding="utf-8") as file:
            file.write(f"{version}\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.root / POINTER_NAME)
        sync(self.root)

    def remove(self, version: str) -> bool:
        """Remove a version that is not current, unless a process of this machine has it open.

        It disappears at once, and its files then; whoever has them open keeps them.

        Returns:
            Whether it was removed.

        Raises:
            UnknownVersionError: There is no such version.
            CurrentVersionError: It is the current one.
        """
        folder = self._folder(version)
        if version == self.current():
            raise CurrentVersionError(f"{version} is current")
        return self._discard(folder)

    def _discard(self, folder: Path) -> bool:
        """Remove a version's folder, unless it is in use; another process may have been faster."""
        if in_use(folder):
            return False
        beside = self.root / f"{UNFINISHED}{uuid.uuid4().hex}"
        with suppress(FileNotFoundError):
            folder.rename(beside)
        shutil.rmtree(beside, ignore_errors=True)
        return True

    def before_current(self) -> str:
        """The version to go back to: the newest that is older than the current one.

        Raises:
            NoCurrentVersionError: None is current.
            UnknownVersionError: There is none before it.
        """
        now = (
            self.manifest()
        )  # which need not be among the others: an object store may have lost it
        for manifest in self.versions():
            if _age(manifest) < _age(now):
                return manifest.version
        raise UnknownVersionError(f"no index version in {self.root} is older than {now.version}")

    def _folders(self) -> list[Path]:
        if not self.root.is_dir():
            return []
        entries = self.root.iterdir()
        return [path for path in entries if VERSION_PATTERN.fullmatch(path.name) and path.is_dir()]

    def _folder(self, version: str | None) -> Path:
        name = self.current() if version is None else version
        if name is None:
            raise NoCurrentVersionError(
                f"no index version is current in {self.root}: "
                "build one (rillstream index build FILE)"
            )
        folder = self.root / name
        if not VERSION_PATTERN.fullmatch(name) or not folder.is_dir():
            known = ", ".join(sorted(path.name for path in self._folders())) or "none"
            raise UnknownVersionError(
                f"no index version {name!r} in {self.root}, there are: {known}"
            )
        return folder

    def _clear_abandoned(self) -> None:
        for path in self.root.glob(f"{UNFINISHED}*"):
            try:
                newest = max(p.stat().st_mtime for p in (path, *path.glob("*")))
            except FileNotFoundError:
                continue  # another builder has just finished it
            if time.time() - newest <= _ABANDONED_AFTER_S:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:  # a pointer
                path.unlink(missing_ok=True)


def newest_first(manifests: Iterable[Manifest]) -> list[Manifest]:
    """By the time of their build."""
    return sorted(manifests, key=_age, reverse=True)


def _age(manifest: Manifest) -> tuple[int, str]:
    return manifest.created_at_ms, manifest.version
