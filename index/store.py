"""A folder of immutable index versions, and a pointer to the current one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from index.errors import (
    BusyError,
    CurrentVersionError,
    IndexFormatError,
    LostVersionError,
    NoCurrentVersionError,
    UnknownVersionError,
)
from index.in_use import in_use
from index.loading import load, opened, parse_pointer, read_manifest
from index.manifest import MANIFEST_NAME, OWN_NAMES, VERSION_PATTERN, Manifest
from index.naming import age, age_of, is_of_build, newest_first
from index.pointer import Pointer, point, pointer_in, pointing
from index.snapshot import Snapshot
from index.unfinished import clear_abandoned, delete, is_abandoned, unnamed
from index.writing import Build, sync, write_version


class IndexStore:
    """Versions in ``<root>/<version>/``: manifest.json, items.parquet, vectors.npy, hashes.npy.

    Beside them is what the engine needs (HNSW: index.faiss, groups.npy; IVF-PQ: four arrays; the
    others: nothing). A version appears whole or not at all (it is written beside, then renamed) and
    never changes afterwards. ``<root>/CURRENT`` names one of them and is replaced atomically: a
    reader sees the old name or the new one. Any number of processes may read and publish at once.

    What moves the pointer and what removes a version happen one after the other, by a lock of the
    operating system that ends with its process: so the pointer never names what is gone. A process
    that ends in between leaves this (the next one finds the lock free):

        ended after ...                          durable              then
        a version's files were written           a folder beside      it goes a day later
        the folder got its name                  the version          it is listed, and not current
        the pointer's new file was written       a file beside        it goes a day later
        the pointer was replaced                 the new pointer      it holds
        a removed version's folder was renamed   a folder beside      it goes a day later
    """

    def __init__(self, root: Path | str) -> None:
        """Use this folder, which need not exist yet."""
        self.root = Path(root)

    def versions(self) -> list[Manifest]:
        """Manifests of all versions, newest first, without those that cannot be believed.

        The newest is the one that was published last, see ``index.naming``.
        """
        return self.versions_and_unreadable()[0]

    def versions_and_unreadable(self) -> tuple[list[Manifest], list[IndexFormatError]]:
        """See ``versions``; and of what else should be one, why it cannot be believed, by name."""
        manifests: list[Manifest] = []
        unreadable: list[IndexFormatError] = []
        for name in sorted(self._names()):
            try:
                manifest = self._manifest_in_place(name)
            except IndexFormatError as error:
                unreadable.append(error)
            else:
                manifests += [] if manifest is None else [manifest]
        return newest_first(manifests), unreadable

    def _manifest_in_place(self, version: str) -> Manifest | None:
        """From where versions are; None = it is no version (yet, or any more)."""
        folder = self.root / version
        if not is_of_build(version) and not (folder / MANIFEST_NAME).exists():
            return None  # somebody keeps a folder of another kind here
        return read_manifest(folder)

    def current(self) -> str | None:
        """The current version's name, None if none was made current yet.

        Raises:
            IndexFormatError: The pointer does not hold a name.
        """
        raw = self.pointer().raw
        return None if raw is None else parse_pointer(raw, "the pointer file")

    def pointer(self) -> Pointer:
        """What says which version is current, as it is now."""
        return pointer_in(self.root)

    def manifest(self, version: str | None = None) -> Manifest:
        """What a version says of itself; None = the current one.

        Raises:
            NoCurrentVersionError: None is current.
            UnknownVersionError: There is no such version; LostVersionError if it is current.
            IndexFormatError: Its manifest cannot be believed.
        """
        with self.files(version, only=()) as (manifest, _):
            return manifest

    def open(self, version: str | None = None, *, ef_search: int | None = None) -> Snapshot:
        """Verify a version and load it; None = the current one.

        Args:
            version: Which one. The SHA-256 of all its files is checked before anything parses them.
            ef_search: Replaces what the manifest says, for HNSW; other engines ignore it.

        Raises:
            NoCurrentVersionError: None is current.
            UnknownVersionError: There is no such version; LostVersionError if it is current.
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
            UnknownVersionError: There is no such version; LostVersionError if it is current.
            IndexFormatError: The manifest, or a file that is wanted, is damaged.
        """
        with ExitStack() as stack:
            yield self._opened(stack, version, only)

    def _opened(
        self, stack: ExitStack, version: str | None, only: Collection[str] | None
    ) -> tuple[Manifest, Mapping[str, BinaryIO]]:
        """See ``files``; the stack closes them.

        Versions come and go meanwhile: one that has gone is no damaged one, and if it was the
        current one, another is by now.
        """
        name = self._name(version)
        while True:
            try:
                return stack.enter_context(self._files_in(self._ensured(name), only))
            except (IndexFormatError, UnknownVersionError) as error:
                now = self._name(version)
                if now != name:
                    name = now
                    continue
                if version is None and isinstance(error, UnknownVersionError):
                    lost = f"{error}; it is current all the same: rillstream index rollback"
                    raise LostVersionError(lost) from error
                self._require(name)
                raise

    def _files_in(
        self, folder: Path, only: Collection[str] | None
    ) -> AbstractContextManager[tuple[Manifest, Mapping[str, BinaryIO]]]:
        return opened(folder, only)

    def verify(self, version: str) -> list[str]:
        """What is wrong with a version, one sentence each; empty = it loads.

        Raises:
            UnknownVersionError: There is no such version.
        """
        folder = self._ensured(version)
        try:
            with opened(folder) as (manifest, files):
                load(manifest, files)
        except IndexFormatError as error:
            self._require(version)  # one that has gone meanwhile is no damaged one
            return error.problems
        return []

    def publish(self, build: Build) -> Manifest:
        """Write a new version. It does not become current by itself.

        Returns:
            Its manifest.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        clear_abandoned(self.root)
        folder = unnamed(self.root)
        folder.mkdir()
        try:
            manifest = write_version(folder, build, self._names())
            folder.rename(self.root / manifest.version)
        except BaseException:  # also Ctrl-C: whatever ends it, nothing half-written stays
            delete(folder)
            raise
        sync(self.root)
        return manifest

    def set_current(self, version: str, *, seen: Pointer | None = None) -> None:
        """Point at another version, newer or older.

        Args:
            version: Which.
            seen: The pointer as it was when the work that led here began; None = it may be any.

        Raises:
            UnknownVersionError: There is no such version, or somebody is removing it.
            IndexFormatError: Its files are damaged; the pointer stays where it is.
            BusyError: Somebody has moved the pointer since it was seen; it stays where it is.
        """
        with self.files(version):
            pass
        with self._held(version):
            if seen is not None and (now := self.pointer()) != seen:
                said = "" if now.raw is None else now.raw.decode("utf-8", "replace").strip()[:100]
                raise BusyError(
                    f"{said or 'nothing'} was made current while {version} was built, which is "
                    f"there and not current: rillstream index rollback {version} makes it so"
                )
            self._point(version)

    @contextmanager
    def _held(self, version: str) -> Iterator[None]:
        """Nobody removes the version before the block ends.

        Raises:
            UnknownVersionError: It is not there any more: large files take a while to verify.
        """
        with pointing(self.root):
            self._require(version)
            yield

    def _point(self, version: str) -> None:
        """Replace the pointer."""
        point(self.root, version)

    def remove(self, version: str) -> bool:
        """Remove a version that is not current, unless a process of this machine has it open.

        It disappears at once, and its files then; whoever has them open keeps them.

        Returns:
            Whether it was removed.

        Raises:
            UnknownVersionError: There is no such version.
            CurrentVersionError: It is the current one.
        """
        self._require(version)
        with pointing(self.root):
            if version == self.current():
                raise CurrentVersionError(f"{version} is current")
            return self._discard(self.root / version)

    def is_debris(self, version: str) -> bool:
        """Whether only files of a version are in a folder, and nobody has written to it for a day.

        Raises:
            StoreUnavailableError: An object store does not answer.
        """
        folder = self.root / version
        with suppress(FileNotFoundError):
            return {path.name for path in folder.iterdir()} <= OWN_NAMES and is_abandoned(folder)
        return False

    def _discard(self, folder: Path) -> bool:
        """Remove a version's folder, unless it is in use; another process may have been faster."""
        if in_use(folder):
            return False
        removed = unnamed(self.root)
        with suppress(FileNotFoundError):
            folder.rename(removed)
        delete(removed)
        return True

    def before_current(self) -> str:
        """The version to go back to: the newest that is older than the current one.

        The current one need not be there: somebody may have deleted its folder by hand. If it is
        not and none is older, the newest of all.

        Raises:
            NoCurrentVersionError: None is current.
            IndexFormatError: The pointer holds no name.
            LostVersionError: There is none before it.
        """
        name = self._name(None)
        manifests = self.versions()
        now = next((each for each in manifests if each.version == name), None)
        for manifest in manifests:
            if age_of(manifest) < age(name, 0 if now is None else now.created_at_ms):
                return manifest.version
        if now is None and manifests:
            return manifests[0].version
        raise LostVersionError(f"no index version in {self._place} is older than {name}")

    def _folders(self) -> list[Path]:
        if not self.root.is_dir():
            return []
        entries = self.root.iterdir()
        return [path for path in entries if VERSION_PATTERN.fullmatch(path.name) and path.is_dir()]

    @property
    def _place(self) -> str:
        """Where versions are, for messages."""
        return str(self.root)

    def _names(self) -> list[str]:
        """Of all that may be versions, in no order."""
        return [folder.name for folder in self._folders()]

    def _name(self, version: str | None) -> str:
        """This version's name; None = the current one's.

        Raises:
            NoCurrentVersionError: None is current.
            IndexFormatError: The pointer holds no name.
        """
        name = self.current() if version is None else version
        if name is None:
            raise NoCurrentVersionError(
                f"no index version is current in {self._place}: "
                "build one (rillstream index build FILE)"
            )
        return name

    def _require(self, version: str) -> None:
        """Look whether a version is there.

        Raises:
            UnknownVersionError: There is none of that name.
        """
        if not VERSION_PATTERN.fullmatch(version) or not (self.root / version).is_dir():
            raise self._unknown(version)

    def _ensured(self, version: str) -> Path:
        """The local folder of a version, whose files are all there when this returns.

        Raises:
            UnknownVersionError: There is none of that name.
        """
        self._require(version)
        return self.root / version

    def _unknown(self, version: str) -> UnknownVersionError:
        known = ", ".join(sorted(self._names())) or "none"
        return UnknownVersionError(
            f"no index version {version!r} in {self._place}, there are: {known}"
        )
