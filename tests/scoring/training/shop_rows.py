"""Tiny tasks in the words that the tiny encoders know."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

COLOURS = ("red", "blue", "green")
THINGS = ("mug", "cup", "cable", "bike", "tea", "set")
FILLERS = ("the", "a", "of", "for", "for a", "of the")


def texts() -> list[str]:
    """All phrases of a filler, a colour, a size and a thing, shuffled."""
    found = [" ".join(words) for words in product(FILLERS, COLOURS, ("big", "small"), THINGS)]
    random.Random(4).shuffle(found)
    return found


def colour(text: str) -> str:
    return next(word for word in text.split() if word in COLOURS)


def write_jsonl(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_shop(folder: Path) -> None:
    """Files of four tasks: colours, sizes, searches with grades, questions with answers."""
    phrases = texts()
    write_jsonl(folder / "colours.jsonl", [{"text": t, "label": colour(t)} for t in phrases])
    sizes = [{"said": t, "stars": 1 + 4 * ("big" in t)} for t in phrases]
    write_jsonl(folder / "sizes.jsonl", sizes)
    pairs = product(("red mug", "blue cup", "green bike", "red cable"), phrases[:40])
    write_jsonl(
        folder / "searches.jsonl",
        [{"query": q, "title": t, "score": len(set(q.split()) & set(t.split()))} for q, t in pairs],
    )
    asked = [{"question": f"{t} for", "answer": " ".join(t.split()[-3:])} for t in phrases[:60]]
    write_jsonl(folder / "answers.jsonl", asked)


RECIPE = """
name = "colours"
batch_size = 16

[backbone]
source = "{encoder}"
dropout = 0.0

[training]
epochs = 12
learning_rate = 0.01
measure = "colour.accuracy"

[tasks.colour]
type = "classification"
train = ["colours.jsonl"]
test = 0.3
validation = 0.2

[card]
data = ["made for this test (CC0)"]
"""

_SHOP = """
name = "shop"
batch_size = 24
temperature = 2

[backbone]
source = "{encoder}"
dropout = 0.0
adaptation = "{adaptation}"

[training]
epochs = {epochs}
learning_rate = 0.003
"""

_TASKS = {
    "colour": """
type = "classification"
train = ["colours.jsonl"]
test = 0.2
""",
    "size": """
type = "binary"
train = ["sizes.jsonl"]
test = 0.2
columns = { text = "said", label = "stars" }
yes_from = 4
no_to = 2
""",
    "relevance": """
type = "relevance"
train = ["searches.jsonl"]
test = ["searches.jsonl"]
widths = [8]
""",
    "answer": """
type = "answer"
train = ["answers.jsonl"]
test = 0.3
""",
}


def shop_recipe(
    encoder: Path, epochs: int, *, adaptation: str = "full", tasks: Sequence[str] = tuple(_TASKS)
) -> str:
    """A recipe of several tasks, as TOML."""
    head = _SHOP.format(encoder=encoder, adaptation=adaptation, epochs=epochs)
    return head + "".join(f"[tasks.{name}]{_TASKS[name]}" for name in tasks)
