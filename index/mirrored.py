"""A store whose truth is elsewhere: versions are built and served from a local folder."""

from __future__ import annotations

import fcntl
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from index.errors import IndexFormatError, StoreUnavailableError, UnknownVersionError
from index.in_use import hold
from index.loading import opened, verified_files
from index.manifest import MANIFEST_NAME, VECTORS_NAME, VERSION_PATTERN, Manifest, encode_manifest
from index.notes import clear_old, held, removing
from index.object_store import ObjectStore
from index.pointer import Pointer
from index.store import IndexStore
from index.unfinished import clear_abandoned, delete, unnamed
from index.writing import Build, sync

_LOCK = ".fetching"
_COPY = ".fetched"  # in the folder of a version that came from the object store, or went there


class MirroredStore(IndexStore):
    """Publishes to an object store; fetches from there what the local folder lacks.

    What is fetched is verified before it gets a version's name in the folder, and again before it
    is served; a copy that is damaged by then is fetched once more. What is current, and which
    versions there are, only the object store knows; what has come or gone there and is there no
    longer goes here, too, when the next version comes or goes.
    """

    def __init__(self, root: Path | str, url: str) -> None:
        """Mirror a place.

        Args:
            root: The local folder.
            url: Where versions are published, see ``ObjectStore``.

        Raises:
            StoreUnavailableError: There is no driver for it.
        """
        super().__init__(root)
        self._remote = ObjectStore(url)

    def current(self) -> str | None:
        """As ``IndexStore``; read from the object store."""
        return self._remote.current()

    def pointer(self) -> Pointer:
        """As ``IndexStore``; that of the object store."""
        return Pointer(self._remote.pointer())

    @contextmanager
    def _files_in(
        self, folder: Path, only: Collection[str] | None
    ) -> Iterator[tuple[Manifest, Mapping[str, BinaryIO]]]:
        """What is damaged here is fetched again."""
        with ExitStack() as stack:
            try:
                found = stack.enter_context(opened(folder, only))
            except IndexFormatError:
                if not self._fetched_again(folder):
                    raise
                found = stack.enter_context(opened(folder, only))
            yield found

    def verify(self, version: str) -> list[str]:
        """As ``IndexStore``; the files in the object store, and those here."""
        problems = super().verify(version)
        return problems or self._remote.verify(self.manifest(version))

    def publish(self, build: Build) -> Manifest:
        """As ``IndexStore``; here first, then there. What did not get there goes with the next."""
        manifest = super().publish(build)
        folder = self.root / manifest.version
        with (folder / VECTORS_NAME).open("rb") as vectors:
            hold(vectors)  # until it is there, whoever tidies the folder leaves it alone
            (folder / _COPY).touch()
            self._remote.upload(folder, manifest)
            clear_old(self._remote)
        self._clear_forgotten()
        return manifest

    def set_current(self, version: str, *, seen: Pointer | None = None) -> None:
        """As ``IndexStore``; the local files are verified, then the pointer is replaced there.

        Raises:
            UnknownVersionError: The object store does not have it (any more).
            IndexFormatError: Its files are damaged; the pointer stays where it is.
            BusyError: Somebody has moved the pointer since it was seen.
        """
        self._manifest_of(version)
        super().set_current(version, seen=seen)

    @contextmanager
    def _held(self, version: str) -> Iterator[None]:
        with held(self._remote, version):
            yield

    def _point(self, version: str) -> None:
        super()._point(version)
        self._remote.set_current(version)

    def remove(self, version: str) -> bool:
        """As ``IndexStore``; there and here. Readers on other machines are not known.

        Another machine may have removed it already, which is no error.
        """
        if not VERSION_PATTERN.fullmatch(version):
            raise self._unknown(version)
        with removing(self._remote, version):
            if (folder := self.root / version).is_dir() and not self._discard(folder):
                return False
            self._remote.remove(version)
            return True

    @property
    def _place(self) -> str:
        return self._remote.url

    def _names(self) -> list[str]:
        return self._remote.versions()

    def _manifest_in_place(self, version: str) -> Manifest | None:
        return self._remote.manifest(version)

    def is_debris(self, version: str) -> bool:
        """As ``IndexStore``; in the object store."""
        return self._remote.is_debris(version)

    def _require(self, version: str) -> None:
        """A copy here will do: what the object store has lost may still be looked at."""
        if not VERSION_PATTERN.fullmatch(version) or not (self.root / version).is_dir():
            self._manifest_of(version)

    def _ensured(self, version: str) -> Path:
        """As ``IndexStore``; what is not here is fetched, and what is forgotten makes room."""
        folder = self.root / version
        if VERSION_PATTERN.fullmatch(version) and folder.is_dir():
            return folder
        self._manifest_of(version)  # a name that nobody has is no reason to tidy
        with self._fetching():
            if not folder.is_dir():  # another worker may have fetched it meanwhile
                self._clear_forgotten()  # first, for a full disk has room again
                clear_abandoned(self.root)
                self._fetch(version)
        return folder

    @contextmanager
    def _fetching(self) -> Iterator[None]:
        """The workers of a machine fetch one after the other: a version comes once."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / _LOCK).open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _fetched_again(self, folder: Path) -> bool:
        """Whether a copy that was found damaged is whole now; False = there is no other."""
        with self._fetching(), suppress(UnknownVersionError):
            with suppress(IndexFormatError), opened(folder):
                return True  # another worker has fetched it meanwhile
            self._fetch(folder.name)
            return True
        return False

    def _fetch(self, version: str) -> None:
        """Download, verify, rename; a damaged copy makes room for it, whoever has it open."""
        manifest = self._manifest_of(version)
        fetched, damaged = unnamed(self.root), unnamed(self.root)
        try:
            fetched.mkdir()
            try:
                self._remote.download(fetched, manifest)
            except StoreUnavailableError:
                self._manifest_of(version)  # somebody may have removed it meanwhile
                raise
            (fetched / MANIFEST_NAME).write_bytes(encode_manifest(manifest))
            with verified_files(fetched, manifest):
                pass
            (fetched / _COPY).touch()
            for path in fetched.iterdir():
                path.chmod(0o444)
                sync(path)
            sync(fetched)
            if (folder := self.root / version).is_dir() or folder.is_symlink():
                folder.rename(damaged)
            fetched.rename(folder)
        except OSError as error:  # a full disk, most of all: it may have room later
            raise StoreUnavailableError(f"{version} finds no place here: {error}") from error
        finally:
            delete(fetched)
            delete(damaged)

    def _manifest_of(self, version: str) -> Manifest:
        """What the object store says of a version.

        Raises:
            UnknownVersionError: It has none of that name.
        """
        is_name = VERSION_PATTERN.fullmatch(version)
        manifest = self._remote.manifest(version) if is_name else None
        if manifest is None:
            raise self._unknown(version)
        return manifest

    def _clear_forgotten(self) -> None:
        """Remove copies of what the object store has no longer, unless they are open here.

        Not while the pointer is broken: what is current cannot be told then, and whoever builds or
        goes to another version, which mends it, comes here first.
        """
        try:
            known = {*self._remote.versions(), self.current()}
        except IndexFormatError:
            return
        for folder in self._folders():
            if folder.name not in known and (folder / _COPY).exists():
                self._discard(folder)
