"""rillstream pretrain, as a person types it, and what its encoder is good for."""

import json
from pathlib import Path

import pytest

from streams.cli.exits import Exit
from streams.cli.main import run
from tests.scoring.conftest import masking_bert  # noqa: F401 - a fixture
from tests.scoring.pretraining.shop import tiny_recipe, write_files
from tests.scoring.training.shop_rows import RECIPE, write_shop


def test_from_a_shops_files_to_an_encoder_that_train_begins_with(
    tmp_path: Path,
    masking_bert: Path,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_files(tmp_path)
    write_shop(tmp_path)
    tiny_recipe(tmp_path, masking_bert, 2)
    encoder = tmp_path / "words"
    words = ["pretrain", str(tmp_path / "tiny.toml"), "--out", str(encoder), "--seed", "3"]
    assert run([*words, "--json"]) == Exit.OK
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [set(row) for row in told] == [{"measure", "before", "after"}] * 4
    assert (
        json.loads((encoder / "pretraining" / "pretraining.json").read_text())["recipe"][
            "training"
        ]["seed"]
        == 3
    )

    assert run(["models", "card", str(encoder)]) == Exit.OK
    assert "| words.perplexity |" in capsys.readouterr().out
    (tmp_path / "colours.toml").write_text(
        RECIPE.format(encoder=encoder).replace("epochs = 12", "epochs = 1")
    )
    model = str(tmp_path / "colours")
    assert run(["train", str(tmp_path / "colours.toml"), "--out", model]) == Exit.OK

    assert run(words) == Exit.BAD_INPUT
    assert "is there already" in capsys.readouterr().err
    (tmp_path / "tiny.toml").write_text('name = "x"\n[catalog.shop]\nfiles = ["items.jsonl"]\n')
    assert run([*words[:2], "--out", model + "2"]) == Exit.BAD_INPUT
    assert "do you mean `catalogue`?" in capsys.readouterr().err
    (tmp_path / "tiny.toml").write_text('name = "x"\n[catalogue.shop]\nfiles = ["no.jsonl"]\n')
    assert run([*words[:2], "--out", model + "2"]) == Exit.BAD_INPUT
    assert "no.jsonl is not a file: name the folder of your data" in capsys.readouterr().err
