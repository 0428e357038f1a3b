"""Ways to damage a version, and to make its manifest fit the damage."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from index import FileEntry, IndexFormatError, IndexStore, Manifest, Snapshot
from index.manifest import encode_manifest


def rewrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.chmod(0o644)
    path.write_bytes(change(path.read_bytes()))


def reseal(store: IndexStore, manifest: Manifest, **changes: object) -> None:
    """Make the manifest fit whatever is in the folder, as an attacker would."""
    folder = store.root / manifest.version
    files = {}
    for name in manifest.files:
        raw = (folder / name).read_bytes()
        files[name] = FileEntry(sha256=hashlib.sha256(raw).hexdigest(), bytes=len(raw))
    changed = msgspec.structs.replace(manifest, files=files, **changes)
    rewrite(folder / "manifest.json", lambda _: encode_manifest(changed.sealed()))


def opened_despite(
    version: tuple[Path, Manifest], folder: Path, name: str, place: float, value: bytes
) -> Snapshot | None:
    """A copy of a version, some bytes of a file overwritten, sealed again and opened.

    Args:
        version: Where it is, and its manifest.
        folder: For the copy; empty, removed afterwards.
        name: The file.
        place: Where in it, 0 to 1.
        value: The bytes.

    Returns:
        None where it is refused.
    """
    root, manifest = version
    store = IndexStore(folder / "store")
    shutil.copytree(root, store.root)

    def overwrite(raw: bytes) -> bytes:
        at = int(place * len(raw))
        return (raw[:at] + value + raw[at + len(value) :])[: len(raw)]

    rewrite(store.root / manifest.version / name, overwrite)
    reseal(store, manifest)
    try:
        return store.open()
    except IndexFormatError:
        return None
    finally:
        shutil.rmtree(folder)


def refusal(store: IndexStore, version: str) -> str:
    """The message with which a version is refused, by all ways to it alike."""
    with pytest.raises(IndexFormatError) as caught:
        store.open(version)
    assert store.verify(version) == caught.value.problems
    return str(caught.value)
