"""Behaviour tasks from a file of impressions to answers, as a person types it."""

import json
from pathlib import Path

import pytest

from streams.cli.exits import Exit
from streams.cli.main import run
from tests.scoring.behaviour.shop_log import RECIPE, write_log


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_from_impressions_to_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_log(tmp_path, 400)
    config = tmp_path / "heads.toml"
    config.write_text(RECIPE.replace("epochs = 4", "epochs = 2"))
    model = str(tmp_path / "models" / "heads")
    train = ["train", str(config), "--out", model]
    assert run([*train, "--json"]) == Exit.OK
    printed = capsys.readouterr()
    assert "not measured" not in printed.err
    trained = lines(printed.out)
    assert [each["task"] for each in trained] == ["click", "sale", "stay", "cohort"]

    assert run(["evaluate", model, "--data", str(tmp_path), "--json"]) == Exit.OK
    assert lines(capsys.readouterr().out) == trained
    words = ["evaluate", model, "--input", str(tmp_path / "log.jsonl"), "--task", "sale", "--json"]
    assert run(words) == Exit.OK
    assert [each["task"] for each in lines(capsys.readouterr().out)] == ["sale"]
    # Other rows need no more than what the model reads and the task's own labels.
    others = {"user_id", "at_ms", "sale", "dwell_ms", "depth", "cohort"}
    rows = [json.loads(row) for row in (tmp_path / "log.jsonl").read_text().splitlines()]
    few = [{name: v for name, v in row.items() if name not in others} for row in rows]
    (tmp_path / "few.jsonl").write_text("".join(json.dumps(row) + "\n" for row in few))
    words = ["evaluate", model, "--input", str(tmp_path / "few.jsonl"), "--task", "click", "--json"]
    assert run(words) == Exit.OK
    assert [each["task"] for each in lines(capsys.readouterr().out)] == ["click"]

    asked = ["predict", model, "cohort", "--input", str(tmp_path / "log.jsonl")]
    assert run(asked) == Exit.OK
    answers = lines(capsys.readouterr().out)
    assert len(answers) == 400
    assert {"user_id", "label", "confidence"} <= set(answers[0])
    assert "interest" not in answers[0]
    assert run([*asked[:2], "bounce", *asked[3:]]) == Exit.BAD_INPUT
    assert "it has click, sale, stay, cohort" in capsys.readouterr().err

    taken = {"depth": 9.5, "given_depth": 7.5}  # the answer has a depth as well
    (tmp_path / "few.jsonl").write_text(json.dumps({**few[0], **taken}))
    assert run(["predict", model, "stay", "--input", str(tmp_path / "few.jsonl")]) == Exit.OK
    [answer] = lines(capsys.readouterr().out)
    assert answer["given_given_depth"] == 9.5
    assert answer["given_depth"] == 7.5
    assert 0 < float(str(answer["depth"])) < 1

    assert run([*train[:-1], f"{model}-2", "--seed", "1"]) == Exit.OK
    capsys.readouterr()
    assert run(["models", "diff", model, f"{model}-2", "--json"]) == Exit.OK
    told = {str(line["name"]): line for line in lines(capsys.readouterr().out)}
    assert told["recipe.training.seed"]["second"] == 1
    assert told["distance of behaviour.safetensors"]["second"] != 0
    assert run(["models", "list", str(tmp_path / "models"), "--json"]) == Exit.OK
    assert [each["model"] for each in lines(capsys.readouterr().out)] == [model, f"{model}-2"]
    assert run(["models", "card", model]) == Exit.OK
    assert "| sale | conversion | auc |" in capsys.readouterr().out
    for command in ("merge", "fuse"):
        both = [model, f"{model}-2", "--out", str(tmp_path / "both")]
        assert run(["models", command, *both]) == Exit.BAD_INPUT
        assert "as each model of tasks on texts has" in capsys.readouterr().err


def test_twins_have_what_a_conversion_is_given_and_judge_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_log(tmp_path, 300)
    log = tmp_path / "log.jsonl"
    rows = [json.loads(row) for row in log.read_text().splitlines()]
    for row in rows[::10]:
        row["click"] = 7  # bad for click and sale; twins of other tasks do not read it
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = tmp_path / "heads.toml"
    config.write_text("twin_margin = 100\n" + RECIPE.replace("epochs = 4", "epochs = 1"))
    words = ["train", str(config), "--out", str(tmp_path / "m"), "--twins", "--json"]
    assert run([*words, "--skip-bad"]) == Exit.OK
    out, err = capsys.readouterr()
    assert "\n30 bad rows skipped" in err  # and not once more for each twin that reads them
    judged = [each for each in lines(out) if "passed" in each]
    assert [each["task"] for each in judged] == ["click", "sale", "stay", "cohort"]
    said = json.loads((tmp_path / "m-sale" / "behaviour.json").read_text())
    assert list(said["recipe"]["tasks"]) == ["click", "sale"]
    said = json.loads((tmp_path / "m-click" / "behaviour.json").read_text())
    assert list(said["recipe"]["tasks"]) == ["click"]
    assert run([*words, "--skip-bad"]) == Exit.OK  # nothing is trained again
    assert [each for each in lines(capsys.readouterr().out) if "passed" in each] == judged
    assert run([*words, "--skip-bad", "--seeds", "2"]) == Exit.OK
    pooled = [each for each in lines(capsys.readouterr().out) if "passed" in each]
    assert [(each["task"], each["seeds"]) for each in pooled] == [
        (each["task"], 2) for each in judged
    ]
    for model, seed in (("m", 0), ("m-seed-1", 1)):
        for task in ("", *(f"-{each['task']}" for each in judged)):
            said = json.loads((tmp_path / f"{model}{task}" / "behaviour.json").read_text())
            assert said["recipe"]["training"]["seed"] == seed
    assert all(a["loss"] != b["loss"] for a, b in zip(judged, pooled, strict=True))
    assert run([*words, "--skip-bad", "--seed", "1"]) == Exit.BAD_INPUT
    assert "m is of another recipe (training.seed: 0, now 1)" in capsys.readouterr().err


def test_a_bad_row_ends_it_with_file_and_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_log(tmp_path, 100)
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"click": 1}\n')
    (tmp_path / "heads.toml").write_text(RECIPE.replace("epochs = 4", "epochs = 1"))
    words = ["train", str(tmp_path / "heads.toml"), "--out", str(tmp_path / "m")]
    assert run(words) == Exit.BAD_INPUT
    assert "log.jsonl:101: no column 'country'" in capsys.readouterr().err
    assert run([*words, "--skip-bad"]) == Exit.OK
    assert "1 bad rows skipped" in capsys.readouterr().err


def test_tasks_without_test_rows_are_named_as_not_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_log(tmp_path, 200)
    config = tmp_path / "heads.toml"
    config.write_text(RECIPE.replace("epochs = 4", "epochs = 1").replace("test = ", "test = 0.0 #"))
    assert run(["train", str(config), "--out", str(tmp_path / "heads")]) == Exit.OK
    told = capsys.readouterr().err
    assert "not measured, for want of test rows: click, sale, stay, cohort." in told
