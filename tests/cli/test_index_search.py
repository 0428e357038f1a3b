"""Conditions of `rillstream index search`, on a version of three items."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from index import IndexStore, Item, build_index
from scoring import load_encoder
from streams.cli.exits import Exit
from streams.cli.main import run

ITEMS = [
    Item(item_id="mug", title="Blue stoneware mug", category="kitchen", in_stock=False),
    Item(item_id="pot", title="Red enamel teapot", category="kitchen", brand="Potter", price=12.5),
    Item(item_id="owl", title="Felt owl decoration", category="garden", price=4.0),
]


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one version."""
    folder = tmp_path_factory.mktemp("indexes")
    encoder = load_encoder(None, threads=1)
    vectors = encoder.encode_items([encoder.item_text(item) for item in ITEMS])
    build_index(IndexStore(folder), ITEMS, vectors, encoder_version=encoder.version)
    return folder


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {"mug", "pot", "owl"}),
        (["--in-stock"], {"pot", "owl"}),
        (["--category", "kitchen"], {"mug", "pot"}),
        (["--category", "kitchen", "--category", "garden", "--in-stock"], {"pot", "owl"}),
        (["--brand", "Potter"], {"pot"}),
        (["--brand", "Nobody"], set()),
        (["--price-min", "4", "--price-max", "10"], {"owl"}),
    ],
)
def test_only_items_that_meet_the_conditions_are_found(
    where: Path, capsys: pytest.CaptureFixture[str], words: list[str], expected: set[str]
) -> None:
    base = ["index", "search", "coffee cup", "--json", "--index-dir", str(where)]
    assert run([*base, *words]) == Exit.OK
    hits = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {hit["item_id"] for hit in hits} == expected
    assert len(hits) == len(expected)


def test_a_search_that_finds_nothing_says_so_and_prints_no_table(
    where: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--index-dir", str(where), "--brand", "Nobody"]
    assert run(["index", "search", "cup", *words]) == Exit.OK
    said = capsys.readouterr()
    assert (said.out, "meets these conditions" in said.err) == ("", True)


def test_bounds_that_nothing_meets_are_a_usage_error(
    where: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--index-dir", str(where), "--price-min", "9", "--price-max", "1"]
    assert run(["index", "search", "cup", *words]) == Exit.USAGE
    assert "price_min is 9, above price_max, 1" in capsys.readouterr().err
