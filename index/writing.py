"""A build -> the files of a version, durable, sealed by their manifest."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index.catalogue import Item
from index.engine import Engine
from index.hashes import Hashes
from index.items_file import write_items
from index.manifest import (
    HASHES_NAME,
    ITEMS_NAME,
    MANIFEST_NAME,
    VECTORS_NAME,
    FileEntry,
    Manifest,
    encode_manifest,
)
from index.naming import name_after
from index.npy_file import write_array


@dataclass(frozen=True, slots=True, eq=False)
class Build:
    """All that becomes a version.

    Attributes:
        encoder_version: The model that made the vectors.
        items: N items, in memory or not.
        vectors: (N, d) float32 unit rows; row i belongs to item i.
        popularity: (N,) float32, at least 0.
        engine: Built from these rows in ``order``.
        recall_at_10: As measured, None = not measured.
        recall_at_100: As measured, None = not measured.
        started_s: ``time.monotonic()`` when the build began.
        items_read: See ``Manifest``.
        build_parameters: See ``Manifest``.
        order: (N,) int64, which of these rows each row of the version is; None = as they are.
        hashes: (N, 3) uint64, see ``index.hashes``; None = not known.
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
    order: NDArray[np.int64] | None = None
    hashes: Hashes | None = None


def write_version(folder: Path, build: Build, names: Iterable[str]) -> Manifest:
    """Write a version's files, then the manifest that seals them; some rows at a time.

    Args:
        folder: Empty; to be renamed to the manifest's ``version`` afterwards.
        build: What to write.
        names: Of the versions that are there already: this one is later.
    """
    order = np.arange(len(build.items)) if build.order is None else build.order
    write_array(folder / VECTORS_NAME, build.vectors, order)
    write_items(folder / ITEMS_NAME, build.items, build.popularity, order)
    if build.hashes is not None:
        write_array(folder / HASHES_NAME, build.hashes, order)
    build.engine.write(folder)
    files = {path.name: entry_of(path) for path in sorted(folder.iterdir())}
    now = datetime.now(UTC)
    content = hashlib.sha256("".join(entry.sha256 for entry in files.values()).encode())
    manifest = Manifest(
        version=name_after(names, now, content.hexdigest()),
        encoder_version=build.encoder_version,
        engine=build.engine.name,
        parameters=build.engine.parameters,
        dim=build.engine.dim,
        count=build.engine.count,
        created_at_ms=int(now.timestamp()) * 1000 + now.microsecond // 1000,
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
    sync(folder)
    return manifest


def entry_of(path: Path) -> FileEntry:
    """What a manifest says of this file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return FileEntry(sha256=digest, bytes=file.tell())


def sync(path: Path) -> None:
    """Make a file's bytes, or a folder's entries, durable: a rename alone keeps neither.

    Args:
        path: Of a file that nobody writes any more, or of a folder.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
