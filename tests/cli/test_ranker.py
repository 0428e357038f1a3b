"""`rillstream train`, `evaluate` and `predict` for a learned ranker."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from scoring import Policy, Recommender, Request
from scoring.joined_log import joined_log, row_fields
from scoring.joined_log_file import write_joined_log
from scoring.ranker.features import FEATURES
from scoring.ranker.ranker import load_ranker
from scoring.ranker.recipe import RankerRecipe
from scoring.ranker.teaching import taught
from streams.baskets import learning
from streams.baskets.replay import Replay
from streams.cli.exits import Exit
from streams.cli.main import app, run
from streams.settings import Settings
from tests.streams.baskets.log import BEGIN_MS, DAY_MS, build_shop, events, write_events

RUNNER = CliRunner()
RECIPE = """
kind = "ranker"
name = "small"
events = ["events.jsonl"]
joined = ["shown.jsonl"]
[lists]
days = 30
periods = 3
candidates = 20
[knowledge]
nearest = 5
[network]
width = 8
epochs = 20
n_codes = 16
learning_rate = 1e-2
worst_group = { by = "familiarity", step = 0.01 }
"""


def shown(file: Path, *, told: bool = True, names: tuple[str, ...] = FEATURES) -> None:
    """Half of the rows are clicked, as the column `times` tells if it is told; nobody carts."""
    rng = np.random.default_rng(0)
    clicked = rng.random(400) < 0.5
    features = np.zeros((400, len(FEATURES)), np.float32)
    features[clicked & told, FEATURES.index("times")] = 1.5
    rows = [
        {
            "recommendation_id": f"l{row // 4}",
            "user_id": "u",
            "item_id": f"i{row % 4}",
            "rank": 1 + row % 4,
            "propensity": 1.0,
            "at_ms": BEGIN_MS + row // 4,
            "examined": True,
            "clicked": bool(clicked[row]),
            "reward_at_ms": -1,
        }
        for row in range(400)
    ]
    empty: dict[str, Any] = {name: False for name in ("carted", "purchased", "simulated")}
    empty |= {"dwell_ms": 0, "value": 0.0}
    empty |= {name: "" for name in ("heads_version", "policy_version", "index_version")}
    values = [[(empty | row)[name] for name in row_fields()] for row in rows]
    write_joined_log(joined_log(values, features[:, : len(names)], names), file)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder with a log, an index and a model, and what the training printed."""
    folder = tmp_path_factory.mktemp("ranker")
    write_events(folder / "events.jsonl", events())
    build_shop(folder / "indexes")
    shown(folder / "shown.jsonl")
    (folder / "small.toml").write_text(RECIPE, "utf-8")
    words = ["train", str(folder / "small.toml"), "--out", str(folder / "model"), "--json"]
    done = RUNNER.invoke(app, words)
    assert done.exit_code == 0, done.output
    return folder, json.loads(done.stdout)


def test_what_is_learned_beats_chance_and_is_calibrated(
    trained: tuple[Path, dict[str, Any]],
) -> None:
    _, said = trained
    assert said["task"] == "cvr"
    # 12 items of a taste, 3 wanted; those that a user takes again and again are known.
    assert said["ndcg@20"] > 0.6
    assert said["log loss"] < said["log loss of the rate"]
    assert said["ece"] < 0.1


@pytest.mark.parametrize("killed_at", [1, 2])
def test_a_killed_training_goes_on_from_its_last_stage_to_the_same_heads(
    trained: tuple[Path, dict[str, Any]],
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    killed_at: int,
) -> None:
    """Also where its files have moved meanwhile: their content is what counts."""
    folder, said = trained
    words = ["train", str(folder / "small.toml"), "--out", str(tmp_path / "again"), "--json"]
    calls = 0

    def counted(*asked: Any) -> Any:
        nonlocal calls
        calls += 1
        return taught(*asked)

    def dying(*asked: Any) -> Any:
        if calls == killed_at - 1:
            raise KeyboardInterrupt
        return counted(*asked)

    monkeypatch.setattr(learning, "taught", dying)
    assert run(words) == Exit.INTERRUPTED
    assert not (tmp_path / "again").exists()
    monkeypatch.setattr(learning, "taught", counted)
    monkeypatch.setattr(Replay, "run", None)  # the lists are there
    moved = shutil.copytree(folder, tmp_path_factory.mktemp("moved") / "shop")
    done = RUNNER.invoke(app, [words[0], str(moved / "small.toml"), *words[2:]])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == said
    assert calls == 2, "each network is taught once"
    ours, theirs = load_ranker(tmp_path / "again"), load_ranker(folder / "model")
    assert (ours.version, ours.heads.version) == (theirs.version, theirs.heads.version)
    assert [each.name for each in tmp_path.iterdir()] == ["again"], "the stages are forgotten"


