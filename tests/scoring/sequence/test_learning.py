"""Files of events in, a model out, lists from it: what `rillstream train` and `predict` do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scoring.errors import CheckpointError, ModelError, RecipeError, RowsError, SequenceError
from scoring.rings import RETURN
from scoring.sequence.answering import next_items
from scoring.sequence.event_rows import number_events, read_events
from scoring.sequence.learning import learn, measure
from scoring.sequence.recipe import SequenceRecipe, read_sequence_recipe
from scoring.sequence.saved import load_tower
from scoring.training.contracts import Progress
from scoring.training.loop import Interrupted
from scoring.training.rows import Reading

RECIPE = """
kind = "next-item"
name = "circle"
events = ["events.jsonl"]
columns = { user_id = "who" }

[tower]
width = 16
n_blocks = 1
length = 10
dropout = 0.0

[task]
n_events = 128

[training]
epochs = 8
learning_rate = 0.02
weight_decay = 0.0
measure = "ndcg@10"
"""


def write(file: Path, rows: list[dict[str, Any]]) -> None:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def circle(folder: Path, tower: str = "") -> SequenceRecipe:
    """120 users who walk along a circle of 20 items, newest event first in the file."""
    rows = [
        {
            "who": f"u{user}",
            "item_id": f"i{(user + step) % 20}",
            "type": "click",
            "at_ms": 1000 * step,
        }
        for user in range(120)
        for step in range(4 + user % 5)
    ]
    write(folder / "events.jsonl", rows[::-1])
    recipe = RECIPE.replace("[tower]", f"[tower]\n{tower}")
    (folder / "circle.toml").write_text(recipe, "utf-8")
    return read_sequence_recipe(folder / "circle.toml")


def test_a_circle_is_learned_saved_and_answered_from(tmp_path: Path) -> None:
    learned = learn(circle(tmp_path), tmp_path, tmp_path / "model", Reading())
    assert learned.measures["ndcg@10"] > 0.9
    assert (learned.n_users, learned.n_items) == (120, 20)
    write(
        tmp_path / "asked.jsonl",
        [
            {"user_id": "b", "item_id": "i8", "type": "click", "at_ms": 2000},
            {"user_id": "b", "item_id": "i7", "type": "click", "at_ms": 1000},
            {"user_id": "a", "item_id": "i3", "type": "click", "at_ms": 1000},
            {"user_id": "a", "item_id": "never seen", "type": "click", "at_ms": 2000},
        ],
    )
    files = (tmp_path / "model").iterdir()
    assert len({file.stat().st_mode for file in files}) == 1  # safetensors would be its owner's
    saved = load_tower(tmp_path / "model")
    answers = list(next_items(saved, [tmp_path / "asked.jsonl"], Reading(), n_items=3))
    assert [answer["user_id"] for answer in answers] == ["a", "b"]
    assert [answer["items"][0]["item_id"] for answer in answers] == ["i4", "i9"]
    scores = [item["score"] for item in answers[0]["items"]]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)


def test_several_interests_are_trained_saved_measured_again_and_answered_from(
    tmp_path: Path,
) -> None:
    recipe = circle(tmp_path, "n_interests = 3")
    learned = learn(recipe, tmp_path, tmp_path / "model", Reading())
    saved = load_tower(tmp_path / "model")
    assert saved.tower.settings.n_interests == 3
    assert learned.measures["ndcg@10"] > 0.9
    assert measure(saved, recipe, tmp_path, Reading()).measures == learned.measures
    walk = [{"user_id": "a", "item_id": f"i{n}", "at_ms": 1000 * n} for n in (1, 2, 3)]
    write(tmp_path / "asked.jsonl", walk)
    [answer] = next_items(saved, [tmp_path / "asked.jsonl"], Reading(), n_items=20)
    items = [item["item_id"] for item in answer["items"]]
    assert items[0] == "i4"
    assert len(items) == len(set(items)) == 17


def test_what_a_user_has_had_is_not_in_the_list(tmp_path: Path) -> None:
    learn(circle(tmp_path), tmp_path, tmp_path / "model", Reading())
    walk = [{"user_id": "a", "item_id": f"i{n}", "at_ms": n} for n in range(15)]
    write(tmp_path / "asked.jsonl", walk)
    saved = load_tower(tmp_path / "model")
    [answer] = next_items(saved, [tmp_path / "asked.jsonl"], Reading(), n_items=20)
    assert {item["item_id"] for item in answer["items"]} == {f"i{n}" for n in range(15, 20)}


def test_an_interrupted_training_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    recipe = circle(tmp_path)
    learn(recipe, tmp_path, tmp_path / "whole", Reading())
    steps: list[Progress] = []
    with pytest.raises(Interrupted):
        learn(
            recipe,
            tmp_path,
            tmp_path / "twice",
            Reading(),
            progress=steps.append,
            stop=lambda: bool(steps),
        )
    assert not (tmp_path / "twice").exists()
    events = (tmp_path / "events.jsonl").read_text("utf-8")
    (tmp_path / "events.jsonl").write_text(events.replace('"at_ms": 3000', '"at_ms": 3001'))
    with pytest.raises(CheckpointError, match="other events"):
        learn(recipe, tmp_path, tmp_path / "twice", Reading())
    (tmp_path / "events.jsonl").write_text(events, "utf-8")
    learn(recipe, tmp_path, tmp_path / "twice", Reading())
    one, two = (tmp_path / name / "model.safetensors" for name in ("whole", "twice"))
    assert one.read_bytes() == two.read_bytes()
    assert not list(tmp_path.glob(".twice*"))


def test_an_existing_model_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with pytest.raises(ModelError, match="is there already"):
        learn(circle(tmp_path), tmp_path, tmp_path / "model", Reading())


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"user_id": "a", "item_id": "i1", "at_ms": "soon"}, "at_ms must be a number"),
        ({"user_id": "a", "item_id": "i1", "at_ms": -1}, "whole milliseconds"),
        ({"user_id": "a", "item_id": "i1", "at_ms": 1e30}, "whole milliseconds"),
        ({"user_id": "a", "item_id": "i1", "at_ms": 1, "type": "stare"}, "known are visit, view"),
        ({"user_id": "a", "at_ms": 1}, "no column 'item_id'"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(tmp_path: Path, row: Any, reason: str) -> None:
    file = tmp_path / "events.jsonl"
    write(file, [{"user_id": "a", "item_id": "i1", "at_ms": 1}, row])
    with pytest.raises(RowsError, match=r"events\.jsonl:2: .*" + reason):
        read_events([file], {}, Reading())
    reading = Reading(skip_bad=True)
    assert len(read_events([file], {}, reading)) == 1
    assert len(reading.bad) == 1


def test_visits_and_searches_have_no_item_and_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    write(
        file,
        [
            {"user_id": "a", "type": "visit", "at_ms": 1},
            {"user_id": "a", "type": "search", "query": "mug", "at_ms": 2},
            {"user_id": "a", "type": "cart", "item_id": "i1", "at_ms": 3},
        ],
    )
    [event] = read_events([file], {}, Reading())
    assert (event.item_id, event.at_ms) == ("i1", 3)


def test_events_about_unknown_items_alone_are_an_error(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    write(file, [{"user_id": "a", "item_id": "i1", "at_ms": 1}])
    events = read_events([file], {}, Reading())
    with pytest.raises(SequenceError, match="none of 1 events"):
        number_events(events, ["i2"])


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("width = 16", "width = 15"),
        ('name = "circle"', 'name = "circle"\ncolour = "red"'),
        ("length = 10", 'length = 10\nspace = "text"'),
        ("length = 10", "length = 10\ncosine = false"),
        ("epochs = 8", "epochs = 0"),
    ],
)
def test_a_wrong_recipe_is_refused_with_its_place(tmp_path: Path, wrong: str, reason: str) -> None:
    file = tmp_path / "circle.toml"
    file.write_text(RECIPE.replace(wrong, reason), "utf-8")
    with pytest.raises(RecipeError, match=r"circle\.toml"):
        read_sequence_recipe(file)


@pytest.mark.parametrize(
    ("n_interests", "task", "reason"),
    [
        ("0", "", "n_interests"),
        ("17", "", "n_interests"),
        ("1.5", "", "n_interests"),
        ("2", 'loss = "binary"', "n_interests is 2, task.loss 'binary'"),
    ],
)
def test_interests_that_make_no_sense_are_refused(
    tmp_path: Path, n_interests: str, task: str, reason: str
) -> None:
    file = tmp_path / "circle.toml"
    recipe = RECIPE.replace("[tower]", f"[tower]\nn_interests = {n_interests}")
    file.write_text(recipe.replace("[task]", f"[task]\n{task}"), "utf-8")
    with pytest.raises(RecipeError, match=rf"circle\.toml.*{reason}"):
        read_sequence_recipe(file)


def test_a_type_that_a_recipe_names_must_be_there(tmp_path: Path) -> None:
    """A typing error there made a click of each event, of returns too."""
    file = tmp_path / "events.jsonl"
    write(file, [{"user_id": "a", "item_id": "i1", "kind": "return", "at_ms": 1}])
    with pytest.raises(RowsError, match="no column 'knd'"):
        read_events([file], {"type": "knd"}, Reading())
    [event] = read_events([file], {"type": "kind"}, Reading())
    assert event.action == RETURN
