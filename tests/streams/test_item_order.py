"""What comes late undoes nothing; what an edition was opened with is not remembered."""

from __future__ import annotations

import pytest

from streams.item_changes import Deletion
from streams.live.item_order import ItemOrder
from streams.row import Source


def change(offset: int | None, key: str = "topic:0", item_id: str = "i") -> Deletion:
    return Deletion(item_id, 1, None if offset is None else Source(key, offset))


@pytest.mark.parametrize(
    ("passed", "late", "takes"),
    [
        (change(7), change(6), False),
        (change(7), change(7), True),  # delivered again
        (change(7), change(8), True),
        (change(7), change(6, item_id="other"), True),
        (change(7), change(6, key="recreated topic:0"), True),
        (change(7), change(None), True),
        (change(4), change(3), True),  # both from before: read in their order
    ],
)
def test_only_older_changes_of_the_same_log_are_held_back(
    passed: Deletion, late: Deletion, takes: bool
) -> None:
    order = ItemOrder({"topic:0": 5})
    assert order.takes(passed)
    assert order.takes(late) is takes
