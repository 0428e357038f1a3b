"""Files of impressions: which rows are learned, and how a bad one is named."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

from scoring.behaviour.encoding import encode, learn_encoding
from scoring.behaviour.recipe import BehaviourRecipe, read_behaviour_recipe
from scoring.behaviour.rows import read_parts, read_rows
from scoring.behaviour.tasks.choice import make_tasks
from scoring.errors import RecipeError, RowsError
from scoring.training.rows import Reading
from tests.scoring.behaviour.shop_log import RECIPE, write_log


def recipe(folder: Path, *changes: tuple[str, str]) -> BehaviourRecipe:
    text = RECIPE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "heads.toml").write_text(text)
    return read_behaviour_recipe(folder / "heads.toml")


def said_in_a_table(value: object) -> str:
    if isinstance(value, list):
        return json.dumps(value)
    return "" if value is None else str(value)


def test_rows_of_a_user_are_on_one_side(tmp_path: Path) -> None:
    write_log(tmp_path, 600)
    said = recipe(tmp_path)
    parts = read_parts(said, make_tasks(said.tasks), tmp_path, Reading())
    keys = [set(part.keys) for part in (parts.train, parts.validation, parts.test)]
    assert all(keys)
    assert not keys[0] & keys[1]
    assert not (keys[0] | keys[1]) & keys[2]
    assert sum(map(len, (parts.train, parts.validation, parts.test))) == 600


def test_rows_in_other_groups_are_other_rows(tmp_path: Path) -> None:
    """Rates are learned without the rows of the same group: a training cannot go on with others."""
    rows = write_log(tmp_path, 40)
    said = recipe(tmp_path, ("test = 0.25", "test = 0"), ("validation = 0.2", "validation = 0"))
    tasks = make_tasks(said.tasks)
    before = read_parts(said, tasks, tmp_path, Reading()).train.digest()
    rows[7]["user_id"] = rows[8]["user_id"]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read_parts(said, tasks, tmp_path, Reading()).train.digest() != before


def test_a_split_by_time_tests_the_latest_and_parts_no_moment(tmp_path: Path) -> None:
    rows = write_log(tmp_path, 100)
    for row in rows:
        row["at_ms"] = row["at_ms"] // 7_000  # seven rows a moment
    lines = [json.dumps(row) for row in rows]
    np.random.default_rng(1).shuffle(lines)
    (tmp_path / "log.jsonl").write_text("\n".join(lines))
    said = recipe(tmp_path, ('group = "user_id"', 'split = "time"\ntime = "at_ms"'))
    parts = read_parts(said, make_tasks(said.tasks), tmp_path, Reading())
    assert parts.train.at.max() < parts.validation.at.min()
    assert parts.validation.at.max() < parts.test.at.min()
    assert len(parts.test) == 100 - 70  # row 75 is of the moment that began with row 70
    assert len(parts.validation) == 70 - 56


def test_lists_in_tables_are_json_and_tables_mean_the_same(tmp_path: Path) -> None:
    rows = write_log(tmp_path, 50)
    said = recipe(tmp_path)
    tasks = make_tasks(said.tasks)
    names = list(rows[0])
    cells = [[said_in_a_table(value) for value in row.values()] for row in rows]
    (tmp_path / "log.tsv").write_text(
        "\n".join(
            "\t".join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in each)
            for each in [names, *cells]
        )
    )
    first = read_rows([tmp_path / "log.jsonl"], said, tasks, Reading())
    second = read_rows([tmp_path / "log.tsv"], said, tasks, Reading())
    assert first.digest() == second.digest()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"age": "old"}, "'age' is 'old': a number is needed"),
        ({"age": 1e39}, "'age' is 1e+39: it must be finite"),
        ({"age": 10**400}, "int too large"),
        ({"interest": [1.0, 2.0]}, "'interest' has 2 numbers"),
        ({"interest": None}, "a list of finite numbers is needed"),
        ({"past": "mug"}, "a list is needed"),
        ({"past": "[" * 100_000}, "a list is needed"),
        ({"click": 0, "sale": 1}, "what converts was clicked"),
        ({"dwell_ms": -1}, "it cannot be below 0"),
        ({"user_id": ""}, "'user_id' is empty"),
    ],
)
def test_a_bad_row_is_named_with_file_and_line(
    tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    rows = write_log(tmp_path, 4)
    rows[2] |= change
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = recipe(tmp_path)
    with pytest.raises(RowsError, match=r"log\.jsonl:3: ") as error:
        read_rows([tmp_path / "log.jsonl"], said, make_tasks(said.tasks), Reading())
    assert reason in str(error.value)


def test_codes_of_tables_hashes_and_histories(tmp_path: Path) -> None:
    write_log(tmp_path, 60)
    said = recipe(tmp_path, ("width = 3", "width = 3, buckets = 7"))
    rows = read_rows([tmp_path / "log.jsonl"], said, {}, Reading())
    encoding = learn_encoding(said.features, rows.features)
    assert msgspec.json.decode(msgspec.json.encode(encoding), type=type(encoding)) == encoding
    assert encoding.words == {"kind": ["mug", "tea"]}
    inputs = encode(said.features, encoding, rows.features)
    kinds = {"mug": 1, "tea": 2}
    assert inputs.sides["item"].codes[:, 0].tolist() == [kinds[w] for w in rows.features["kind"]]
    assert 1 <= inputs.sides["user"].codes.min() <= inputs.sides["user"].codes.max() <= 7
    place = next(i for i, past in enumerate(rows.features["past"]) if len(past) == 2)
    expected = [kinds.get(word, 0) for word in rows.features["past"][place]]
    assert inputs.pasts["past"].items[place].tolist() == [*expected, 0]
    assert inputs.pasts["past"].mask[place].tolist() == [*(code > 0 for code in expected), False]


def test_a_word_of_a_history_is_read_as_the_candidate_is(tmp_path: Path) -> None:
    """Blanks around it are none of it, and nothing is no word."""
    (row,) = write_log(tmp_path, 1)
    row |= {"kind": " mug", "past": ["mug ", None, " tea"]}
    (tmp_path / "log.jsonl").write_text(json.dumps(row))
    said = recipe(tmp_path)
    features = read_rows([tmp_path / "log.jsonl"], said, {}, Reading()).features
    assert features["kind"].tolist() == ["mug"]
    assert features["past"].tolist() == [["mug", "", "tea"]]
    past = encode(said.features, learn_encoding(said.features, features), features).pasts["past"]
    assert past.mask.tolist() == [[True, False, False]]  # of the two words, one is in the table


def test_a_history_of_vectors_has_the_width_of_what_it_is_compared_with(tmp_path: Path) -> None:
    rows = write_log(tmp_path, 3)
    for row in rows:
        row["past"] = [[1.0, 2.0]]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = recipe(tmp_path, ('candidate = "kind"', 'candidate = "item"'))
    features = read_rows([tmp_path / "log.jsonl"], said, {}, Reading()).features
    with pytest.raises(RowsError, match=r"a history of item has vectors of 2 numbers, item .* 3"):
        encode(said.features, learn_encoding(said.features, features), features)


def test_settings_that_do_not_fit_together_are_named(tmp_path: Path) -> None:
    for old, new, reason in (
        ('given = "click"', 'given = "cohort"', "tasks.sale is given 'cohort'"),
        ('candidate = "kind"', 'candidate = "age"', "features.past looks at 'age'"),
        ('group = "user_id"', 'split = "time"', 'split = "time" needs time'),
        ("learning_rate", "learning_rat", "do you mean `learning_rate`?"),
    ):
        with pytest.raises(RecipeError, match=r"heads\.toml") as error:
            recipe(tmp_path, (old, new))
        assert reason in str(error.value)
