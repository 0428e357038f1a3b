"""A shop small enough to think through, and requests to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index import IndexStore, Item, Snapshot, build_index
from scoring import TYPE_CODES, History, Interaction, Request
from scoring.bought import Bought, BoughtLog

NOW_MS = 1_800_000_000_000
MINUTE_MS = 60_000
DAY_MS = 86_400_000
ENCODER = "by-hand"

Vectors = NDArray[np.float32]


class Words:
    """A query tower that knows some texts, and counts what it was asked for."""

    version = ENCODER

    def __init__(self, vectors: Mapping[str, Sequence[float]]) -> None:
        self._vectors = vectors
        self.asked: list[list[str]] = []

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        self.asked.append(list(texts))
        rows = np.array([self._vectors[text] for text in texts], np.float32)
        unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit


def open_shop(
    folder: Path,
    items: Sequence[Item],
    vectors: Sequence[Sequence[float]] | Vectors,
    popularity: Sequence[float] | None = None,
) -> Snapshot:
    """A snapshot that searches exactly."""
    store = IndexStore(folder)
    known = None if popularity is None else np.array(popularity, np.float32)
    rows = np.array(vectors, np.float32)
    build_index(store, items, rows, encoder_version=ENCODER, engine="exact", popularity=known)
    return store.open()


def item(item_id: str, **more: object) -> Item:
    """An item whose title is its id in capitals."""
    return Item(**({"item_id": item_id, "title": item_id.upper()} | more))  # type: ignore[arg-type]


def did(
    event_type: str, item_id: str, age_ms: float = 5 * MINUTE_MS, weight: int = 1
) -> Interaction:
    """Something that the user did `age_ms` before NOW_MS."""
    at_ms = NOW_MS - int(age_ms)
    return Interaction(at_ms, item_id, TYPE_CODES[event_type], at_ms, weight)


def bought(item_id: str, age_ms: float, event_type: str = "purchase") -> Bought:
    """A purchase, or a return, that the log of what was bought knows."""
    at_ms = NOW_MS - int(age_ms)
    return Bought(at_ms & 0xFFFFFFFF, item_id, at_ms, 1, TYPE_CODES[event_type])


def request(
    *interactions: Interaction,
    query: str | None = None,
    counts: Mapping[str, float] | None = None,
    exclude: Sequence[str] = (),
    user_id: str = "u",
    log: Sequence[Bought] = (),
    region: str | None = None,
) -> Request:
    """A list is wanted at NOW_MS."""
    history = History(interactions, counts or {}, bought=BoughtLog.of(log))
    return Request(user_id, NOW_MS, history, query, frozenset(exclude), region=region)
