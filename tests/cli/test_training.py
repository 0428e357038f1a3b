"""rillstream train, evaluate, predict and models, as a person types them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scoring.saved.folder import read_saved
from streams.cli.exits import Exit
from streams.cli.main import run
from tests.scoring.conftest import tiny_bert  # noqa: F401 - a fixture
from tests.scoring.training.shop_rows import RECIPE, write_shop


@pytest.fixture
def recipe(tmp_path: Path, tiny_bert: Path) -> Path:  # noqa: F811
    write_shop(tmp_path)
    file = tmp_path / "colours.toml"
    file.write_text(RECIPE.format(encoder=tiny_bert).replace("epochs = 12", "epochs = 3"))
    return file


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_from_rows_to_answers(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "models" / "colours"
    assert run(["train", str(recipe), "--out", str(model), "--json"]) == Exit.OK
    trained = lines(capsys.readouterr().out)
    assert trained[0]["task"] == "colour"

    assert run(["evaluate", str(model), "--data", str(tmp_path), "--json"]) == Exit.OK
    assert lines(capsys.readouterr().out)[0]["accuracy"] == pytest.approx(trained[0]["accuracy"])

    ask = tmp_path / "ask.csv"
    ask.write_text("text\na red mug\nthe blue cup\n")
    answers = tmp_path / "answers.jsonl"
    words = ["predict", str(model), "colour", "--input", str(ask), "--out", str(answers)]
    assert run(words) == Exit.OK
    assert [row["text"] for row in lines(answers.read_text())] == ["a red mug", "the blue cup"]

    assert run(["models", "list", str(tmp_path / "models"), "--json"]) == Exit.OK
    assert lines(capsys.readouterr().out)[0]["model"] == str(model)
    assert run(["models", "list", str(tmp_path / "models")]) == Exit.OK
    assert "colour accuracy" in capsys.readouterr().out
    assert run(["models", "card", str(model)]) == Exit.OK
    assert "# colours" in capsys.readouterr().out

    other = tmp_path / "other.csv"
    other.write_text("text,label\na red mug,teapot\n")
    measure = ["evaluate", str(model), "--input", str(other)]
    assert run(measure) == Exit.BAD_INPUT
    assert "none has a label that it knows" in capsys.readouterr().err

    again = ["train", str(recipe), "--out", str(tmp_path / "models" / "two"), "--seed", "1"]
    assert run(again) == Exit.OK
    capsys.readouterr()
    assert run(["models", "diff", str(model), again[3], "--json"]) == Exit.OK
    told = lines(capsys.readouterr().out)
    assert {"name": "recipe.training.seed", "first": 0, "second": 1} in told
    merged = str(tmp_path / "models" / "merged")
    assert run(["models", "merge", str(model), again[3], "--out", merged]) == Exit.OK
    assert run(["evaluate", merged, "--data", str(tmp_path)]) == Exit.OK


def test_a_folder_without_models_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["models", "list", str(tmp_path)]) == Exit.OK
    said = capsys.readouterr()
    assert said.out == ""
    assert "No trained model" in said.err
    (tmp_path / "file").write_text("x")
    assert run(["models", "list", str(tmp_path / "file")]) == Exit.BAD_INPUT


def test_twins_are_trained_compared_and_judged(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With one task the twin is the model itself; a margin of nothing is met by nothing worse."""
    words = ["train", str(recipe), "--out", str(tmp_path / "model"), "--twins", "--json"]
    assert run(words) == Exit.OK
    judged = lines(capsys.readouterr().out)[-1]
    assert (judged["task"], judged["passed"], judged["upper"]) == ("colour", True, 0.0)
    assert (tmp_path / "model-colour").is_dir()
    assert run(words) == Exit.OK  # nothing is trained again
    assert lines(capsys.readouterr().out) == [judged]
    assert run([*words, "--seed", "1"]) == Exit.BAD_INPUT  # seed 0 is not judged once more as 1
    assert "model is of another recipe (training.seed: 0, now 1)" in capsys.readouterr().err


def test_twins_of_several_seeds_are_judged_together(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(recipe), "--out", str(tmp_path / "model"), "--seed", "4", "--json"]
    assert run([*words, "--seeds", "2"]) == Exit.USAGE
    assert "--seeds is of --twins" in capsys.readouterr().err
    words += ["--twins"]
    assert run(words) == Exit.OK
    one = lines(capsys.readouterr().out)[-1]
    assert run([*words, "--seeds", "2"]) == Exit.OK  # seed 4 is not trained again
    out, err = capsys.readouterr()
    assert err.count("saved in") == 2
    (judged,) = lines(out)
    for name, seed in (("model", 4), ("model-seed-5", 5)):
        for folder in (name, f"{name}-colour"):
            assert read_saved(tmp_path / folder).recipe.training.seed == seed
    assert (one["seeds"], judged["seeds"], judged["passed"]) == (1, 2, True)
    assert judged["loss"] == judged["twin_loss"] != one["loss"]