def test_stages_of_another_training_or_damaged_ones_are_refused_until_it_begins_anew(
    trained: tuple[Path, dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, said = trained
    words = ["train", str(folder / "small.toml"), "--out", str(tmp_path / "again"), "--json"]
    monkeypatch.setattr(learning, "measured", lambda *_: 1 / 0)
    assert run(words) == Exit.UNEXPECTED
    monkeypatch.undo()
    assert run([*words, "--seed", "7"]) == Exit.FATAL
    assert "another recipe" in capsys.readouterr().err
    heads = tmp_path / ".again.training" / "first.safetensors"
    heads.write_bytes(heads.read_bytes()[:-9])
    assert run(words) == Exit.FATAL
    assert "first.safetensors is damaged" in capsys.readouterr().err
    assert run([*words, "--restart"]) == Exit.OK
    assert json.loads(capsys.readouterr().out) == said


def test_losses_and_weights_of_groups_are_said(trained: tuple[Path, dict[str, Any]]) -> None:
    _, said = trained
    groups = [name.removeprefix("weight of ") for name in said if name.startswith("weight of ")]
    assert groups == ["frequent users"]  # the baskets of the newest month are all of such
    assert sum(said[f"weight of {name}"] for name in groups) == pytest.approx(1.0)
    assert all(said[f"loss of {name}"] > 0 for name in groups)


def test_a_worker_can_rank_with_it(trained: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = trained
    ranker = load_ranker(folder / "model")
    assert ranker.heads.tasks == ("ctr", "engagement", "cvr")
    from index import IndexStore
    from scoring import History

    snapshot = IndexStore(folder / "indexes").open()
    made = Recommender(snapshot, None, policy=Policy(slate_size=5), ranker=ranker)
    (slate,) = made.recommend([Request("u0", BEGIN_MS + 60 * DAY_MS, History())])
    assert all(0 < (each.tasks["cvr"] or 0) < 1 for each in slate.items)
    assert len(slate.items) == 5


def test_logged_rows_are_scored_alone(trained: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = trained
    asked = ["predict", str(folder / "model"), "ctr", "--input", str(folder / "shown.jsonl")]
    done = RUNNER.invoke(app, asked)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    logged = (folder / "shown.jsonl").read_text("utf-8").splitlines()
    clicked = [bool(json.loads(line)["clicked"]) for line in logged]
    said = np.array([row["ctr"] for row in rows])
    assert len(said) == 400
    assert said[np.array(clicked)].mean() > said[~np.array(clicked)].mean() + 0.3


def test_ranks_that_are_hardly_looked_at_do_not_speak_against_what_stands_there(
    trained: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    """Half of all rows are clicked, at every rank alike: if few looked at most, more is wanted."""
    folder, _ = trained
    shown(folder / "untold.jsonl", told=False)
    said = []
    for number, looked in enumerate(("", "looked = [1.0, 0.6]\n")):
        recipe, model = tmp_path / "looked.toml", tmp_path / str(number)
        text = RECIPE.replace("shown.jsonl", "untold.jsonl").replace("[lists]", f"{looked}[lists]")
        recipe.write_text(text, "utf-8")
        words = ["train", str(recipe), "--data", str(folder), "--out", str(model)]
        assert RUNNER.invoke(app, words).exit_code == 0
        words = ["predict", str(model), "ctr", "--input", str(folder / "untold.jsonl")]
        lines = RUNNER.invoke(app, words).stdout.splitlines()
        said.append(np.mean([json.loads(line)["ctr"] for line in lines]))
    assert said[0] == pytest.approx(0.5, abs=0.1)
    assert said[1] > said[0] + 0.1


def test_it_is_measured_on_newer_baskets_only(
    trained: tuple[Path, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _ = trained
    model = ["evaluate", str(folder / "model"), "--data", str(folder), "--json"]
    done = RUNNER.invoke(app, model)
    assert "it is measured on newer ones" in str(done.exception) + done.output
    newer = folder / "newer.jsonl"
    write_events(newer, events(n_days=70))
    done = RUNNER.invoke(app, [*model, "--input", str(newer)])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["ndcg@20"] > 0.5
    only_seen = [*events(), *(each for each in events(n_days=70) if each["type"] != "purchase")]
    write_events(newer, sorted(only_seen, key=lambda each: each["at_ms"]))
    assert run([*model, "--input", str(newer)]) == Exit.BAD_INPUT
    assert "take a log that goes on" in capsys.readouterr().err  # a recipe cannot help it


def test_it_is_listed_with_its_card(trained: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = trained
    done = RUNNER.invoke(app, ["models", "list", str(folder), "--json"])
    assert json.loads(done.stdout)["metrics"]["cvr"]["ndcg@20"] > 0
    done = RUNNER.invoke(app, ["models", "card", str(folder / "model")])
    assert "| cvr | ndcg@20 |" in done.stdout


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ("days = 30", "days = 300"),
            "period 1 of 3, which begins 300 days before the last event: fewer",
        ),
        (("candidates = 20", "candidate = 20"), "do you mean `candidates`"),
        (("[knowledge]", "[lists.quotas]\nsuggested = 3\n[knowledge]"), "known are"),
        (('joined = ["shown.jsonl"]', "looked = [1.0, 0.5]"), "there are none"),
        (("[lists]", "looked = [1.0, 0.0]\n[lists]"), "looked"),
    ],
    ids=[
        "too many days",
        "an unknown key",
        "an unknown source",
        "looks without lists",
        "a rank that nobody sees",
    ],
)
def test_what_cannot_be_learned_is_said(
    trained: tuple[Path, dict[str, Any]], tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    folder, _ = trained
    recipe = tmp_path / "bad.toml"
    recipe.write_text(RECIPE.replace(*change), "utf-8")
    words = ["train", str(recipe), "--data", str(folder), "--out", str(tmp_path / "model")]
    done = RUNNER.invoke(app, words)
    assert done.exit_code != 0
    assert said in str(done.exception) + done.output
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("width = 8", "width = 512"), "a message takes 900,000"),
        (('joined = ["shown.jsonl"]', 'joined = ["events.jsonl"]'), "events.jsonl:1"),
        (('joined = ["shown.jsonl"]', 'joined = ["plain.jsonl"]'), "made without a ranker"),
        (('events = ["events.jsonl"]', 'events = ["clicks.jsonl"]'), "rillstream policy tune"),
    ],
    ids=["heads too large", "no joined log", "lists of no ranker", "nothing is bought"],
)
def test_what_can_be_known_before_is_said_before_events_are_replayed(
    trained: tuple[Path, dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: tuple[str, str],
    said: str,
) -> None:
    folder, _ = trained
    shown(folder / "plain.jsonl", names=())
    bought = (folder / "events.jsonl").read_text("utf-8")
    (folder / "clicks.jsonl").write_text(bought.replace("purchase", "view"), "utf-8")
    recipe = tmp_path / "bad.toml"
    recipe.write_text(RECIPE.replace(*change), "utf-8")
    monkeypatch.setattr(Replay, "run", None)
    words = ["train", str(recipe), "--data", str(folder), "--out", str(tmp_path / "model")]
    assert said in str(RUNNER.invoke(app, words).exception)


def test_a_recipe_looks_for_versions_where_builds_put_them() -> None:
    recipe = RankerRecipe(kind="ranker", name="shop", events=())
    assert Path(recipe.index) == Settings.model_construct().index_dir


def test_events_out_of_order_are_refused(tmp_path: Path) -> None:
    rows = events(n_days=20)
    write_events(tmp_path / "events.jsonl", rows[::-1])
    build_shop(tmp_path / "indexes")
    recipe = tmp_path / "r.toml"
    recipe.write_text(RECIPE, "utf-8")
    done = RUNNER.invoke(app, ["train", str(recipe), "--out", str(tmp_path / "model")])
    assert "sort the files by at_ms" in str(done.exception) + done.output
