"""Popularity is a count, whatever the order and however it is summed up."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.building import popularity as module
from streams.building.popularity import Popularity
from streams.errors import BadFileError

EVENTS = [
    {"event_id": "1", "user_id": "ann", "type": "purchase", "item_id": "pot", "at_ms": 1},
    {"event_id": "2", "user_id": "ann", "type": "view", "item_id": "pot", "at_ms": 2},
    {"event_id": "3", "user_id": "ann", "type": "return", "item_id": "mug", "at_ms": 3},
    {"event_id": "4", "user_id": "ann", "type": "visit", "at_ms": 4},
    {"event_id": "5", "user_id": "ann", "type": "search", "query": "mug", "at_ms": 5},
]


@given(st.lists(st.sampled_from(["a", "b", "ä", "long" * 30])), st.integers(1, 5))
def test_each_id_is_counted(ids: list[str], step: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_IDS_A_STEP", step)
        counted = Popularity.of_ids(ids)
    wanted = ["b", "never", "a", "a", "ä", "long" * 30]
    assert counted.of(wanted).tolist() == [Counter(ids)[item_id] for item_id in wanted]


def test_counts_may_be_given(tmp_path: Path) -> None:
    counted = Popularity()
    counted.add(["a", "b"], np.array([2, 3], np.float32))
    counted.add(["b"], np.array([0.5], np.float32))
    assert counted.of(["a", "b", "c"]).tolist() == [2.0, 3.5, 0.0]


def test_events_count_but_no_returns(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in EVENTS))
    assert Popularity.of_files([file]).of(["mug", "pot", "owl"]).tolist() == [0.0, 2.0, 0.0]


def test_a_bad_event_ends_the_count_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(json.dumps(EVENTS[0]) + "\n{\n")
    with pytest.raises(BadFileError, match=r"events\.jsonl:2"):
        Popularity.of_files([file])
