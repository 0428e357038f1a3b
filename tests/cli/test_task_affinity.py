"""`rillstream tasks affinity` and `choose`, on a simulated log and on tiny texts."""

import json
from pathlib import Path

import pytest

from streams.cli.exits import Exit
from streams.cli.main import run
from tests.scoring.behaviour.shop_log import RECIPE, write_log
from tests.scoring.conftest import tiny_bert  # noqa: F401 - a fixture
from tests.scoring.training.shop_rows import shop_recipe, write_shop


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def heads(tmp_path: Path) -> str:
    write_log(tmp_path, 300)
    config = tmp_path / "heads.toml"
    config.write_text(RECIPE.replace("epochs = 4", "epochs = 1"))
    return str(config)


def test_affinities_of_behaviour_tasks(heads: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tasks", "affinity", heads, "--look-every", "1", "--json"]) == Exit.OK
    *pairs, last = lines(capsys.readouterr().out)
    assert len(pairs) == 16
    own = {str(p["step_on"]): p["gain"] for p in pairs if p["step_on"] == p["loss_of"]}
    assert all(isinstance(gain, float) and gain > 0 for gain in own.values())
    assert last["batches"] == 1
    assert all(pair["error"] is None for pair in pairs)  # one batch does not say how far it is off
    groups = last["groups"]
    assert isinstance(groups, list)
    assert sorted(task for group in groups for task in group) == sorted(own)


def test_affinities_of_text_tasks(
    tmp_path: Path,
    tiny_bert: Path,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_shop(tmp_path)
    config = tmp_path / "shop.toml"
    config.write_text(shop_recipe(tiny_bert, 1, tasks=("colour", "size")))
    assert run(["tasks", "affinity", str(config), "--look-every", "4"]) == Exit.OK
    out, err = capsys.readouterr()
    assert "for colour" in out
    assert "batches looked at" in err
    words = ["tasks", "choose", str(config), "--for", "size", "--folds", "2"]
    words += ["--results", str(tmp_path / "known.jsonl"), "--json"]
    assert run(words) == Exit.OK
    assert lines(capsys.readouterr().out)[0]["tasks"] == ["size", "colour"]


def test_a_choice_goes_on_with_what_is_known(
    heads: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = tmp_path / "known.jsonl"
    words = ["tasks", "choose", heads, "--for", "sale", "--folds", "2", "--results", str(known)]
    assert run([*words, "--json"]) == Exit.OK
    out, err = capsys.readouterr()
    assert lines(out)[-1]["chosen"][0] == "sale"  # type: ignore[index]
    assert "sale + click, fold 1 of 2" in err
    whole = known.read_text().splitlines()
    known.write_text("\n".join(whole[:-1]) + "\n")
    assert run([*words, "--json"]) == Exit.OK
    again, err = capsys.readouterr()
    assert again == out
    assert err.count("fold") == 1

    assert run([*words, "--seed", "1"]) == Exit.FATAL
    assert "another recipe, other rows or another number of folds" in capsys.readouterr().err
    assert run([*words[:4], "bounce"]) == Exit.BAD_INPUT
    assert "it has click, sale, stay, cohort" in capsys.readouterr().err
