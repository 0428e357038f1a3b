"""Words as the log odds of a task: strong priors where words are alike, no row knows its label."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest

from scoring.behaviour.answering import predict
from scoring.behaviour.encoding import Encoding
from scoring.behaviour.heads import BehaviourHeads
from scoring.behaviour.rates import cross_fitted, learn_rates
from scoring.behaviour.recipe import BehaviourRecipe, RateSettings, read_behaviour_recipe
from scoring.behaviour.run import train
from scoring.behaviour.saved import load_behaviour
from scoring.behaviour.twins import twin_recipes
from scoring.errors import RecipeError
from scoring.training.rows import Reading
from tests.scoring.behaviour.shop_log import RECIPE, write_log

SOLD_BY_WORD = """
kind = "behaviour"
name = "rates"
train = ["log.jsonl"]
test = 0.25
validation = 0.2
group = "visit"
batch_size = 512

[features]
campaign = { type = "rate", of = "sold", side = "item", ramps = 2 }

[tasks]
sold = { type = "binary" }

[training]
epochs = 5
learning_rate = 0.02
measure = "loss"
lower_is_better = true
"""


def words_with(chances: list[float], n_each: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Words w0, w1, … with n_each rows each, and labels drawn with these chances."""
    words = np.repeat([f"w{place}" for place in range(len(chances))], n_each).astype(object)
    labels = np.random.default_rng(seed).random(len(words)) < np.repeat(chances, n_each)
    return words, labels.astype(np.float64)


def recipe(folder: Path, text: str = SOLD_BY_WORD) -> BehaviourRecipe:
    (folder / "rates.toml").write_text(text)
    return read_behaviour_recipe(folder / "rates.toml")


def write_sales(folder: Path, n: int = 4_000) -> None:
    """200 campaigns: one in ten sells to 60 of 100 visits, all others to one."""
    rng = np.random.default_rng(0)
    rows = []
    for visit in range(n):
        campaign = int(rng.integers(200))
        sold = rng.random() < (0.6 if campaign % 10 == 0 else 0.01)
        rows.append({"visit": visit, "campaign": f"c{campaign}", "sold": int(sold)})
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_the_prior_is_that_from_which_the_words_were_drawn() -> None:
    """Beta(.8, 3.2): mean .2, strength 4."""
    chances = np.random.default_rng(1).beta(0.8, 3.2, 3_000)
    words, labels = words_with(chances.tolist(), 10)
    rates = learn_rates(words, labels)
    assert rates.unknown == pytest.approx(np.log(0.2 / 0.8), abs=0.1)
    sold = labels[words == "w7"].sum()
    assert rates.odds["w7"] == pytest.approx(np.log((sold + 0.8) / (10 - sold + 3.2)), abs=0.1)


def test_words_that_are_alike_keep_the_odds_of_all() -> None:
    words, labels = words_with([0.3] * 500, 10)
    odds = np.array(list(learn_rates(words, labels).odds.values()))
    assert odds == pytest.approx(np.log(0.3 / 0.7), abs=0.25)
    assert np.ptp(np.log((labels.reshape(500, 10).sum(1) + 1) / 11)) > 1  # while their rates differ


def test_rows_without_a_label_and_columns_without_rows_say_nothing() -> None:
    words, labels = words_with([0.1, 0.9], 50)
    more = np.append(words, ["w0", "new"]), np.append(labels, [np.nan, np.nan])
    assert learn_rates(*more) == learn_rates(words, labels)
    nothing = learn_rates(words[:0], labels[:0])
    assert nothing.of(np.array(["w0"], object)).tolist() == [nothing.unknown]
    assert np.isfinite([learn_rates(words, labels * 0).unknown, nothing.unknown]).all()


def test_no_row_knows_its_own_label_nor_those_of_its_key(tmp_path: Path) -> None:
    said = recipe(tmp_path)
    words, labels = words_with([0.2, 0.8, 0.5], 40)
    keys = [f"k{place // 4}" for place in range(120)]

    def odds(happened: np.ndarray) -> np.ndarray:
        return cross_fitted(said, {"campaign": words}, {"sold": happened[:, None]}, keys)[
            "campaign"
        ]

    before = odds(labels)
    other = labels.copy()
    other[8:12] = 1 - labels[8:12]  # one key, all of it the word w0
    after = odds(other)
    assert after[8:12].tolist() == before[8:12].tolist()
    assert (after[:40] != before[:40]).any()
    assert before.dtype == np.float32


def test_ids_of_rare_sales_are_learned_saved_and_asked(tmp_path: Path) -> None:
    write_sales(tmp_path)
    said = recipe(tmp_path)
    found = train(said, tmp_path, tmp_path / "model", Reading()).saved
    # Who knows the campaigns' chances has an AUC of about .91 and a log loss of about .11.
    assert found.metrics["sold"]["auc"] > 0.85
    assert found.metrics["sold"]["log_loss"] < 0.15
    behaviour = load_behaviour(tmp_path / "model")
    asked = list(predict(behaviour, "sold", tmp_path / "log.jsonl", Reading()))
    words = np.array(["c0", "c1", "never seen"], object)
    columns = {"campaign": words}
    heads = BehaviourHeads.load(tmp_path / "model")
    whole = heads.chances({**columns})[:, 0]
    of_campaign = {row["campaign"]: row["score"] for row in asked}
    assert whole[:2] == pytest.approx([of_campaign["c0"], of_campaign["c1"]], abs=1e-6)
    assert whole[0] > 0.3 > whole[2] > whole[1]
    assert heads.chances({"campaign": words.astype(str)})[:, 0].tolist() == whole.tolist()


def test_a_rate_is_of_a_binary_task(tmp_path: Path) -> None:
    with pytest.raises(
        RecipeError, match=r"features\.campaign is the rate of 'bought', which is no"
    ):
        recipe(tmp_path, SOLD_BY_WORD.replace('of = "sold"', 'of = "bought"'))


def test_a_twin_has_no_rates_of_other_tasks(tmp_path: Path) -> None:
    rates = '[features]\nclicked = { type = "rate", column = "kind", of = "click" }'
    said = recipe(tmp_path, RECIPE.replace("[features]", rates))
    twins = twin_recipes(said)
    assert [name for name, twin in twins.items() if "clicked" in twin.features] == ["click", "sale"]
    assert set(said.features) - set(twins["cohort"].features) == {"clicked"}
    write_log(tmp_path, 300)
    train(twins["cohort"], tmp_path, tmp_path / "cohort", Reading())
    only = msgspec.structs.replace(said, features={"clicked": RateSettings(of="click")})
    with pytest.raises(RecipeError, match="stay would have no feature"):
        twin_recipes(only)


def test_a_model_without_rates_says_nothing_of_them() -> None:
    """What is hashed to its version is what it was before there were any."""
    plain = Encoding(scales={}, words={}, widths={})
    assert msgspec.json.encode(plain) == b'{"scales":{},"words":{},"widths":{}}'
