"""From verified files to a snapshot. Nothing is parsed before its SHA-256 is right."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from index.engines import Stored, load_engine
from index.errors import IndexFormatError, NotReadableHereError, RejectedInputError
from index.hashes import WIDTH, Hashes
from index.in_use import hold
from index.items_file import read_catalogue
from index.manifest import (
    HASHES_NAME,
    ITEMS_NAME,
    MANIFEST_NAME,
    POINTER_NAME,
    VECTORS_NAME,
    VERSION_PATTERN,
    Manifest,
    NewerFormatError,
    decode_manifest,
)
from index.npy_file import map_array
from index.snapshot import Snapshot

# A manifest is small; more than this is not one.
MAX_MANIFEST_BYTES = 1 << 20


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a version's folder, if it can be believed.

    Raises:
        IndexFormatError: It is missing, damaged, or that of another version.
        NotReadableHereError: It is there and cannot be read, or that of a newer program.
    """
    try:
        with (folder / MANIFEST_NAME).open("rb") as file:
            raw = file.read(MAX_MANIFEST_BYTES + 1)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise IndexFormatError(folder.name, [f"no manifest can be read ({error})"]) from error
    except OSError as error:  # a permission, a disk that is away for a moment
        raise NotReadableHereError(folder.name, [f"no manifest can be read ({error})"]) from error
    return parse_manifest(raw, folder.name)


def parse_manifest(raw: bytes, version: str) -> Manifest:
    """The manifest in these bytes, if it can be believed to be that of this version.

    Raises:
        IndexFormatError: It is too long, damaged, or that of another version.
        NotReadableHereError: It is that of a newer program.
    """
    if len(raw) > MAX_MANIFEST_BYTES:
        raise IndexFormatError(version, [f"its manifest is over {MAX_MANIFEST_BYTES} bytes"])
    try:
        manifest = decode_manifest(raw)
    except NewerFormatError as error:
        raise NotReadableHereError(version, [f"its manifest is unreadable ({error})"]) from error
    except ValueError as error:
        raise IndexFormatError(version, [f"its manifest is unreadable ({error})"]) from error
    if problems := manifest.problems(version):
        raise IndexFormatError(version, problems)
    return manifest


def parse_pointer(raw: bytes, where: str) -> str:
    """The name of the current version, as a store's pointer holds it.

    Raises:
        IndexFormatError: It holds none.
    """
    name = raw.decode("utf-8", "replace").strip()
    if not VERSION_PATTERN.fullmatch(name):
        raise IndexFormatError(POINTER_NAME, [f"{where} holds {name[:100]!r}, not a name"])
    return name


@contextmanager
def verified_files(
    folder: Path, manifest: Manifest, only: Collection[str] | None = None
) -> Iterator[Mapping[str, BinaryIO]]:
    """Open files whose bytes are what the manifest says, each at its start.

    They are read through these handles afterwards, so that a file put in their place after the
    check is never seen. All are open before the first is hashed, so that a version which somebody
    removes meanwhile is still whole.

    Args:
        folder: The version's.
        manifest: Of this folder.
        only: Names of the files that are wanted; None = all.

    Raises:
        IndexFormatError: With every file that is missing, of another length or of another content.
    """
    problems: list[str] = []
    with ExitStack() as stack:
        files: dict[str, BufferedReader] = {}
        for name in sorted(manifest.files):
            if only is not None and name not in only:
                continue
            try:
                files[name] = stack.enter_context((folder / name).open("rb"))
            except OSError as error:
                problems.append(f"{name} cannot be read ({error.strerror})")
        for name, file in files.items():
            entry = manifest.files[name]
            size = file.seek(0, 2)
            file.seek(0)
            if size != entry.bytes:
                problems.append(f"{name} has {size} bytes, the manifest says {entry.bytes}")
            elif hashlib.file_digest(file, "sha256").hexdigest() != entry.sha256:
                problems.append(f"{name} has another SHA-256 than the manifest says")
            file.seek(0)
        if problems:
            raise IndexFormatError(manifest.version, problems)
        yield files


@contextmanager
def opened(
    folder: Path, only: Collection[str] | None = None
) -> Iterator[tuple[Manifest, Mapping[str, BinaryIO]]]:
    """A version's manifest and files, see ``read_manifest`` and ``verified_files``."""
    manifest = read_manifest(folder)
    with verified_files(folder, manifest, only) as files:
        yield manifest, files


def map_vectors(files: Mapping[str, BinaryIO], manifest: Manifest) -> NDArray[np.float32]:
    """(N, d) unit rows of a version.

    Args:
        files: Open at their start, verified.
        manifest: Of the same version.

    Raises:
        ValueError: They are not what the manifest promises.
    """
    return map_array(files[VECTORS_NAME], np.float32, (manifest.count, manifest.dim))


def map_hashes(files: Mapping[str, BinaryIO], manifest: Manifest) -> Hashes | None:
    """(N, 3) of a version, see ``index.hashes``; None in format 1, which has none.

    Args:
        files: As for ``map_vectors``.
        manifest: Of the same version.

    Raises:
        ValueError: They are not what the manifest promises.
    """
    if HASHES_NAME not in files:
        return None
    return map_array(files[HASHES_NAME], np.uint64, (manifest.count, WIDTH))


def load(
    manifest: Manifest, files: Mapping[str, BinaryIO], ef_search: int | None = None
) -> Snapshot:
    """A version from its files.

    Args:
        manifest: Of the version.
        files: All of them, open at their start, verified.
        ef_search: Replaces the HNSW engine's own; other engines have none and ignore it.

    Raises:
        IndexFormatError: They hold what the manifest does not say.
    """
    hold(files[VECTORS_NAME])
    try:
        vectors = map_vectors(files, manifest)
        map_hashes(files, manifest)  # not served, but a build relies on them
        catalogue = read_catalogue(files[ITEMS_NAME], manifest.count)
        engine = load_engine(Stored(manifest, files, vectors), ef_search)
    except (ValueError, RejectedInputError) as error:
        raise IndexFormatError(manifest.version, [str(error)]) from error
    return Snapshot(manifest, engine, catalogue, vectors)
