"""`rillstream rules check`: what a file means, beside the index that it is meant for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from streams.cli.doctor_files import files_of
from streams.cli.exits import Exit
from streams.cli.main import run
from streams.settings import load_settings
from tests.scoring.shop import item, open_shop

FILE = """
[bought]
days = 7
cycle_days = { categories = { Coffee = 21 } }
[block]
words = ["used"]
categories = ["Cofee"]
[price]
min = 1
[caps]
brand = 2
[[pins]]
item = "gone"
position = 1
query = "mug"
"""


def test_a_file_is_said_in_words_and_compared_with_the_index(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, indexes = tmp_path / "rules.toml", tmp_path / "indexes"
    file.write_text(FILE)
    arguments = ["rules", "check", str(file), "--index-dir", str(indexes)]
    assert run(arguments) == Exit.OK
    alone = capsys.readouterr().out
    assert "left out for 7 days, 21 days for category Coffee" in alone
    assert "Pinned: gone at 1 (a search with 'mug')" in alone
    assert "were not compared" in alone
    items = [item("a", title="Used mug", price=3.0), item("b", category="Coffee", price=0.5)]
    open_shop(indexes, items, np.eye(2, dtype=np.float32))
    assert run([*arguments, "--json"]) == Exit.OK
    found = json.loads(capsys.readouterr().out)
    assert found["blocked"] == {"blocked_word": 1, "price": 1}
    assert found["warnings"] == [
        "item 'gone' is not in the index",
        "category 'Cofee' is not in the index; do you mean 'Coffee'?",
    ]


@pytest.mark.parametrize("popularity", [None, [2.0, 1.0]])
def test_a_floor_for_the_tail_needs_to_know_what_sells(
    popularity: list[float] | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rules.toml"
    file.write_text("[floors]\ntail = 0.2\n")
    open_shop(tmp_path, [item("a"), item("b")], np.eye(2, dtype=np.float32), popularity=popularity)
    assert run(["rules", "check", str(file), "--index-dir", str(tmp_path)]) == Exit.OK
    assert ("warning: floors.tail" in capsys.readouterr().out) == (popularity is None)


def test_a_file_that_means_nothing_ends_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rules.toml"
    file.write_text("[caps]\ncategroy = 2\n")
    assert run(["rules", "check", str(file)]) == Exit.BAD_INPUT
    (line,) = capsys.readouterr().err.splitlines()
    assert "do you mean `category`" in line


@pytest.mark.parametrize(
    ("text", "status", "detail"),
    [
        ("[caps]\nbrand = 2\n", "ok", "rules-"),
        ("[seen]\ntimes = 3\n", "bad", "needs impressions"),
        ("[cap]\nbrand = 2\n", "bad", "do you mean `caps`"),
    ],
)
def test_the_doctor_looks_at_the_rules_that_are_set(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    status: str,
    detail: str,
) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(text)
    monkeypatch.chdir(tmp_path)
    looked = files_of(load_settings(rules=file), debug=False)
    (found,) = (each for each in looked if each.subject == "rules")
    assert found.status == status
    assert detail in found.detail
