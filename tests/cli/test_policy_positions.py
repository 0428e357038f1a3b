"""`rillstream policy positions`: looks at ranks, found in a log whose truth is known."""

import json
from pathlib import Path

import numpy as np
import pytest

from scoring.ranker.recipe import read_ranker_recipe
from scoring.slates.chance import uniforms
from scoring.slates.draw import draw
from scoring.slates.drawing import Drawing
from scoring.slates.field import Field
from streams.cli.exits import Exit
from streams.cli.main import run
from streams.settings import Settings

N_RANKS = 4
LOOKED = 1 / np.arange(1, N_RANKS + 1) ** 0.8


def write_log(file: Path, n_lists: int, drawing: Drawing, n_items: int = 12) -> list[str]:
    """Lists of a shop whose better items stand higher; each of 100 users has some."""
    wanted = 0.8 * 0.85 ** np.arange(n_items)
    scores = np.tile(wanted, (n_lists, 1))
    ids = [f"list {at}" for at in range(n_lists)]
    field = Field(scores, np.ones(scores.shape, np.bool_))
    drawn = draw(field, drawing, uniforms(ids, N_RANKS))
    chance = np.random.default_rng(0).random(drawn.places.shape)
    clicked = chance < wanted[drawn.places] * LOOKED
    with file.open("w") as lines:
        for at, rank in np.ndindex(drawn.places.shape):
            row = {
                "recommendation_id": ids[at],
                "user_id": f"user {at % 100}",
                "item_id": f"item {drawn.places[at, rank]}",
                "rank": rank + 1,
                "propensity": float(drawn.propensities[at, rank]),
                "at_ms": 100 + at,
                "examined": 1,
                "clicked": int(clicked[at, rank]),
                "carted": 0,
                "purchased": 0,
                "dwell_ms": 0,
                "value": 0.0,
                "reward_at_ms": 200 + at if clicked[at, rank] else None,
                "simulated": True,
            }
            lines.write(json.dumps(row) + "\n")
    return ["policy", "positions", str(file)]


def test_the_truth_is_within_the_intervals_and_the_learner_takes_the_setting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = write_log(tmp_path / "log.jsonl", 4_000, Drawing(N_RANKS, "softmax", 0.2))
    assert run([*words, "--json"]) == Exit.OK
    *ranks, last = map(json.loads, capsys.readouterr().out.splitlines())
    for row, looked in zip(ranks, LOOKED, strict=True):
        assert row["looked_low"] <= looked <= row["looked_high"], row
    rates = np.array([row["clicked"] / row["shown"] for row in ranks])
    assert (rates / rates[0] < [1.1, *[row["looked_low"] for row in ranks[1:]]]).all()
    assert run(words) == Exit.OK
    for_learner, for_recipe = capsys.readouterr().out.splitlines()[-2:]
    monkeypatch.setenv(*for_learner.split("="))
    assert list(Settings().learn_looked) == last["learn_looked"]
    recipe = tmp_path / "ranker.toml"
    recipe.write_text(
        f'kind = "ranker"\nname = "shop"\nevents = []\njoined = ["log.jsonl"]\n{for_recipe}\n'
    )
    assert list(read_ranker_recipe(recipe).looked) == last["learn_looked"]


@pytest.mark.parametrize(
    ("n_lists", "drawing", "said"),
    [
        (200, Drawing(N_RANKS, "best"), "every item of this log was certain"),
        (20, Drawing(N_RANKS, "softmax", 1.0), "10 are needed"),
    ],
)
def test_a_log_that_cannot_tell_is_refused(
    n_lists: int, drawing: Drawing, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(write_log(tmp_path / "log.jsonl", n_lists, drawing)) == Exit.BAD_INPUT
    assert said in capsys.readouterr().err


def test_a_log_without_a_click_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "log.jsonl"
    words = write_log(file, 200, Drawing(N_RANKS, "softmax", 1.0))
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    rows = [row | {"clicked": 0, "reward_at_ms": None} for row in rows]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run(words) == Exit.BAD_INPUT
    assert "of 800 rows that were shown none was clicked" in capsys.readouterr().err