def test_bad_rows_end_it_with_file_and_line_or_are_skipped_with_counts(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (tmp_path / "colours.jsonl").open("a") as file:
        file.write('{"text": ""}\n')
    words = ["train", str(recipe), "--out", str(tmp_path / "model")]
    assert run(words) == Exit.BAD_INPUT
    assert "colours.jsonl:217: 'text' empty" in capsys.readouterr().err
    assert run([*words, "--skip-bad"]) == Exit.OK
    assert "1 bad rows skipped: " in capsys.readouterr().err


def test_a_task_without_test_rows_is_named_as_not_measured(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "models" / "colours"
    assert run(["train", str(recipe), "--out", str(model)]) == Exit.OK
    assert "not measured" not in capsys.readouterr().err
    recipe.write_text(recipe.read_text().replace("test = ", "test = 0.0 #"))
    assert run(["train", str(recipe), "--out", str(model.with_name("untested"))]) == Exit.OK
    assert "not measured, for want of test rows: colour." in capsys.readouterr().err


def test_an_unknown_setting_is_one_line_with_the_nearest(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe.write_text(recipe.read_text().replace("epochs", "epoch"))
    assert run(["train", str(recipe)]) == Exit.BAD_INPUT
    assert "do you mean `epochs`?" in capsys.readouterr().err


@pytest.mark.timeout(300)  # a busy machine takes its time to begin
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, Exit.INTERRUPTED), (signal.SIGTERM, Exit.TERMINATED)]
)
def test_a_signal_ends_it_after_a_step_and_the_same_command_goes_on(
    recipe: Path, tmp_path: Path, number: signal.Signals, code: Exit
) -> None:
    recipe.write_text(
        recipe.read_text().replace("epochs = 3", "epochs = 400\ncheckpoint_every_s = 0")
    )
    model = tmp_path / "model"
    words = [sys.executable, "-m", "streams.cli.main", "train", str(recipe), "--out", str(model)]
    state = tmp_path / ".model.training" / "checkpoint.json"
    environment = {**os.environ, "TOKENIZERS_PARALLELISM": "false"}
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment) as child:
        until_s = time.monotonic() + 200
        while not state.is_file() and child.poll() is None and time.monotonic() < until_s:
            time.sleep(0.05)
        child.send_signal(number)
        _, said = child.communicate(timeout=30)
    assert child.returncode == code, said
    assert "run again to go on" in said
    assert not model.exists()
    assert json.loads(state.read_text())["epoch"] >= 0


NEXT = """
kind = "next-item"
name = "walk"
events = ["events.jsonl"]

[tower]
width = 16
n_blocks = 1

[training]
epochs = 2
learning_rate = 0.02
"""


def test_a_tower_from_events_to_lists(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = [
        {"user_id": f"u{user}", "item_id": f"i{(user + n) % 9}", "type": "click", "at_ms": n}
        for user in range(30)
        for n in range(5)
    ]
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(row) + "\n" for row in events))
    (tmp_path / "walk.toml").write_text(NEXT)
    model = str(tmp_path / "walk")
    assert run(["train", str(tmp_path / "walk.toml"), "--out", model, "--json"]) == Exit.OK
    [trained] = lines(capsys.readouterr().out)
    assert trained["task"] == "next-item"

    assert run(["evaluate", model, "--data", str(tmp_path), "--json"]) == Exit.OK
    assert lines(capsys.readouterr().out) == [trained]

    ask = ["predict", model, "next-item", "--input", str(tmp_path / "events.jsonl")]
    assert run(ask) == Exit.OK
    answers = lines(capsys.readouterr().out)
    assert {row["user_id"] for row in answers} == {f"u{user}" for user in range(30)}
    assert run(["predict", model, "intent", *ask[3:]]) == Exit.BAD_INPUT
    assert "answers next-item, not intent" in capsys.readouterr().err

    with (tmp_path / "events.jsonl").open("a") as file:
        file.write('{"user_id": "u1", "item_id": "i1"}\n')
    again = ["train", str(tmp_path / "walk.toml"), "--out", f"{model}-2"]
    assert run(again) == Exit.BAD_INPUT
    assert "events.jsonl:151: no column 'at_ms'" in capsys.readouterr().err
    (tmp_path / "walk.toml").write_text(NEXT.replace("width", "widht"))
    assert run(again) == Exit.BAD_INPUT
    assert "do you mean `width`?" in capsys.readouterr().err
