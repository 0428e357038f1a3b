"""Keyword stuffing: with the default encoder, a title that says everything is found by less."""

from __future__ import annotations

import re
from collections import Counter
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from scoring import load_encoder
from streams.demo.shop import sample_items

N_ITEMS, N_ATTACKERS, TOP = 300, 30, 3


def found(queries: NDArray[np.float32], items: NDArray[np.float32]) -> int:
    """Places that the attackers, who are the first items, have among the best of each query."""
    best = np.argsort(-(queries @ items.T), axis=1, kind="stable")[:, :TOP]
    return int((best < N_ATTACKERS).sum())


def test_a_stuffed_title_does_not_rise_in_searches_and_loses_its_own() -> None:
    encoder = load_encoder(threads=1)
    titles = [item.title for item in sample_items()[:: 3_659 // N_ITEMS]][:N_ITEMS]
    words = [re.findall("[a-z]{3,}", title.lower()) for title in titles]
    common = [word for word, _ in Counter(chain.from_iterable(words)).most_common(20)]
    queries = encoder.encode_queries([" ".join(each[:2]) for each in words])
    stuffed = [f"{title} {' '.join(common)}" for title in titles[:N_ATTACKERS]]
    items = encoder.encode_items(titles)
    after = items.copy()
    after[:N_ATTACKERS] = encoder.encode_items(stuffed)
    others, own = queries[N_ATTACKERS:], queries[:N_ATTACKERS]
    assert found(others, after) < found(others, items) / 2
    assert found(own, after) < found(own, items)
