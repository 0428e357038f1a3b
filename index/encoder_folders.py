"""Beside the versions: the encoders that made their vectors, so that both travel as a pair."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated, Final

import msgspec

from index.errors import EncoderFilesError
from index.manifest import VERSION_PATTERN, FileEntry
from index.object_store import ObjectStore
from index.unfinished import ABANDONED_AFTER_S, delete, is_unfinished, unnamed
from index.writing import entry_of, sync

FOLDER: Final = ".encoders"
MANIFEST_NAME: Final = "encoder.json"
# Nothing else is ever copied, fetched or read: no weights that would have to be unpickled.
_FILE_NAME: Final = re.compile(r"([A-Za-z0-9_-]+/)?[A-Za-z0-9][A-Za-z0-9._-]*\.(json|safetensors)")


class EncoderManifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an encoder's folder consists of.

    Attributes:
        encoder_version: Its name, and that of its folder.
        files: What is in the folder besides this manifest.
    """

    encoder_version: Annotated[str, msgspec.Meta(pattern=f"^{VERSION_PATTERN.pattern}$")]
    files: dict[str, FileEntry]


class EncoderFolders:
    """``<root>/.encoders/<encoder version>/``: immutable, whole or not there, beside the versions.

    Where versions are in an object store, encoders are there too, under ``<url>/.encoders/``; the
    local folder is their cache. What an encoder is, this package does not know: files of which each
    must be what the manifest says. Two builds that keep the same encoder at once both succeed.
    """

    def __init__(self, root: Path | str, url: str | None = None) -> None:
        """Use the folder of an index store.

        Args:
            root: The folder of its versions, which need not exist yet.
            url: Its object store, if it has one.

        Raises:
            StoreUnavailableError: There is no driver for the object store.
        """
        self._root = Path(root) / FOLDER
        self._remote = None if url is None else ObjectStore(f"{url.rstrip('/')}/{FOLDER}")

    @property
    def place(self) -> str:
        """Where they are, for messages."""
        return str(self._root) if self._remote is None else self._remote.url

    def keep(self, encoder_version: str, folder: Path, names: Sequence[str]) -> Path:
        """Copy an encoder here, and into the object store; one that is here already is verified.

        Args:
            encoder_version: Its name.
            folder: Where it is now.
            names: Its files, relative to that.

        Returns:
            The copy's folder.

        Raises:
            EncoderFilesError: A name that is never loaded, or a file that changed meanwhile.
            StoreUnavailableError: The object store does not answer.
        """
        own = self._root / _checked(encoder_version)
        if not own.is_dir() or _problems(own):
            beside = self._beside()
            try:
                for name in names:
                    (beside / name).parent.mkdir(exist_ok=True)
                    shutil.copyfile(folder / name, beside / name)
                entries = {name: entry_of(beside / name) for name in names}
                manifest = EncoderManifest(encoder_version=encoder_version, files=entries)
                self._take_in(beside, own, manifest)
            finally:
                shutil.rmtree(beside, ignore_errors=True)
        own.touch()  # what is in use again is not abandoned
        if self._remote is not None:
            manifest = _read(own)
            known = self._remote.read(f"{encoder_version}/{MANIFEST_NAME}")
            files = [] if known == _encoded(manifest) else sorted(manifest.files)
            # Written again in any case: so every machine sees that it is in use again.
            self._remote.put(own, encoder_version, [*files, MANIFEST_NAME])
        return own

    def find(self, encoder_version: str) -> Path | None:
        """The folder of an encoder, every file of it verified; None where there is none.

        Raises:
            EncoderFilesError: It is damaged.
            StoreUnavailableError: The object store does not answer.
        """
        own = self._root / _checked(encoder_version)
        problems = _problems(own) if own.is_dir() else None
        if problems == [] or self._fetch(encoder_version, own):
            return own
        if problems is None:
            return None
        raise _refused(encoder_version, problems)

    def prune(self, needed: Collection[str]) -> list[str]:
        """Remove those that no version needs and that nobody has kept for a day; their names.

        Those of the object store, too, that were never here; where its driver cannot tell when a
        file was written, all of them stay.
        """
        remote = self._remote
        here = {folder.name for folder in self._root.glob("*")}
        there = set[str]() if remote is None else set(remote.versions())
        removed = []
        for name in sorted((here | there) - set(needed)):
            if self._is_new(name):
                continue
            if remote is not None and name in there:
                if not remote.is_forgotten(name):
                    continue  # another machine has kept it
                remote.remove(name, MANIFEST_NAME)
            delete(self._root / name)
            if not is_unfinished(self._root / name):
                removed.append(name)
        return removed

    def _is_new(self, name: str) -> bool:
        try:
            return (self._root / name).stat().st_mtime > time.time() - ABANDONED_AFTER_S
        except FileNotFoundError:  # it was never here, or has another name by now
            return False

    def _fetch(self, encoder_version: str, own: Path) -> bool:
        """Take an encoder in from the object store, verified; False where there is none."""
        if self._remote is None:
            return False
        raw = self._remote.read(f"{encoder_version}/{MANIFEST_NAME}")
        if raw is None:
            return False
        manifest = _parsed(raw, encoder_version)
        beside = self._beside()
        try:
            self._remote.get(beside, encoder_version, sorted(manifest.files))
            self._take_in(beside, own, manifest)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        return True

    def _beside(self) -> Path:
        folder = unnamed(self._root)
        folder.mkdir(parents=True)
        return folder

    def _take_in(self, beside: Path, own: Path, manifest: EncoderManifest) -> None:
        """Verify, and give it its name; another process may have been faster."""
        (beside / MANIFEST_NAME).write_bytes(_encoded(manifest))
        if problems := _problems(beside, manifest.encoder_version):
            raise _refused(manifest.encoder_version, problems)
        for path in beside.rglob("*"):
            if path.is_file():
                path.chmod(0o444)
            sync(path)
        sync(beside)
        if own.is_dir() and _problems(own):
            shutil.rmtree(own)
        try:
            beside.rename(own)
        except OSError:
            if not own.is_dir():
                raise
        sync(self._root)


