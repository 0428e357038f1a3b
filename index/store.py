"""A folder of immutable index versions, and a pointer to the current one."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from index.catalogue import Item
from index.errors import IndexFormatError, NoCurrentVersionError, UnknownVersionError
from index.faiss_file import write_graph
from index.items_file import write_items
from index.loading import load, read_manifest, verified_files
from index.manifest import (
    INDEX_NAME,
    ITEMS_NAME,
    MANIFEST_NAME,
    VECTORS_NAME,
    VERSION_PATTERN,
    FileEntry,
    Manifest,
    encode_manifest,
)
from index.vectors_file import write_vectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from index.engine import Parameters
    from index.snapshot import Snapshot

_POINTER = "CURRENT"
_UNFINISHED = ".unfinished-"


@dataclass(frozen=True, slots=True, eq=False)
class Build:
    """All that becomes a version.

    Attributes:
        encoder_version: The model that made the vectors.
        items: N items; item i belongs to row i.
        vectors: (N, d) float32 unit rows.
        popularity: (N,) float32.
        engine: Name of the engine that serves it.
        parameters: What that was built with.
        graph: The FAISS index, None where the engine needs only the vectors.
        recall_at_10: As measured.
        recall_at_100: As measured.
        started_s: ``time.monotonic()`` at the start of the build.
    """

    encoder_version: str
    items: Sequence[Item]
    vectors: NDArray[np.float32]
    popularity: NDArray[np.float32]
    engine: str
    parameters: Parameters
    graph: Any = None
    recall_at_10: float | None = None
    recall_at_100: float | None = None
    started_s: float = field(default_factory=time.monotonic)


class IndexStore:
    """``<root>/<version>/{manifest.json, items.parquet, vectors.npy[, index.faiss]}`` and ``<root>/CURRENT``.

    A version appears whole or not at all (it is written beside and renamed) and never changes afterwards. The
    pointer is replaced atomically: a reader sees the old one or the new one. Several processes may read while
    one publishes.
    """

    def __init__(self, root: Path | str) -> None:
        """Use this folder, which need not exist yet."""
        self.root = Path(root)

    def versions(self) -> list[Manifest]:
        """Manifests of all versions, newest first. Folders whose manifest cannot be believed are left out."""
        found = []
        for folder in self._folders():
            try:
                found.append(read_manifest(folder))
            except IndexFormatError:
                continue  # `verify` says what is wrong with it
        return sorted(found, key=lambda m: (m.created_at_ms, m.version), reverse=True)

    def current(self) -> str | None:
        """The current version's name, None if nothing was made current yet.

        Raises:
            IndexFormatError: The pointer does not hold a version's name.
        """
        try:
            name = (self.root / _POINTER).read_text("utf-8").strip()
        except FileNotFoundError:
            return None
        except UnicodeDecodeError as error:
            raise IndexFormatError(_POINTER, ["the pointer file is not text"]) from error
        if not VERSION_PATTERN.fullmatch(name):
            raise IndexFormatError(_POINTER, [f"the pointer file holds {name[:100]!r}"])
        return name

    def manifest(self, version: str | None = None) -> Manifest:
        """What a version says of itself; None = the current one.

        Raises:
            NoCurrentVersionError: Nothing is current.
            UnknownVersionError: There is no such version.
            IndexFormatError: Its manifest cannot be believed.
        """
        return read_manifest(self._folder(version))

    def open(self, version: str | None = None, *, ef_search: int | None = None) -> Snapshot:
        """Verify a version and load it; None = the current one.

        Every file's SHA-256 is checked before anything parses it.

        Args:
            version: Which one.
            ef_search: Replaces the HNSW engine's own trade of recall for speed.

        Raises:
            NoCurrentVersionError: Nothing is current.
            UnknownVersionError: There is no such version.
            IndexFormatError: It is damaged.
        """
        return load(self._folder(version), ef_search)

    def verify(self, version: str) -> list[str]:
        """What is wrong with a version, one sentence each; empty = it can be loaded.

        Raises:
            UnknownVersionError: There is no such version.
        """
        folder = self._folder(version)
        try:
            load(folder)
        except IndexFormatError as error:
            return error.problems
        return []

    def publish(self, build: Build) -> Manifest:
        """Write a new version. It does not become current by itself.

        Returns:
            Its manifest.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        folder = self.root / f"{_UNFINISHED}{uuid.uuid4().hex}"
        folder.mkdir()
        try:
            manifest = self._write(folder, build)
            os.rename(folder, self.root / manifest.version)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        _sync(self.root)
        return manifest

    def set_current(self, version: str) -> None:
        """Point at another version, atomically; forwards or back.

        Only the files' digests are checked here, they are loaded by whoever opens the version.

        Raises:
            UnknownVersionError: There is no such version.
            IndexFormatError: It is damaged; the pointer stays.
        """
        folder = self._folder(version)
        with verified_files(folder, read_manifest(folder)):
            pass
        beside = self.root / f"{_UNFINISHED}{uuid.uuid4().hex}"
        with beside.open("x", encoding="utf-8") as file:
            file.write(f"{version}\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.root / _POINTER)
        _sync(self.root)

    def _folders(self) -> list[Path]:
        if not self.root.is_dir():
            return []
        return [
            path
            for path in self.root.iterdir()
            if VERSION_PATTERN.fullmatch(path.name) and path.is_dir()
        ]

    def _folder(self, version: str | None) -> Path:
        name = self.current() if version is None else version
        if name is None:
            raise NoCurrentVersionError(
                f"no index version is current in {self.root}: build one (rillstream index build FILE)"
            )
        folder = self.root / name
        if not VERSION_PATTERN.fullmatch(name) or not folder.is_dir():
            known = ", ".join(sorted(path.name for path in self._folders())) or "none"
            raise UnknownVersionError(f"no index version {name!r} in {self.root}, there are: {known}")
        return folder

    def _write(self, folder: Path, build: Build) -> Manifest:
        write_vectors(folder / VECTORS_NAME, build.vectors)
        write_items(folder / ITEMS_NAME, build.items, build.popularity)
        if build.graph is not None:
            write_graph(folder / INDEX_NAME, build.graph)
        files = {path.name: _entry(path) for path in sorted(folder.iterdir())}
        now = datetime.now(UTC)
        content = hashlib.sha256("".join(entry.sha256 for entry in files.values()).encode())
        manifest = Manifest(
            version=f"{now:%Y%m%dT%H%M%S}.{now.microsecond // 1000:03d}Z-{content.hexdigest()[:8]}",
            encoder_version=build.encoder_version,
            engine=build.engine,
            parameters=dict(build.parameters),
            dim=build.vectors.shape[1],
            count=len(build.items),
            created_at_ms=int(now.timestamp() * 1000),
            files=files,
            recall_at_10=build.recall_at_10,
            recall_at_100=build.recall_at_100,
            build_s=round(time.monotonic() - build.started_s, 3),
        ).sealed()
        with (folder / MANIFEST_NAME).open("xb") as file:
            file.write(encode_manifest(manifest))
            file.flush()
            os.fsync(file.fileno())
        for path in folder.iterdir():
            path.chmod(0o444)
        _sync(folder)
        return manifest


def _sync(folder: Path) -> None:
    """Make the folder's entries durable: a rename alone may be lost with the power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _entry(path: Path) -> FileEntry:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return FileEntry(sha256=digest, bytes=file.tell())
