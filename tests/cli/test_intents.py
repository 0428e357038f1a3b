"""rillstream tasks label-intents and invent-queries, as a person types them."""

import json
from pathlib import Path

import pytest

from streams.cli.exits import Exit
from streams.cli.main import run
from tests.scoring.intents.shop import ITEMS


@pytest.fixture
def items(tmp_path: Path) -> str:
    file = tmp_path / "items.jsonl"
    file.write_text("".join(json.dumps({"name": item.title}) + "\n" for item in ITEMS))
    return str(file)


def rows(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_queries_become_rows_that_a_head_learns_from(items: str, tmp_path: Path) -> None:
    log, held, out = (tmp_path / name for name in ("log.csv", "held.jsonl", "out.jsonl"))
    log.write_text("asked\nRed  Kettle\nkelvora\nred kettle\nreturn policy\n")
    held.write_text('{"text": "Kelvora"}\n')
    words = ["tasks", "label-intents", str(log), "--items", items, "--column", "query=asked"]
    words += ["--column", "title=name", "--out", str(out), "--without", str(held)]
    assert run(words) == Exit.OK
    assert rows(out) == [
        {"text": "red kettle", "label": "category", "rule": "a kind", "n": 2},
        {"text": "return policy", "label": "service", "rule": "help", "n": 1},
    ]


def test_a_bad_row_is_named_with_its_line(
    items: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, out = tmp_path / "log.jsonl", tmp_path / "out.jsonl"
    log.write_text('{"query": "mug"}\n{"asked": "mug"}\n')
    words = ["tasks", "label-intents", str(log), "--items", items, "--out", str(out)]
    words += ["--column", "title=name"]
    assert run(words) == Exit.BAD_INPUT
    assert "log.jsonl:2: no column 'query'" in capsys.readouterr().err
    assert not out.exists()
    assert run([*words, "--skip-bad"]) == Exit.OK
    assert [row["text"] for row in rows(out)] == ["mug"]
    assert run([*words, "--column", "colour=x"]) == Exit.USAGE
    assert run(words[:-2]) == Exit.BAD_INPUT
    assert "items.jsonl:1: no title, brand or category" in capsys.readouterr().err


def test_made_up_searches_are_marked_and_pairs_have_their_title(items: str, tmp_path: Path) -> None:
    out, pairs = tmp_path / "queries.jsonl", tmp_path / "pairs.jsonl"
    words = ["tasks", "invent-queries", "--items", items, "--column", "title=name", "--max", "50"]
    assert run([*words, "--out", str(out), "--pairs", str(pairs)]) == Exit.OK
    assert all(row["simulated"] is True for row in rows(out))
    found = rows(pairs)
    assert 0 < len(found) < len(rows(out))
    titles = {item.title for item in ITEMS}
    assert all(row["title"] in titles and row["query"] for row in found)
