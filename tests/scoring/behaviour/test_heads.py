"""Saved heads: what they learned, and that parts computed once each make the same chances."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch._subclasses.fake_tensor import FakeTensorMode

from scoring.behaviour.answering import evaluate, predict
from scoring.behaviour.heads import BehaviourHeads
from scoring.behaviour.recipe import read_behaviour_recipe
from scoring.behaviour.run import train
from scoring.behaviour.saved import SAID, load_behaviour, read_behaviour
from scoring.errors import ModelError
from scoring.training.rows import Reading
from tests.scoring.behaviour.shop_log import RECIPE, write_log
from tests.scoring.fake_gpu import GPU

FORMS = {
    "hard": "",
    "no bottom": "hidden = []",
    "mmoe": 'form = "mmoe"\noptions = { n_experts = 2 }\nwide = false',
}


POSITION = 'position = { type = "number", side = "pair" }'


def trained(folder: Path, sharing: str = "", epochs: int = 4, *, position: bool = True) -> Path:
    recipe = RECIPE.replace("epochs = 4", f"epochs = {epochs}")
    if not position:
        recipe = recipe.replace(POSITION, "")
    if sharing:
        recipe = recipe.replace("hidden = [16]\ntower = [8]", sharing)
    (folder / "heads.toml").write_text(recipe)
    train(read_behaviour_recipe(folder / "heads.toml"), folder, folder / "heads", Reading())
    return folder / "heads"


def objects(values: Sequence[Any]) -> np.ndarray[Any, np.dtype[Any]]:
    found = np.empty(len(values), object)
    found[:] = values
    return found


@pytest.mark.parametrize("form", FORMS)
def test_parts_computed_once_each_make_the_chances_of_whole_rows(tmp_path: Path, form: str) -> None:
    write_log(tmp_path, 400)
    heads = BehaviourHeads.load(trained(tmp_path, FORMS[form], epochs=1))
    assert heads.tasks == ("click", "sale", "stay")
    rng = np.random.default_rng(0)
    user: dict[str, Any] = {
        "country": objects(["no", "elsewhere"]),
        "age": np.array([30, np.nan], np.float32),
        "interest": rng.normal(size=(2, 3)).astype(np.float32),
        "past": objects([["tea", "mug", "tea", "mug"], []]),
    }
    item: dict[str, Any] = {
        "item": rng.normal(size=(5, 3)).astype(np.float32),
        "kind": objects(["mug", "tea", "new", "mug", ""]),
    }
    candidates = np.array([[4, 0, 1], [2, 2, 3]])
    position = rng.integers(9, size=(2, 3)).astype(np.float32)
    users, items = heads.users(user), heads.items(item)
    found = heads.score(users, items, candidates, {"position": position})
    again = heads.score(users, items, candidates, {"position": position})
    owners, chosen = np.repeat([0, 1], 3), candidates.ravel()
    rows = {name: values[owners] for name, values in user.items()}
    rows |= {name: values[chosen] for name, values in item.items()}
    expected = heads.chances({**rows, "position": position.ravel()})
    np.testing.assert_allclose(found.reshape(6, 3), expected, atol=1e-6)
    np.testing.assert_array_equal(found, again)
    assert np.ptp(found, axis=1).max() > 1e-3


@pytest.mark.parametrize(
    ("form", "position"), [("hard", True), ("hard", False), ("no bottom", True), ("mmoe", True)]
)
def test_all_of_the_heads_are_on_the_gpu(
    tmp_path: Path, form: str, position: bool, fake_gpu: FakeTensorMode
) -> None:
    """Chances without numbers are no array: whoever gets as far as that computed them there."""
    write_log(tmp_path, 400)
    behaviour = load_behaviour(trained(tmp_path, FORMS[form], epochs=1, position=position))
    user: dict[str, Any] = {
        "country": objects(["no", "elsewhere"]),
        "age": np.array([30, np.nan], np.float32),
        "interest": np.ones((2, 3), np.float32),
        "past": objects([["tea", "mug", "tea", "mug"], []]),
    }
    item = {"item": np.ones((2, 3), np.float32), "kind": objects(["mug", "tea"])}
    pairs = {"position": np.ones((2, 1), np.float32)} if position else None
    rows = {name: each[:, 0] for name, each in (pairs or {}).items()}
    no_array = pytest.raises(RuntimeError, match=re.escape(".numpy() is not supported"))

    heads = BehaviourHeads(behaviour, GPU)
    with fake_gpu:
        users, items = heads.users(user), heads.items(item)
        assert {users.part.device.type, items.part.device.type} == {"cuda"}
        with no_array:
            heads.score(users, items, np.array([[0], [1]]), pairs)
        with no_array:
            heads.chances({**user, **item, **rows})


def test_what_a_log_says_is_learned_calibrated_and_kept(tmp_path: Path) -> None:
    """Simulated: the true AUC of clicks is about .85; kinds sell .6 and .1 of their clicks."""
    rows = write_log(tmp_path)
    folder = trained(tmp_path, epochs=12)
    saved = read_behaviour(folder)
    assert saved.metrics["click"]["auc"] > 0.75
    assert saved.metrics["click"]["calibration_error"] < 0.1
    assert saved.metrics["cohort"]["accuracy"] == 1
    assert saved.metrics["stay"]["dwell_spearman"] > 0.3
    behaviour = load_behaviour(folder)
    assert evaluate(behaviour, tmp_path, reading=Reading()) == saved.metrics
    answers = list(predict(behaviour, "sale", tmp_path / "log.jsonl", Reading()))
    assert [each["user_id"] for each in answers] == [row["user_id"] for row in rows]
    mean = {
        kind: np.mean([row["score"] for row in answers if row["kind"] == kind and row["click"]])
        for kind in ("mug", "tea")
    }
    assert mean["mug"] == pytest.approx(0.6, abs=0.15)
    assert mean["tea"] == pytest.approx(0.1, abs=0.1)
    assert behaviour.model.calibration.slopes.abs().max() > 0


def test_a_damaged_folder_is_said_to_be_one(tmp_path: Path) -> None:
    write_log(tmp_path, 200)
    folder = trained(tmp_path, epochs=1)
    said = (folder / SAID).read_text()
    (folder / SAID).write_text(said.replace('"width": 3', '"width": 5'))
    with pytest.raises(ModelError, match="does not load"):
        load_behaviour(folder)
    (folder / SAID).write_text(json.dumps(json.loads(said) | {"facts": 7}))
    with pytest.raises(ModelError, match="does not load"):
        load_behaviour(folder)
    for broken in (said[:-20], "[" * 100_000):
        (folder / SAID).write_text(broken)
        with pytest.raises(ModelError, match="is damaged"):
            read_behaviour(folder)
    with pytest.raises(ModelError, match="rillstream train"):
        read_behaviour(tmp_path)
