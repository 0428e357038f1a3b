"""A row asked through a saved tower gets what training would have computed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from index import EncoderMismatchError, Snapshot
from scoring.errors import SequenceError, TowerFormatError
from scoring.history import TYPE_CODES, History, Interaction
from scoring.sequence.batches import pad
from scoring.sequence.full_ranking import tower_scorer
from scoring.sequence.saved import SavedTower, load_tower, save_tower
from scoring.sequence.serving import InterestTower
from tests.scoring.sequence.made import tower, users
from tests.scoring.shop import ENCODER, item, open_shop

IDS = [f"i{row}" for row in range(10)]


def history(*items: str, newest_ms: int = 100_000, event_type: str = "click") -> History:
    """Clicks a second apart, given oldest first."""
    code = TYPE_CODES[event_type]
    moments = [newest_ms - 1000 * back for back in reversed(range(len(items)))]
    ring = [
        Interaction(n, name, code, at)
        for n, (name, at) in enumerate(zip(items, moments, strict=True))
    ]
    return History(interactions=ring[::-1])


def shop(folder: Path, vectors: NDArray[np.float32], ids: Sequence[str]) -> Snapshot:
    return open_shop(folder, [item(name) for name in ids], vectors)


@pytest.mark.parametrize("n_interests", [1, 3])
def test_serving_equals_training_forward(tmp_path: Path, n_interests: int) -> None:
    model = tower(n_interests=n_interests)
    save_tower(SavedTower(tower=model, item_ids=IDS), tmp_path)
    served = InterestTower(load_tower(tmp_path)).interests(
        [history("i1", "i2", "i3"), history(), history("i4"), history("unknown")]
    )
    assert served.shape == (4, n_interests, 16)
    forward = model(pad(users([1, 2, 3], [4]))).detach().numpy()
    np.testing.assert_allclose(served[0], forward[0, 2], atol=1e-6)
    np.testing.assert_allclose(served[2], forward[1, 0], atol=1e-6)
    assert not served[[1, 3]].any()


def test_of_a_long_ring_the_latest_known_events_are_read() -> None:
    interests = InterestTower(SavedTower(tower=tower(length=3), item_ids=IDS)).interests
    long = interests([history("i9", "i8", "i1", "gone", "i2", "i3")])
    assert long == pytest.approx(interests([history("i1", "i2", "i3")]), abs=1e-1)
    np.testing.assert_array_equal(
        interests([history("i9", "i8", "i1", "i2", "i3")]), interests([history("i1", "i2", "i3")])
    )


@pytest.mark.parametrize("n_interests", [1, 3])
def test_no_user_depends_on_who_else_is_in_the_batch(n_interests: int) -> None:
    model = tower(n_interests=n_interests)
    interests = InterestTower(SavedTower(tower=model, item_ids=IDS)).interests
    asked = [history("i1", "i2"), history("i3"), history("i4", "i5", "i6", "i7")]
    together = interests(asked)
    for user, alone in enumerate(asked):
        np.testing.assert_allclose(together[user], interests([alone])[0], atol=1e-6)


@pytest.mark.parametrize("n_interests", [1, 3])
def test_a_text_tower_answers_in_the_space_of_the_index_and_reads_items_it_never_met(
    tmp_path: Path, n_interests: int
) -> None:
    """The index has an item that the tower was not trained with; only its text is known."""
    model = tower(n_text=6, space="text", warm=[True] * 8 + [False, True], n_interests=n_interests)
    assert model.items.text is not None
    text = model.items.text.numpy()
    corpus = shop(tmp_path / "index", np.concatenate([text, text[8:9]]), [*IDS, "new"])
    save_tower(SavedTower(tower=model, item_ids=IDS, encoder_version=ENCODER), tmp_path / "tower")
    served = InterestTower(load_tower(tmp_path / "tower"), corpus).interests(
        [history("i1", "i8"), history("i1", "new")]
    )
    assert served.shape == (2, n_interests, corpus.dim)
    forward = model(pad(users([1, 8]))).detach().numpy()
    np.testing.assert_allclose(served[0], forward[0, 1], atol=1e-6)
    np.testing.assert_allclose(served[1], served[0], atol=1e-6)  # both cold, one text
    np.testing.assert_allclose(np.linalg.norm(served, axis=2), 1, atol=1e-5)


def test_vectors_of_another_encoder_are_refused(tmp_path: Path) -> None:
    model = tower(n_text=6, space="text")
    corpus = shop(tmp_path, np.eye(6, dtype=np.float32), [f"i{n}" for n in range(6)])
    saved = SavedTower(tower=model, item_ids=IDS, encoder_version="another")
    with pytest.raises(EncoderMismatchError):
        InterestTower(saved, corpus)
    with pytest.raises(SequenceError, match="give it their index"):
        InterestTower(saved)


def test_a_tower_of_inner_products_is_not_served() -> None:
    with pytest.raises(SequenceError, match="cosine = true"):
        InterestTower(SavedTower(tower=tower(cosine=False), item_ids=IDS))


def test_an_index_of_the_towers_own_vectors_finds_what_the_tower_ranks_first(
    tmp_path: Path,
) -> None:
    model = tower()
    served = InterestTower(SavedTower(tower=model, item_ids=IDS))
    corpus = shop(tmp_path, served.item_vectors(), IDS)
    found = corpus.search(served.interests([history("i1", "i2", "i3")])[:, 0], 10)
    with torch.no_grad():
        scores = model(pad(users([1, 2, 3])))[0, -1, 0] @ model.item_space().T
    assert found.positions[0].tolist() == scores.argsort(descending=True).tolist()


def test_several_interests_find_in_an_index_what_the_tower_ranks_first(tmp_path: Path) -> None:
    """Each is searched by itself; of what they find, the nearest counts."""
    model = tower(n_interests=3)
    served = InterestTower(SavedTower(tower=model, item_ids=IDS))
    corpus = shop(tmp_path, served.item_vectors(), IDS)
    found = corpus.search(served.interests([history("i1", "i2", "i3")])[0], 10)
    best: dict[int, float] = {}
    for place, score in zip(found.positions.ravel(), found.scores.ravel(), strict=True):
        best[int(place)] = max(float(score), best.get(int(place), -1.0))
    scores = tower_scorer(model)(users([1, 2, 3]))[0]
    assert sorted(best, key=lambda place: -best[place]) == scores.argsort(descending=True).tolist()


def test_a_tower_saved_before_there_were_several_interests_has_one(tmp_path: Path) -> None:
    model = tower()
    save_tower(SavedTower(tower=model, item_ids=IDS), tmp_path)
    config = tmp_path / "config.json"
    written = json.loads(config.read_text("utf-8"))
    assert written["tower"].pop("n_interests") == 1
    config.write_text(json.dumps(written), "utf-8")
    assert not [name for name in load_file(tmp_path / "model.safetensors") if "interest" in name]
    events = pad(users([1, 2, 3]))
    torch.testing.assert_close(load_tower(tmp_path).tower(events), model(events))


@pytest.mark.parametrize("damage", ["config", "weights", "shape", "ids", "format", "no text"])
def test_a_damaged_folder_says_what_to_do(tmp_path: Path, damage: str) -> None:
    save_tower(SavedTower(tower=tower(), item_ids=IDS), tmp_path)
    weights, config = tmp_path / "model.safetensors", tmp_path / "config.json"
    if damage == "config":
        config.unlink()
    elif damage == "weights":
        weights.write_bytes(weights.read_bytes()[:100])
    elif damage == "shape":
        save_file(load_file(weights) | {"norm.bias": torch.zeros(3)}, weights)
    elif damage == "ids":
        (tmp_path / "items.json").write_text('["i1"]')
    elif damage == "no text":
        (tmp_path / "items.json").write_bytes(b'["\xff"]')
    else:
        config.write_text(config.read_text().replace('"format": 1', '"format": 9'))
    with pytest.raises(TowerFormatError, match="train it again"):
        load_tower(tmp_path)
