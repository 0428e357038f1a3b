"""Versions in an object store, through fsspec: whole or not there, and a pointer."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from index.errors import IndexError_, IndexFormatError, StoreUnavailableError
from index.loading import MAX_MANIFEST_BYTES, parse_manifest, parse_pointer
from index.manifest import (
    FILE_NAMES,
    MANIFEST_NAME,
    OWN_NAMES,
    POINTER_NAME,
    VERSION_PATTERN,
    FileEntry,
    Manifest,
)
from index.naming import is_of_build

_BYTES_A_READ = 4 << 20
# An upload that was interrupted; one that goes on has written a file since.
_ABANDONED_AFTER_S = 24 * 3600


class ObjectStore:
    """Versions under a URL: ``<url>/<version>/<file>`` and ``<url>/CURRENT``.

    A version's manifest is uploaded last, and one without a manifest is not there: so a reader sees
    it whole or not at all. The pointer is one small object. In S3, GCS and Azure replacing it is
    atomic (a reader sees the old one or the new one) and seen by every read that begins afterwards;
    ``file://`` renames, which is atomic, too; ``memory://`` is one process. Other file systems
    (SFTP, SMB, HDFS) write in place: a reader may meet half a pointer, refuses it, and looks again
    later. Of two builders that point at once both succeed; the pointer is that of the last one.
    Who points and who removes leave each other notes, see ``index.notes``.
    """

    def __init__(self, url: str) -> None:
        """Use this place.

        Args:
            url: As fsspec has it: ``s3://bucket/shop``, ``gs://…``, ``file:///…``, ``memory://…``.

        Raises:
            StoreUnavailableError: fsspec, or its driver for this protocol, is not installed.
        """
        self.url = url.rstrip("/")
        try:
            import fsspec

            self._fs, self._root = fsspec.url_to_fs(self.url, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise StoreUnavailableError(f"{url} cannot be used: {error}") from error
        protocol = self._fs.protocol
        self._renames = "file" in ((protocol,) if isinstance(protocol, str) else protocol)

    def versions(self) -> list[str]:
        """Names of what may be versions, in no order."""
        with self._asked():
            if not self._fs.exists(self._root):
                return []
            found: list[dict[str, Any]] = self._fs.ls(self._root, detail=True)
        folders = [each["name"] for each in found if each["type"] != "file"]
        names = [path.rstrip("/").rsplit("/", 1)[-1] for path in folders]
        return [name for name in names if VERSION_PATTERN.fullmatch(name)]

    def manifest(self, version: str) -> Manifest | None:
        """What a version says of itself; None where there is none.

        Raises:
            IndexFormatError: It cannot be believed.
        """
        raw = self.read(f"{version}/{MANIFEST_NAME}")
        return None if raw is None else parse_manifest(raw, version)

    def current(self) -> str | None:
        """The current version's name.

        Raises:
            IndexFormatError: The pointer does not hold a name.
        """
        raw = self.pointer()
        return None if raw is None else parse_pointer(raw, f"{self.url}/{POINTER_NAME}")

    def pointer(self) -> bytes | None:
        """What the pointer holds; None where there is none."""
        return self.read(POINTER_NAME, 200)

    def set_current(self, version: str) -> None:
        """Replace the pointer."""
        raw, target = f"{version}\n".encode(), f"{self._root}/{POINTER_NAME}"
        with self._asked():
            if not self._renames:
                self._fs.pipe_file(target, raw)
                return
            beside = f"{target}.{uuid.uuid4().hex}"
            self._fs.pipe_file(beside, raw)
            self._fs.mv(beside, target)

    def is_gone(self, version: str) -> bool:
        """Whether there is no such version (any more)."""
        return self.read(f"{version}/{MANIFEST_NAME}", 1) is None

    def files(self) -> list[str]:
        """Names of the files beside the versions."""
        with self._asked(), suppress(FileNotFoundError):
            entries: list[dict[str, Any]] = self._fs.ls(self._root, detail=True)
            return [each["name"].rpartition("/")[2] for each in entries if each["type"] == "file"]
        return []

    def touch(self, path: str) -> None:
        """Write an empty file beside the versions."""
        with self._asked():
            self._fs.makedirs(self._root, exist_ok=True)
            self._fs.pipe_file(f"{self._root}/{path}", b"")

    def remove_file(self, path: str) -> None:
        """Remove a file, if it is there."""
        with self._asked(), suppress(FileNotFoundError):
            self._fs.rm_file(f"{self._root}/{path}")

    def is_abandoned(self, path: str) -> bool:
        """Whether a file is older than a day, or gone; False where the driver cannot tell."""
        with self._asked(), suppress(NotImplementedError):
            try:
                written: float = self._fs.modified(f"{self._root}/{path}").timestamp()
            except FileNotFoundError:
                return True
            return written < time.time() - _ABANDONED_AFTER_S
        return False

    def is_forgotten(self, name: str) -> bool:
        """Whether nobody has written to a version, or what else has a name, for a day.

        False where nothing is there, or is any more, and where the driver cannot tell.
        """
        with self._asked(), suppress(FileNotFoundError, NotImplementedError):
            written = [self._fs.modified(path) for path in self._fs.find(self._path(name))]
            return bool(written) and max(written).timestamp() < time.time() - _ABANDONED_AFTER_S
        return False

    def is_debris(self, version: str) -> bool:
        """Whether only files of a version are there, and nobody has written to them for a day."""
        return self._is_left(version, OWN_NAMES)

    def upload(self, folder: Path, manifest: Manifest) -> None:
        """Put a version's files there, its manifest last; what was interrupted before goes."""
        for name in self.versions():
            self._clear_abandoned(name)
        self.put(folder, manifest.version, [*sorted(manifest.files), MANIFEST_NAME])

    def download(self, folder: Path, manifest: Manifest) -> None:
        """Fetch a version's files; the caller verifies them."""
        self.get(folder, manifest.version, sorted(manifest.files))

    def put(self, folder: Path, name: str, files: Sequence[str]) -> None:
        """Put these files of a local folder under a name, in this order."""
        with self._asked():
            for file in files:
                target = self._path(name, file)
                self._fs.makedirs(target.rpartition("/")[0], exist_ok=True)
                self._fs.put_file(str(folder / file), target)

    def get(self, folder: Path, name: str, files: Sequence[str]) -> None:
        """Fetch these files of a name into a local folder; the caller verifies them."""
        with self._asked():
            for file in files:
                (folder / file).parent.mkdir(exist_ok=True)
                try:
                    self._fs.get_file(self._path(name, file), str(folder / file))
                except FileNotFoundError:
                    gone = f"{self.url}/{name}/{file} is missing"
                    raise StoreUnavailableError(gone) from None

    def read(self, path: str, most: int = MAX_MANIFEST_BYTES + 1) -> bytes | None:
        """A small file, so many bytes of it at most; None where there is none."""
        with self._asked():
            try:
                with self._fs.open(f"{self._root}/{path}", "rb") as file:
                    raw: bytes = file.read(most)
            except FileNotFoundError:
                return None
        return raw

    def verify(self, manifest: Manifest) -> list[str]:
        """What is wrong with a version there, one sentence each.

        Args:
            manifest: What it should be.
        """
        problems = []
        try:
            if self.manifest(manifest.version) != manifest:
                problems.append(f"{MANIFEST_NAME} is missing in {self.url}, or that of another")
        except IndexFormatError as error:
            problems += [f"in {self.url} {problem}" for problem in error.problems]
        with self._asked():
            for name, entry in sorted(manifest.files.items()):
                try:
                    found = self._entry(self._path(manifest.version, name))
                except FileNotFoundError:
                    problems.append(f"{name} is missing in {self.url}")
                    continue
                if found != entry:
                    problems.append(f"{name} in {self.url} is not what the manifest says")
        return problems

    def remove(self, name: str, first: str = MANIFEST_NAME) -> None:
        """Remove a version, or what else has a name; its manifest first: nobody begins to read.

        Another machine may have removed it already, or be about to.
        """
        self.remove_file(f"{name}/{first}")
        with self._asked(), suppress(FileNotFoundError):
            self._fs.rm(self._path(name), recursive=True)

    def _clear_abandoned(self, name: str) -> None:
        """Remove a version without a manifest that nobody has written to for a day.

        Only what a build has named so, and nothing that has another file: others may keep folders
        of their own here. Where the driver cannot tell when a file was written, it stays.
        """
        if is_of_build(name) and self._is_left(name, FILE_NAMES):  # that of a manifest is not one
            with self._asked(), suppress(FileNotFoundError):
                self._fs.rm(self._path(name), recursive=True)

    def _is_left(self, name: str, files: Collection[str]) -> bool:
        """Whether there are only files of these names, and nobody has written to them for a day."""
        with self._asked(), suppress(FileNotFoundError):
            paths = self._fs.find(self._path(name))
            found = {path.rpartition(f"/{name}/")[2] for path in paths}
            return found <= set(files) and self.is_forgotten(name)
        return False

    def _entry(self, path: str) -> FileEntry:
        digest, size = hashlib.sha256(), 0
        with self._fs.open(path, "rb") as file:
            while raw := file.read(_BYTES_A_READ):
                digest.update(raw)
                size += len(raw)
        return FileEntry(sha256=digest.hexdigest(), bytes=size)

    def _path(self, version: str, name: str = "") -> str:
        return f"{self._root}/{version}/{name}".rstrip("/")

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """Its drivers raise what they like: botocore's errors are no OSError."""
        try:
            yield
        except IndexError_:
            raise
        except Exception as error:
            raise StoreUnavailableError(f"{self.url}: {type(error).__name__}: {error}") from error
