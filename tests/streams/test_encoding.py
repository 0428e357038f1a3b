"""Nothing is encoded twice: not after a kill, not for a new version, not for equal texts."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import index
from index import IndexStore, Item
from index.build import build_staged
from index.encoded import EncodedLog
from index.known import of_versions
from index.mirrored import MirroredStore
from index.staging import Staged, Staging
from index.workplace import workplace
from streams.building import encoding
from streams.building.encoding import Encoding
from streams.building.popularity import Popularity

DIM = 8


class FakeTower:
    """Vectors from the letters of a text; notes what it was asked, and may die on the way."""

    def __init__(self, version: str = "fake-1", dies_after: int | None = None) -> None:
        self.version = version
        self.asked: list[list[str]] = []
        self._dies_after = dies_after

    def item_text(self, item: index.Item) -> str:
        return item.title

    def encode_items(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if self._dies_after is not None and len(self.texts) >= self._dies_after:
            raise KeyboardInterrupt
        self.asked.append(list(texts))
        return np.array([vector_of(text) for text in texts], np.float32).reshape(-1, DIM)

    @property
    def texts(self) -> list[str]:
        return [text for step in self.asked for text in step]


def vector_of(text: str) -> NDArray[np.float64]:
    rng = np.random.default_rng(list(text.encode()))
    row = rng.standard_normal(DIM)
    unit: NDArray[np.float64] = row / np.linalg.norm(row)
    return unit


def items(n: int, price: float = 1.0) -> list[Item]:
    return [Item(item_id=f"i{i}", title=f"Teapot {i}", price=price) for i in range(n)]


def build(
    store: IndexStore, catalogue: Sequence[Item], tower: FakeTower, said: list[str] | None = None
) -> Encoding:
    complaints: list[str] = []
    with workplace(store.root) as place:
        known = of_versions(store, tower.version, DIM, complaints.append)
        with (
            EncodedLog(place.encoded(tower.version), DIM) as log,
            Staging(place.staging, DIM) as staging,
        ):
            done = Encoding(tower, staging, log, known)
            done.run(catalogue)
            build_staged(store, staging.finish(), encoder_version=tower.version)
        place.forget_encoded(tower.version)
    assert said is not None or complaints == []
    if said is not None:
        said += complaints
    return done


@pytest.fixture
def store(tmp_path: Path) -> IndexStore:
    return IndexStore(tmp_path / "indexes")


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "WINDOW", 50)
    monkeypatch.setattr(encoding, "_TEXTS_A_STEP", 16)


def check(store: IndexStore, catalogue: Sequence[Item]) -> None:
    """Each item has the vector of its own text."""
    snapshot = store.open()
    assert sorted(snapshot.catalogue.ids) == sorted(item.item_id for item in catalogue)
    for item in catalogue:
        row = snapshot.vectors[snapshot.catalogue.position(item.item_id)]
        np.testing.assert_allclose(row, vector_of(item.title), atol=1e-6)


def test_each_item_gets_the_vector_of_its_text(store: IndexStore) -> None:
    tower = FakeTower()
    done = build(store, items(130), tower)
    check(store, items(130))
    assert (done.n_encoded, done.n_reused) == (130, 0)
    assert sorted(tower.texts) == sorted(item.title for item in items(130))


def test_short_texts_are_encoded_before_long_ones(store: IndexStore) -> None:
    tower = FakeTower()
    catalogue = [Item(item_id=f"i{n}", title="x" * (n * 37 % 50 + 1)) for n in range(50)]
    build(store, catalogue, tower)
    assert [len(text) for text in tower.texts] == sorted(len(text) for text in tower.texts)


def test_equal_texts_are_encoded_once(store: IndexStore) -> None:
    tower = FakeTower()
    catalogue = [Item(item_id=f"i{n}", title=f"Mug {n % 3}") for n in range(40)]
    done = build(store, catalogue, tower)
    check(store, catalogue)
    assert (len(tower.texts), done.n_encoded, done.n_reused) == (3, 3, 37)


def test_a_build_that_died_goes_on_where_it_was(store: IndexStore) -> None:
    first = FakeTower(dies_after=60)
    with pytest.raises(KeyboardInterrupt):
        build(store, items(130), first)
    assert store.current() is None
    second = FakeTower()
    done = build(store, items(130), second)
    check(store, items(130))
    assert sorted(first.texts + second.texts) == sorted(item.title for item in items(130))
    assert done.n_reused == len(first.texts) >= 60


def test_a_build_that_died_goes_on_after_one_with_another_model(store: IndexStore) -> None:
    first = FakeTower(dies_after=60)
    with pytest.raises(KeyboardInterrupt):
        build(store, items(130), first)
    build(store, items(10), FakeTower("fake-2"))
    second = FakeTower()
    build(store, items(130), second)
    assert sorted(first.texts + second.texts) == sorted(item.title for item in items(130))
    assert not list(store.root.glob(".building/encoded-*"))


def test_what_a_build_that_died_has_encoded_does_not_stay_for_ever(store: IndexStore) -> None:
    with pytest.raises(KeyboardInterrupt):
        build(store, items(130), FakeTower(dies_after=60))
    (log,) = store.root.glob(".building/encoded-*")
    days_ago = time.time() - 2 * 24 * 3600
    os.utime(log, (days_ago, days_ago))
    build(store, items(10), FakeTower("fake-2"))
    assert not log.exists()


def test_only_what_changed_is_encoded_for_the_next_version(store: IndexStore) -> None:
    build(store, items(100), FakeTower())
    changed = items(120, price=2.0)  # a price is not encoded
    changed[7] = Item(item_id="i7", title="Quite another teapot")
    tower = FakeTower()
    build(store, changed, tower)
    check(store, changed)
    assert sorted(tower.texts) == sorted(
        ["Quite another teapot", *(item.title for item in items(120)[100:])]
    )


def test_another_models_vectors_are_not_taken(store: IndexStore) -> None:
    build(store, items(20), FakeTower())
    tower = FakeTower("fake-2")
    build(store, items(20), tower)
    assert len(tower.texts) == 20
    assert store.open().encoder_version == "fake-2"


def spoil(store: IndexStore, version: str | None, name: str = "vectors.npy") -> None:
    assert version is not None
    path = store.root / version / name
    path.chmod(0o644)
    raw = bytearray(path.read_bytes())
    raw[-5] ^= 1
    path.write_bytes(raw)


def test_vectors_of_a_damaged_version_are_encoded_again(store: IndexStore) -> None:
    build(store, items(20), FakeTower())
    spoil(store, damaged := store.current())
    tower, said = FakeTower(), list[str]()
    build(store, items(20), tower, said)
    assert len(tower.texts) == 20
    check(store, items(20))
    assert len(said) == 1
    assert f"{damaged} are not used again" in said[0]
    assert "vectors.npy has another SHA-256" in said[0]


@pytest.mark.parametrize("name", ["vectors.npy", "hashes.npy"])
def test_in_the_place_of_a_damaged_version_comes_the_one_before(
    store: IndexStore, name: str
) -> None:
    """All of a catalogue was encoded anew, and nobody was told why."""
    build(store, items(20), FakeTower())
    build(store, items(30), FakeTower())
    spoil(store, store.current(), name)
    tower, said = FakeTower(), list[str]()
    build(store, items(30), tower, said)
    assert sorted(tower.texts) == sorted(item.title for item in items(30)[20:])
    check(store, items(30))
    assert len(said) == 1
    assert name in said[0]


def test_a_damaged_copy_of_an_object_store_is_fetched_again(tmp_path: Path) -> None:
    store = MirroredStore(tmp_path / "indexes", f"file://{tmp_path}/objects")
    build(store, items(20), FakeTower())
    spoil(store, store.current())
    tower = FakeTower()
    build(store, items(22), tower)
    assert len(tower.texts) == 2
    check(store, items(22))


def test_who_goes_back_to_an_earlier_model_encodes_nothing_again(store: IndexStore) -> None:
    """Neither the newest version nor the current one is of it."""
    build(store, items(20), FakeTower())
    build(store, items(20), FakeTower("fake-2"))
    tower = FakeTower()
    build(store, items(20), tower)
    assert tower.texts == []
    check(store, items(20))


def test_a_build_is_the_way_out_of_a_broken_pointer(store: IndexStore) -> None:
    build(store, items(10), FakeTower())
    (store.root / "CURRENT").write_bytes(b"../nonsense")
    tower = FakeTower()
    build(store, items(12), tower)
    assert len(tower.texts) == 2
    check(store, items(12))


def test_after_a_rollback_the_newest_vectors_still_count(store: IndexStore) -> None:
    build(store, items(10), FakeTower())
    first = store.current()
    build(store, items(30), FakeTower())
    assert first is not None
    store.set_current(first)
    tower = FakeTower()
    build(store, items(40), tower)
    assert len(tower.texts) == 10


def test_progress_ends_at_the_number_of_items(tmp_path: Path) -> None:
    told: list[int] = []
    with EncodedLog(tmp_path / "log", DIM) as log, Staging(tmp_path, DIM) as staging:
        catalogue = [*items(60), *(Item(item_id=f"c{n}", title="copy") for n in range(60))]
        Encoding(FakeTower(), staging, log, []).run(catalogue, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 120


def test_popularity_goes_with_its_item(tmp_path: Path) -> None:
    with EncodedLog(tmp_path / "log", DIM) as log, Staging(tmp_path, DIM) as staging:
        counted = Popularity.of_ids(["i3", "i3", "i70"])
        Encoding(FakeTower(), staging, log, []).run(items(80), counted)
        staged: Staged = staging.finish()
    assert staged.popularity[[3, 70, 5]].tolist() == [2.0, 1.0, 0.0]
