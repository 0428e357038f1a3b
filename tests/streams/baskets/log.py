"""A shop whose customers have one of two tastes: events in order of time, and its index."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np

from index import IndexStore, Item, Snapshot, build_index

DAY_MS: Final = 86_400_000
BEGIN_MS: Final = 1_700_000_000_000
N_ITEMS: Final = 24


def events(n_days: int = 60, n_users: int = 24, seed: int = 0) -> list[dict[str, Any]]:
    """Each user comes every few days, and buys items of their taste, often the same again."""
    rng = np.random.default_rng(seed)
    found = []
    for user in range(n_users):
        own = rng.permutation(np.arange(12) + 12 * (user % 2))[:4]
        day = float(rng.uniform(0, 4))
        while day < n_days:
            at_ms = BEGIN_MS + int(day * DAY_MS)
            bought = set(rng.choice(own, 2, replace=False).tolist())
            bought.add(int(rng.integers(12) + 12 * (user % 2)))
            found.append({"type": "visit", "user_id": f"u{user}", "at_ms": at_ms})
            found += [
                {
                    "type": "purchase",
                    "user_id": f"u{user}",
                    "item_id": f"i{item}",
                    "at_ms": at_ms + 60_000 * (1 + number),
                    "price": 2.0 + item,
                    "context": {"country": "GB"},
                }
                for number, item in enumerate(sorted(bought))
            ]
            day += float(rng.uniform(2, 8))
    found.sort(key=lambda event: int(str(event["at_ms"])))
    return [event | {"event_id": f"e{place}"} for place, event in enumerate(found)]


def write_events(file: Path, rows: list[dict[str, Any]]) -> None:
    """As JSON Lines."""
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def build_shop(folder: Path) -> Snapshot:
    """An index of the items; half of the vectors say which taste an item is of."""
    vectors = np.random.default_rng(1).normal(size=(N_ITEMS, 8)).astype(np.float32)
    vectors[:12, 0] += 2
    vectors[12:, 1] += 2
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    items = [Item(item_id=f"i{n}", title=f"item {n}", price=2.0 + n) for n in range(N_ITEMS)]
    store = IndexStore(folder)
    build_index(store, items, vectors, encoder_version="by-hand", engine="exact")
    return store.open()
