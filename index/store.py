"""A folder of immutable index versions, and a pointer to the current one."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index.catalogue import Item
from index.engine import Engine
from index.errors import IndexFormatError, NoCurrentVersionError, UnknownVersionError
from index.items_file import write_items
from index.loading import load, read_manifest, verified_files
from index.manifest import (
    ITEMS_NAME,
    MANIFEST_NAME,
    VECTORS_NAME,
    VERSION_PATTERN,
    FileEntry,
    Manifest,
    encode_manifest,
)
from index.npy_file import write_array
from index.snapshot import Snapshot

_POINTER = "CURRENT"
_UNFINISHED = ".unfinished-"
# What a killed build left behind; a build that still runs has written to its folder since.
_ABANDONED_AFTER_S = 24 * 3600


@dataclass(frozen=True, slots=True, eq=False)
class Build:
    """All that becomes a version.

    Attributes:
        encoder_version: The model that made the vectors.
        items: N items; item i belongs to row i.
        vectors: (N, d) float32 unit rows.
        popularity: (N,) float32, at least 0.
        engine: Built from these rows, in this order.
        recall_at_10: As measured, None = not measured.
        recall_at_100: As measured, None = not measured.
        started_s: ``time.monotonic()`` when the build began.
        items_read: See ``Manifest``.
        build_parameters: See ``Manifest``.
    """

    encoder_version: str
    items: Sequence[Item]
    vectors: NDArray[np.float32]
    popularity: NDArray[np.float32]
    engine: Engine
    recall_at_10: float | None
    recall_at_100: float | None
    started_s: float
    items_read: Mapping[str, int] = field(default_factory=dict)
    build_parameters: Mapping[str, int | float | str] = field(default_factory=dict)


class IndexStore:
    """Versions in ``<root>/<version>/``: manifest.json, items.parquet, vectors.npy.

    Beside them is what the engine needs (HNSW: index.faiss, groups.npy; exact: nothing). A version
    appears whole or not at all (it is written beside, then renamed) and never changes afterwards.
    ``<root>/CURRENT`` names one of them and is replaced atomically: a reader sees the old name or
    the new one. Any number of processes may read and publish at once.
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
        return sorted(found, key=lambda m: (m.created_at_ms, m.version), reverse=True)

    def current(self) -> str | None:
        """The current version's name, None if none was made current yet.

        Raises:
            IndexFormatError: The pointer does not hold a name.
        """
        try:
            raw = (self.root / _POINTER).read_bytes()
        except FileNotFoundError:
            return None
        name = raw.decode("utf-8", "replace").strip()
        if not VERSION_PATTERN.fullmatch(name):
            raise IndexFormatError(_POINTER, [f"the pointer file holds {name[:100]!r}, not a name"])
        return name

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
        return load(self._folder(version), ef_search)

    def verify(self, version: str) -> list[str]:
        """What is wrong with a version, one sentence each; empty = it loads.

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
        self._clear_abandoned()
        folder = self.root / f"{_UNFINISHED}{uuid.uuid4().hex}"
        folder.mkdir()
        try:
            manifest = _write(folder, build)
            folder.rename(self.root / manifest.version)
        except BaseException:  # also Ctrl-C: whatever ends it, nothing half-written stays
            shutil.rmtree(folder, ignore_errors=True)
            raise
        _sync(self.root)
        return manifest

    def set_current(self, version: str) -> None:
        """Point at another version, newer or older.

        Raises:
            UnknownVersionError: There is no such version.
            IndexFormatError: Its files are damaged; the pointer stays where it is.
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
        for path in self.root.glob(f"{_UNFINISHED}*"):
            try:
                newest = max(p.stat().st_mtime for p in (path, *path.glob("*")))
            except FileNotFoundError:
                continue  # another builder has just finished it
            if time.time() - newest > _ABANDONED_AFTER_S:
                shutil.rmtree(path, ignore_errors=True)


def _write(folder: Path, build: Build) -> Manifest:
    """Write a version's files, then the manifest that seals them."""
    write_array(folder / VECTORS_NAME, build.vectors)
    write_items(folder / ITEMS_NAME, build.items, build.popularity)
    build.engine.write(folder)
    files = {path.name: _entry(path) for path in sorted(folder.iterdir())}
    now = datetime.now(UTC)
    content = hashlib.sha256("".join(entry.sha256 for entry in files.values()).encode())
    milliseconds = now.microsecond // 1000
    manifest = Manifest(
        version=f"{now:%Y%m%dT%H%M%S}.{milliseconds:03d}Z-{content.hexdigest()[:8]}",
        encoder_version=build.encoder_version,
        engine=build.engine.name,
        parameters=build.engine.parameters,
        dim=build.engine.dim,
        count=build.engine.count,
        created_at_ms=int(now.timestamp()) * 1000 + milliseconds,
        files=files,
        recall_at_10=build.recall_at_10,
        recall_at_100=build.recall_at_100,
        build_s=round(time.monotonic() - build.started_s, 3),
        items_read=dict(build.items_read),
        build_parameters=dict(build.build_parameters),
    ).sealed()
    with (folder / MANIFEST_NAME).open("xb") as file:
        file.write(encode_manifest(manifest))
        file.flush()
        os.fsync(file.fileno())
    for path in folder.iterdir():
        path.chmod(0o444)
    _sync(folder)
    return manifest


def _entry(path: Path) -> FileEntry:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return FileEntry(sha256=digest, bytes=file.tell())


def _sync(folder: Path) -> None:
    """Make a folder's entries durable: a rename alone can be lost with the power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
