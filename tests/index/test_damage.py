"""Truncated, flipped, swapped or edited files are refused; what is open serves on."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index import IndexFormatError, IndexStore, Manifest, build_index
from tests.index.damage import refusal, rewrite
from tests.index.vectors import shop, unit_rows

FILES = ["manifest.json", "items.parquet", "vectors.npy", "index.faiss", "groups.npy", "hashes.npy"]


@pytest.mark.parametrize("name", FILES)
@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_one_flipped_bit_is_seen(
    sound: tuple[Path, Manifest],
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    place: float,
    bit: int,
) -> None:
    root, manifest = sound
    store = IndexStore(tmp_path_factory.mktemp("flipped") / "store")
    shutil.copytree(root, store.root)

    def flip(raw: bytes) -> bytes:
        changed = bytearray(raw)
        changed[int(place * len(raw))] ^= 1 << bit
        return bytes(changed)

    path = store.root / manifest.version / name
    if name == "manifest.json" and says_the_same(flip(path.read_bytes()), path.read_bytes()):
        return  # a blank became another blank: it says the same
    rewrite(path, flip)
    refusal(store, manifest.version)
    with pytest.raises(IndexFormatError):
        store.set_current(manifest.version)
    shutil.rmtree(store.root.parent)


def says_the_same(one: bytes, other: bytes) -> bool:
    try:
        return bool(msgspec.json.decode(one) == msgspec.json.decode(other))
    except ValueError:
        return False


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_a_truncated_file_is_refused(
    store: IndexStore, hnsw: Manifest, name: str, share: float
) -> None:
    rewrite(store.root / hnsw.version / name, lambda raw: raw[: int(share * len(raw))])
    reason = "unreadable" if name == "manifest.json" else rf"{name} has \d+ bytes"
    assert re.search(reason, refusal(store, hnsw.version))


@pytest.mark.parametrize("name", FILES)
def test_a_file_with_more_behind_it_is_refused(
    store: IndexStore, hnsw: Manifest, name: str
) -> None:
    rewrite(store.root / hnsw.version / name, lambda raw: raw + b"more")
    refusal(store, hnsw.version)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_refused(store: IndexStore, hnsw: Manifest, name: str) -> None:
    (store.root / hnsw.version / name).unlink()
    refusal(store, hnsw.version)


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_version_is_refused(store: IndexStore, hnsw: Manifest, name: str) -> None:
    rows = np.vstack([unit_rows(56, seed=9)] + [unit_rows(1, seed=9)] * 4)  # other groups, too
    other = build_index(store, shop(61)[1:], rows, encoder_version="mini-1", engine="hnsw")
    swapped = (store.root / other.version / name).read_bytes()
    rewrite(store.root / hnsw.version / name, lambda _: swapped)
    refusal(store, hnsw.version)


def test_two_files_of_one_version_that_are_swapped_are_refused(
    store: IndexStore, hnsw: Manifest
) -> None:
    folder = store.root / hnsw.version
    faiss_file, vectors = ((folder / n).read_bytes() for n in ("index.faiss", "vectors.npy"))
    rewrite(folder / "index.faiss", lambda _: vectors)
    rewrite(folder / "vectors.npy", lambda _: faiss_file)
    message = refusal(store, hnsw.version)
    assert "index.faiss" in message
    assert "vectors.npy" in message


def test_an_edited_manifest_is_refused(store: IndexStore, hnsw: Manifest) -> None:
    path = store.root / hnsw.version / "manifest.json"
    rewrite(path, lambda raw: raw.replace(b"mini-1", b"mini-2"))
    assert "its own digest" in refusal(store, hnsw.version)


def test_a_misspelt_field_of_a_manifest_is_refused(store: IndexStore, hnsw: Manifest) -> None:
    """Were it ignored, the default would stand in for it, and the digest would still fit."""
    path = store.root / hnsw.version / "manifest.json"
    rewrite(path, lambda raw: raw.replace(b'"metric"', b'"metrik"'))
    assert "metrik" in refusal(store, hnsw.version)


def test_a_folder_under_another_name_is_refused(store: IndexStore, hnsw: Manifest) -> None:
    (store.root / hnsw.version).rename(store.root / "newest")
    assert hnsw.version in refusal(store, "newest")
    assert store.versions() == []


def test_a_damaged_version_cannot_become_current_and_the_open_one_serves_on(
    store: IndexStore, hnsw: Manifest
) -> None:
    snapshot = store.open()
    before = snapshot.search(unit_rows(5), 10)
    newer = build_index(
        store, shop(70), unit_rows(70), encoder_version="mini-1", make_current=False
    )
    rewrite(store.root / newer.version / "vectors.npy", lambda raw: raw[:-1])
    with pytest.raises(IndexFormatError, match=r"vectors\.npy"):
        store.set_current(newer.version)
    assert store.current() == hnsw.version
    np.testing.assert_array_equal(snapshot.search(unit_rows(5), 10).positions, before.positions)


def test_the_digest_is_checked_before_faiss_reads(store: IndexStore, hnsw: Manifest) -> None:
    rewrite(store.root / hnsw.version / "index.faiss", lambda raw: b"IHNs" + bytes(len(raw) - 4))
    message = refusal(store, hnsw.version)
    assert "SHA-256" in message
    assert "FAISS" not in message
