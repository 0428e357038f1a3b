"""Ways to damage a version, and to make its manifest fit the damage."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from index import FileEntry, IndexFormatError, IndexStore, Manifest
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


def refusal(store: IndexStore, version: str) -> str:
    """The message with which a version is refused, by all ways to it alike."""
    with pytest.raises(IndexFormatError) as caught:
        store.open(version)
    assert store.verify(version) == caught.value.problems
    return str(caught.value)
