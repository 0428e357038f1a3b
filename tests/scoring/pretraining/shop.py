"""A tiny catalogue and its searches, in the words that the tiny encoders know."""

from __future__ import annotations

import random
from itertools import product
from pathlib import Path

from scoring.pretraining.recipe import Pretraining, read_pretraining
from tests.scoring.training.shop_rows import COLOURS, THINGS, write_jsonl

RECIPE = """
name = "tiny"
batch_size = 32
held_out = 0.2
contrast = 0.2

[catalogue.shop]
files = ["items.jsonl"]

[queries.shop]
files = ["queries.jsonl"]

[weights]
{weights}

[backbone]
source = "{encoder}"
dropout = {dropout}

[training]
epochs = {epochs}
learning_rate = 0.01

[card]
data = ["made for this test (CC0)"]
licence = "cc0-1.0"
"""


def write_files(folder: Path) -> None:
    """Titles like "big red mug", descriptions and queries that say the same in other words."""
    named = list(product(("big", "small"), COLOURS, THINGS))
    random.Random(2).shuffle(named)
    items = [
        {
            "item_id": str(n),
            "title": f"{size} {colour} {thing}",
            "description": f"a {thing} of {colour} for the {size}",
        }
        for n, (size, colour, thing) in enumerate(named)
    ]
    items[3]["description"] = ""
    write_jsonl(folder / "items.jsonl", items)
    queries = [
        {"query": query, "title": f"{size} {colour} {thing}"}
        for size, colour, thing in named
        for query in (f"{thing} {colour} {size}", f"the {colour} {thing} {size}")
    ]
    write_jsonl(folder / "queries.jsonl", queries)


def tiny_recipe(
    folder: Path, encoder: Path, epochs: int, weights: str = "", dropout: float = 0.0
) -> Pretraining:
    """A recipe for these files, written to the folder and read from it."""
    file = folder / "tiny.toml"
    text = RECIPE.format(encoder=encoder, epochs=epochs, weights=weights, dropout=dropout)
    file.write_text(text)
    return read_pretraining(file)