def _checked(encoder_version: str) -> str:
    if not VERSION_PATTERN.fullmatch(encoder_version):
        raise EncoderFilesError(f"{encoder_version!r} is no name of an encoder")
    return encoder_version


def _refused(encoder_version: str, problems: list[str]) -> EncoderFilesError:
    return EncoderFilesError(
        f"encoder {encoder_version} is refused: {'; '.join(problems)}. Build the index again with "
        "it (rillstream index build FILE --encoder FOLDER)"
    )


def _read(folder: Path) -> EncoderManifest:
    try:
        raw = (folder / MANIFEST_NAME).read_bytes()
    except FileNotFoundError:
        raise _refused(folder.name, [f"{MANIFEST_NAME} is missing"]) from None
    return _parsed(raw, folder.name)


def _parsed(raw: bytes, encoder_version: str) -> EncoderManifest:
    try:
        manifest = msgspec.json.decode(raw, type=EncoderManifest)
    except ValueError as error:
        raise _refused(encoder_version, [f"{MANIFEST_NAME}: {error}"]) from None
    if manifest.encoder_version != encoder_version:
        raise _refused(encoder_version, [f"the manifest is that of {manifest.encoder_version}"])
    if strange := [name for name in manifest.files if not _FILE_NAME.fullmatch(name)]:
        raise _refused(encoder_version, [f"it lists {', '.join(sorted(strange))}"])
    return manifest


def _problems(folder: Path, encoder_version: str | None = None) -> list[str]:
    """What is wrong with a folder's files, one sentence each."""
    try:
        raw = (folder / MANIFEST_NAME).read_bytes()
        manifest = _parsed(raw, encoder_version or folder.name)
    except (FileNotFoundError, EncoderFilesError) as error:
        return [str(error)]
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    problems = [f"{name} is missing" for name in sorted(manifest.files.keys() - found)]
    strange = sorted(found - manifest.files.keys() - {MANIFEST_NAME})
    problems += [f"{name} does not belong to it" for name in strange]
    for name in sorted(manifest.files.keys() & found):
        if entry_of(folder / name) != manifest.files[name]:
            problems.append(f"{name} has another SHA-256 than {MANIFEST_NAME} says")
    return problems


def _encoded(manifest: EncoderManifest) -> bytes:
    return msgspec.json.format(msgspec.json.encode(manifest, order="sorted"), indent=2) + b"\n"
