"""A simulated log of impressions whose true chances are known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

RECIPE = """
kind = "behaviour"
name = "heads"
train = ["log.jsonl"]
test = 0.25
validation = 0.2
group = "user_id"
batch_size = 128

[features]
country = { type = "category", width = 3 }
age = { type = "number", ramps = 3 }
interest = { type = "vector" }
item = { type = "vector", column = "item_vector", side = "item" }
kind = { type = "category", side = "item", width = 4 }
position = { type = "number", side = "pair" }
match = { type = "cosine", of = ["interest", "item"] }
past = { type = "history", candidate = "kind", length = 3, hidden = 4 }

[tasks]
click = { type = "binary" }
sale = { type = "conversion", given = "click" }
stay = { type = "engagement" }
cohort = { type = "classes" }

[sharing]
hidden = [16]
tower = [8]

[training]
epochs = 4
learning_rate = 0.02
measure = "loss"
lower_is_better = true
"""


def write_log(folder: Path, n: int = 1_500, seed: int = 0) -> list[dict[str, Any]]:
    """`log.jsonl`: clicks by the match of interest and item, sales by kind, cohort by country."""
    rng = np.random.default_rng(seed)
    rows = []
    for place in range(n):
        interest, item = rng.normal(size=(2, 3))
        country, kind = rng.choice(["no", "it"]), rng.choice(["mug", "tea"])
        cosine = interest @ item / np.linalg.norm(interest) / np.linalg.norm(item)
        click = rng.random() < 1 / (1 + np.exp(-3 * cosine))
        sale = click and rng.random() < (0.6 if kind == "mug" else 0.1)
        rows.append(
            {
                "user_id": f"u{place % 97}",
                "at_ms": 1_000 * place,
                "country": country,
                "age": None if place % 10 == 0 else float(rng.integers(18, 80)),
                "interest": interest.round(4).tolist(),
                "item_vector": item.round(4).tolist(),
                "kind": kind,
                "position": float(rng.integers(10)),
                "past": rng.choice(["mug", "tea", "pot"], rng.integers(5)).tolist(),
                "click": int(click),
                "sale": int(sale),
                "dwell_ms": float(rng.exponential(9_000 if kind == "mug" else 500)),
                "depth": None,
                "cohort": "north" if country == "no" else "south",
            }
        )
    for row in rows[::3]:
        row["depth"] = float(rng.random())
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return rows
