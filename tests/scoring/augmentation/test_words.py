"""Words are left out, moved and replaced, as often as asked, and the same way each time."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from scoring.augmentation.changes import Changes
from scoring.augmentation.settings import Augmentation
from scoring.augmentation.synonyms import nearest_words, read_synonyms, words_of
from scoring.augmentation.words import edited
from scoring.errors import RecipeError
from scoring.language.model import LanguageModel
from scoring.tasks.contract import Example
from scoring.training.recipe import BackboneSettings
from tests.scoring.conftest import WORDS

SOFAS = {"sofa": ("couch",), "red": ("crimson", "scarlet")}
TEXT = "a red sofa with four legs"


def said(text: str = TEXT, seed: int = 0, **chances: float) -> str:
    return edited(text, Augmentation(**chances), SOFAS, random.Random(seed))  # type: ignore[arg-type]


def test_without_chances_a_text_stays_as_it_is() -> None:
    assert said() == TEXT


def test_each_word_is_left_out_as_often_as_asked_and_one_always_stays() -> None:
    lengths = [len(said(seed=seed, delete=0.3).split()) for seed in range(400)]
    assert 0.66 < sum(lengths) / (6 * 400) < 0.74
    assert {len(said(seed=seed, delete=1.0).split()) for seed in range(20)} == {1}
    kept = said(seed=3, delete=0.5).split()
    assert kept == [word for word in TEXT.split() if word in kept]  # in their order


def test_swapping_moves_words_and_loses_none() -> None:
    found = {said(seed=seed, swap=0.4) for seed in range(30)}
    assert len(found) > 15
    assert all(sorted(text.split()) == sorted(TEXT.split()) for text in found)


def test_a_synonym_stands_between_the_same_marks() -> None:
    assert said("Is (the Sofa) big?", synonyms=1.0) == "Is (the couch) big?"
    assert {said("red", seed=seed, synonyms=1.0) for seed in range(30)} == {"crimson", "scarlet"}
    unchanged = [said("sofa", seed=seed, synonyms=0.3) == "sofa" for seed in range(400)]
    assert 0.63 < sum(unchanged) / 400 < 0.77


def test_a_file_of_synonyms(tmp_path: Path) -> None:
    file = tmp_path / "synonyms.txt"
    file.write_text("sofa, Couch,  settee  # to sit on\n\ntv, television set\nsofa, divan\n")
    assert read_synonyms(file) == {
        "sofa": ("Couch", "settee", "divan"),
        "couch": ("sofa", "settee"),
        "settee": ("sofa", "Couch"),
        "tv": ("television set",),
        "television set": ("tv",),
        "divan": ("sofa",),
    }
    file.write_text("sofa, couch\nalone,\n")
    with pytest.raises(RecipeError, match=r"synonyms\.txt:2: 'alone,' is no line of two words"):
        read_synonyms(file)
    with pytest.raises(RecipeError, match="synonym_file"):
        read_synonyms(tmp_path / "none.txt")


def test_near_words_are_those_of_a_small_angle_three_at_most() -> None:
    """By hand: cosines to the first are .96, .8, .6 (just near enough), .61, .0; and 1 with two."""
    vectors = torch.tensor([[1, 0], [9.6, 2.8], [4, 3], [3, 4], [3.05, 3.96], [0, 1]]).float()
    words = ["sofa", "couch", "chair", "shelf", "bed", "lamp"]
    found = nearest_words(words, vectors, ["Sofa", "lamp", "unheard"])
    assert found["sofa"] == ("couch", "chair", "bed")
    assert found["lamp"] == ("shelf", "bed", "chair")
    assert set(found) == {"sofa", "lamp"}
    assert nearest_words(["sofa", "lamp"], torch.eye(2), ["sofa"]) == {}


def test_whole_words_are_the_vocabulary_without_marks_and_pieces(tiny_bert: Path) -> None:
    language = LanguageModel(BackboneSettings(source=str(tiny_bert)))
    words, vectors = language.whole_words()
    assert words == [word for word in WORDS if len(word) > 2]
    place = 4 + WORDS.index("mug")  # after four marks
    row = language.words.weight[place]  # type: ignore[index]
    torch.testing.assert_close(vectors[words.index("mug")], row.detach())
    assert words_of(["Red (mug), blue!"]) == {"Red", "mug", "blue"}


def test_what_a_row_becomes_depends_on_seed_step_and_text_only() -> None:
    settings = Augmentation(share=0.5, swap=0.5, tasks=["colour"])
    changes = Changes(settings, {}, {}, seed=4)
    rows = [Example((f"{TEXT} {n}", TEXT), n) for n in range(200)]
    first = changes.rows("colour", rows, 7)
    assert first[::-1] == changes.rows("colour", rows[::-1], 7)
    assert len({row.texts[1] for row in first}) == 1  # equal texts stay equal
    assert [row.target for row in first] == list(range(200))
    changed = sum(a.texts[0] != b.texts[0] for a, b in zip(rows, first, strict=True))
    assert 70 < changed < 110  # half of them, less those that were swapped back
    other = Changes(settings, {}, {}, seed=5)
    assert len({str(each) for each in (first, changes.rows("colour", rows, 8))}) == 2
    assert first != other.rows("colour", rows, 7)
    assert changes.rows("size", rows, 7) == rows
