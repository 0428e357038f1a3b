"""The guide from rows to a model in service, word by word, with the encoder of the package."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from streams.cli.exits import Exit
from streams.cli.main import run

PAGE = (Path(__file__).parents[2] / "docs" / "training.md").read_text()
SECTION = PAGE.split("## From rows to a model in service\n")[1].split("\n## ")[0]


def block(kind: str) -> str:
    (text,) = re.findall(rf"```{kind}\n(.*?)```", SECTION, re.DOTALL)
    return str(text)


def write_files(folder: Path) -> None:
    """Each of the page's lines in its file, with forty more like it: a shop has more than one."""
    pair, intent, question, item = map(json.loads, block("json").splitlines())
    rows: dict[str, list[dict[str, Any]]] = {
        "pairs.jsonl": [
            {"query": f"{colour} {thing}", "title": f"{title} {thing}", "score": colour == title}
            for colour in ("red", "blue", "green", "white")
            for thing in ("mug", "cup", "plate", "bowl", "towel")
            for title in ("red", "blue")
        ],
        "intents.jsonl": [
            {"text": f"{text} {number}", "label": label}
            for number in range(20)
            for text, label in (("where is my parcel", "delivery"), ("send it back", "returns"))
        ],
        "questions.jsonl": [],
        "items.jsonl": [{"item_id": f"i{n}", "title": f"plate no {n}"} for n in range(40)],
    }
    shown = zip(rows, (pair, intent, question, item), strict=True)
    for name, row in shown:
        assert not rows[name] or rows[name][0].keys() == row.keys()
        text = "".join(json.dumps(each) + "\n" for each in [row, *rows[name]])
        (folder / name).write_text(text)
    (folder / "shop.toml").write_text(block("toml"))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_guide_leads_from_rows_to_a_searchable_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    for line in block("console").splitlines():
        words = shlex.split(line.removeprefix("$ ").split(" #")[0])
        assert run(words[1:]) == Exit.OK, capsys.readouterr().err
    told = capsys.readouterr()
    assert "not measured" not in told.err
    (answer,) = map(json.loads, (tmp_path / "labels.jsonl").read_text().splitlines())
    assert answer["label"] == "returns"
    assert re.search(r"^ +1 +mug-1 ", told.out, re.MULTILINE), told.out
