"""Groups of users: how well they are known, and where they are."""

from __future__ import annotations

from scoring.user_groups import FEWEST, by_familiarity, by_label


def test_users_are_new_rare_or_frequent() -> None:
    assert by_familiarity([0, 1, 3, 4, 99]) == {
        "new users": [0],
        "rare users": [1, 2],
        "frequent users": [3, 4],
    }
    assert by_familiarity([5]) == {"frequent users": [0]}


def test_small_groups_are_one() -> None:
    labels = ["B"] * (FEWEST - 1) + ["A"] * FEWEST + [None] + ["C"]
    found = by_label(labels, "others")
    assert list(found) == ["A", "others"]
    assert len(found["A"]) == FEWEST
    assert len(found["others"]) == FEWEST
    assert by_label(["B", None], "others") == {}
