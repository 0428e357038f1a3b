"""Events -> a table, measured on what was held out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from scoring.errors import ModelError, RecipeError, RowsError
from scoring.related.answering import related_items
from scoring.related.learning import learn, measure, table_scorer
from scoring.related.recipe import RelatedRecipe, read_related_recipe
from scoring.related.table import RelatedItems
from scoring.rings import TYPES
from scoring.saved.facts import recipe_of
from scoring.sequence.sequences import Sequences
from scoring.training.rows import Reading

RECIPE = RelatedRecipe(
    kind="related-items", name="pairs", events=("events.jsonl",), columns={"user_id": "who"}
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twenty users who each take two of five pairs, one pair after the other."""
    rows = []
    for user in range(20):
        for place, pair in enumerate((user % 5, (user // 5 + user + 1) % 5)):
            for half in ("a", "b"):
                at_ms = place * 10 + (half == "b")
                rows.append({"who": f"u{user}", "item_id": f"{pair}{half}", "at_ms": at_ms})
    (tmp_path / "events.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", "utf-8")
    return tmp_path


def test_the_other_half_is_what_goes_together(folder: Path) -> None:
    counted = learn(RECIPE, folder, folder / "model", Reading(False))
    table = RelatedItems.load(folder / "model")
    for row, item_id in enumerate(table.item_ids):
        other = item_id[0] + ("b" if item_id[1] == "a" else "a")
        assert table.item_ids[table.neighbours[row, 0]] == other
    assert (counted.n_events, counted.n_users, counted.n_items) == (80, 20, 10)
    assert counted.measures["hr@10"] == 1.0  # ten items, four of them had
    assert counted.measures["ndcg@10"] > 0.8


def test_a_table_is_measured_as_lists_have_it() -> None:
    """What was returned does not speak, and a purchase says more than a view."""
    near = np.array([[1], [-1], [3], [-1], [5], [-1]], np.int32)
    table = RelatedItems(list("abcdef"), near, (near >= 0).astype(np.float32))
    actions = np.array([TYPES.index(each) for each in ("view", "return", "purchase")])
    past = Sequences.of(np.zeros(3, np.int64), np.array([0, 2, 4]), actions)
    scores = table_scorer(table)(past)[0]
    assert scores[3] == 0
    assert scores[5] > scores[1] > 0


def test_a_saved_table_is_measured_on_other_events(folder: Path) -> None:
    learn(RECIPE, folder, folder / "model", Reading(False))
    table, recipe = RelatedItems.load(folder / "model"), recipe_of(folder / "model", RelatedRecipe)
    assert recipe == RECIPE
    assert measure(table, recipe, folder, Reading(False)).measures["ndcg@10"] > 0.8


def test_an_item_is_answered_with_its_company(folder: Path) -> None:
    learn(RECIPE, folder, folder / "model", Reading(False))
    (folder / "asked.jsonl").write_text('{"item_id": "3a"}\n{"item_id": "unknown"}\n', "utf-8")
    table = RelatedItems.load(folder / "model")
    known, unknown = related_items(table, folder / "asked.jsonl", Reading(False))
    assert known["items"][0] == {"item_id": "3b", "score": 1.0}
    assert unknown == {"item_id": "unknown", "items": []}


def test_a_table_that_is_there_stays(folder: Path) -> None:
    learn(RECIPE, folder, folder / "model", Reading(False))
    with pytest.raises(ModelError, match="there already"):
        learn(RECIPE, folder, folder / "model", Reading(False))


def test_a_bad_row_ends_it_with_its_line(folder: Path) -> None:
    with (folder / "events.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"who": "u1", "item_id": "0a", "at_ms": "soon"}\n')
    with pytest.raises(RowsError, match=r"events\.jsonl:81"):
        learn(RECIPE, folder, folder / "model", Reading(False))
    reading = Reading(True)
    assert learn(RECIPE, folder, folder / "model", reading).n_events == 80


def test_a_wrong_recipe_is_refused_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "pairs.toml"
    file.write_text('kind = "related-items"\nname = "x"\nevents = []\n[related]\nk = 1\n', "utf-8")
    with pytest.raises(RecipeError, match=r"pairs\.toml.*k1"):
        read_related_recipe(file)
